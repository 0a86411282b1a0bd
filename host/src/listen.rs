//! Where connections come from: a TCP port, in the clear or under TLS. The only user of rustls but for the CLI's client.
//!
//! ```text
//! port -> accept task -> (a task for each handshake, bounded in number and time) -> Listener -> a server of HTTP
//! ```
//!
//! Handshakes have tasks of their own, so that one that is never finished holds up nobody. What is spoken on a connection
//! is not known here.

use std::{
    fmt, io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

mod tls;

pub use tls::{Protocols, TlsError, TlsFiles};

/// Connections that may wait to be taken by their server.
const WAITING_MAX: usize = 64;

/// Handshakes under way on one port; more connections wait in the kernel.
const HANDSHAKES_MAX: usize = 256;

/// How long a handshake may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long nothing is accepted where the machine has no file left for a connection.
const PAUSE: Duration = Duration::from_secs(1);

/// A port that accepts. Dropping it closes the port.
pub struct Listener {
    accepted: mpsc::Receiver<(Connection, SocketAddr)>,
    local_addr: SocketAddr,
}

impl Listener {
    /// Accepts connections of a port, under TLS where it is given. Call it inside a runtime.
    ///
    /// # Errors
    ///
    /// Where the port is not bound.
    pub fn start(port: TcpListener, tls: Option<TlsAcceptor>) -> io::Result<Self> {
        let local_addr = port.local_addr()?;
        let (sender, accepted) = mpsc::channel(WAITING_MAX);
        // Detached: it ends when the listener is dropped.
        drop(tokio::spawn(accept_until_closed(port, tls, sender)));
        Ok(Self {
            accepted,
            local_addr,
        })
    }

    /// Returns where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Returns the next connection when there is one; none where accepting has ended.
    pub fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Option<(Connection, SocketAddr)>> {
        self.accepted.poll_recv(cx)
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener")
            .field("local_addr", &self.local_addr)
            .finish_non_exhaustive()
    }
}

impl axum::serve::Listener for Listener {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        match self.accepted.recv().await {
            Some(accepted) => accepted,
            // The task ends with this listener, not before.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.local_addr)
    }
}

async fn accept_until_closed(
    port: TcpListener,
    tls: Option<TlsAcceptor>,
    sender: mpsc::Sender<(Connection, SocketAddr)>,
) {
    let handshakes = Arc::new(Semaphore::new(HANDSHAKES_MAX));
    loop {
        let accepted = tokio::select! {
            () = sender.closed() => return,
            accepted = port.accept() => accepted,
        };
        let (stream, from) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                pause_after(&error).await;
                continue;
            }
        };
        let Some(tls) = tls.clone() else {
            if sender
                .send((Connection::Plain(stream), from))
                .await
                .is_err()
            {
                return;
            }
            continue;
        };
        // The semaphore is never closed.
        let Ok(permit) = Arc::clone(&handshakes).acquire_owned().await else {
            return;
        };
        let sender = sender.clone();
        drop(tokio::spawn(async move {
            if let Some(connection) = shake_hands(tls, stream, from, permit).await {
                // A server that stops takes no more.
                let _stopped = sender.send((connection, from)).await;
            }
        }));
    }
}

async fn shake_hands(
    tls: TlsAcceptor,
    stream: TcpStream,
    from: SocketAddr,
    _permit: OwnedSemaphorePermit,
) -> Option<Connection> {
    match timeout(HANDSHAKE_TIMEOUT, tls.accept(stream)).await {
        Ok(Ok(stream)) => Some(Connection::Tls(Box::new(stream))),
        Ok(Err(error)) => {
            tracing::debug!(%from, %error, "a TLS handshake failed; does the client speak https?");
            None
        }
        Err(_) => {
            tracing::debug!(%from, "a TLS handshake took too long");
            None
        }
    }
}

/// A connection that its client gave up says nothing of the next; everything else is the machine's.
async fn pause_after(error: &io::Error) {
    let of_client = [
        io::ErrorKind::ConnectionRefused,
        io::ErrorKind::ConnectionAborted,
        io::ErrorKind::ConnectionReset,
    ];
    if !of_client.contains(&error.kind()) {
        tracing::error!(%error, "a connection cannot be accepted");
        tokio::time::sleep(PAUSE).await;
    }
}

/// A connection that was accepted.
#[derive(Debug)]
pub enum Connection {
    /// In the clear.
    Plain(TcpStream),
    /// Under TLS, its handshake done.
    Tls(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
