//! HTTP on the connections of a port: one server for gRPC, OTLP/HTTP and the API, with the same bounds.

use std::future::Future;

use axum::Router;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto::Builder, graceful::GracefulShutdown},
    service::TowerToHyperService,
};

use super::{
    Listener,
    limits::{
        CONCURRENT_STREAMS_MAX, HEADERS_BYTES_MAX, KEEPALIVE_INTERVAL, KEEPALIVE_TIMEOUT,
        STREAMS_RESET_MAX, STREAMS_TAKEN_BACK_MAX,
    },
};

/// What is spoken on a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Versions {
    /// HTTP/1.1 and HTTP/2.
    Both,
    /// HTTP/2 alone: gRPC.
    Http2,
}

/// Serves routes on the connections of a port until `shutdown`; requests in flight are finished.
pub async fn serve(
    mut listener: Listener,
    router: Router,
    versions: Versions,
    shutdown: impl Future<Output = ()>,
) {
    let mut server = Builder::new(TokioExecutor::new());
    if versions == Versions::Http2 {
        server = server.http2_only();
    }
    server
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(listener.limits().head_read_timeout)
        .max_buf_size(HEADERS_BYTES_MAX as usize);
    server
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(HEADERS_BYTES_MAX)
        .max_concurrent_streams(CONCURRENT_STREAMS_MAX)
        .max_pending_accept_reset_streams(STREAMS_TAKEN_BACK_MAX)
        .max_local_error_reset_streams(STREAMS_RESET_MAX)
        .keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT);
    let open = GracefulShutdown::new();
    tokio::pin!(shutdown);
    loop {
        let connection = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut shutdown => break,
        };
        let Some((connection, from)) = connection else {
            break;
        };
        let service = TowerToHyperService::new(router.clone());
        let served = server.serve_connection(TokioIo::new(connection), service);
        let served = open.watch(served.into_owned());
        drop(tokio::spawn(async move {
            if let Err(error) = served.await {
                tracing::debug!(%from, %error, "a connection ended");
            }
        }));
    }
    drop(listener);
    open.shutdown().await;
}
