//! Where connections come from: a TCP port, in the clear or under TLS. The only user of rustls but for the CLI's client.
//!
//! ```text
//! port -> accept task -> a place in the crowd -> (a task for each handshake, bounded in number and time) -> Listener
//!   -> serve: HTTP
//! ```
//!
//! Handshakes have tasks of their own, so that one that is never finished holds up nobody. What is asked on a connection
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
    time::{MissedTickBehavior, interval, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

mod crowd;
pub mod limits;
mod serve;
mod tls;

use crowd::{Crowd, Place, Waits};
use limits::{ConnectionLimits, FILES_BESIDE_CONNECTIONS, PORTS};
pub use serve::{Versions, serve};
pub use tls::{Protocols, TlsError, TlsFiles, use_ring};

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
    limits: ConnectionLimits,
}

impl Listener {
    /// Accepts connections of a port, under TLS where it is given. Call it inside a runtime.
    ///
    /// # Errors
    ///
    /// Where the port is not bound.
    pub fn start(port: TcpListener, tls: Option<TlsAcceptor>) -> io::Result<Self> {
        Self::within(port, tls, ConnectionLimits::default())
    }

    /// As [`Self::start`], within other limits.
    ///
    /// # Errors
    ///
    /// Where the port is not bound.
    pub fn within(
        port: TcpListener,
        tls: Option<TlsAcceptor>,
        limits: ConnectionLimits,
    ) -> io::Result<Self> {
        let local_addr = port.local_addr()?;
        let limits = ConnectionLimits {
            connections_max: limits.connections_max.min(files_for_connections()),
            ..limits
        };
        let (sender, accepted) = mpsc::channel(WAITING_MAX);
        // Detached: it ends when the listener is dropped.
        drop(tokio::spawn(accept_until_closed(port, tls, sender, limits)));
        Ok(Self {
            accepted,
            local_addr,
            limits,
        })
    }

    pub(crate) fn limits(&self) -> &ConnectionLimits {
        &self.limits
    }

    /// Returns where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Returns the next connection when there is one; none where accepting has ended.
    pub async fn accept(&mut self) -> Option<(Connection, SocketAddr)> {
        self.accepted.recv().await
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener")
            .field("local_addr", &self.local_addr)
            .finish_non_exhaustive()
    }
}

async fn accept_until_closed(
    port: TcpListener,
    tls: Option<TlsAcceptor>,
    sender: mpsc::Sender<(Connection, SocketAddr)>,
    limits: ConnectionLimits,
) {
    let handshakes = Arc::new(Semaphore::new(HANDSHAKES_MAX));
    let crowd = Crowd::new(limits.connections_max);
    let mut look_for_idle = interval(limits.idle_looked_for_every);
    look_for_idle.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let accepted = tokio::select! {
            () = sender.closed() => return,
            accepted = port.accept() => accepted,
            _ = look_for_idle.tick() => {
                crowd.send_idle_away(limits.idle_max);
                continue;
            }
        };
        let (stream, from) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                pause_after(&error).await;
                continue;
            }
        };
        let place = crowd.enter();
        let Some(tls) = tls.clone() else {
            let stream = Stream::Plain(stream);
            let connection = Connection { stream, place };
            if sender.send((connection, from)).await.is_err() {
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
            if let Some(stream) = shake_hands(tls, stream, from, permit).await {
                let connection = Connection { stream, place };
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
) -> Option<Stream> {
    match timeout(HANDSHAKE_TIMEOUT, tls.accept(stream)).await {
        Ok(Ok(stream)) => Some(Stream::Tls(Box::new(stream))),
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

/// Returns how many connections one port may have, with as many files as the process may open; it asks for as many as it
/// may have.
fn files_for_connections() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let before = getrlimit(Resource::Nofile);
    let all = Rlimit {
        current: before.maximum,
        ..before
    };
    let files = match setrlimit(Resource::Nofile, all) {
        Ok(()) => all.current,
        Err(_) => before.current,
    };
    let of_port = files.map_or(u64::MAX, |files| {
        files.saturating_sub(FILES_BESIDE_CONNECTIONS) / PORTS
    });
    usize::try_from(of_port).unwrap_or(usize::MAX).max(16)
}

/// A connection that was accepted, in its place among the others of its port.
#[derive(Debug)]
pub struct Connection {
    stream: Stream,
    place: Place,
}

#[derive(Debug)]
enum Stream {
    /// In the clear.
    Plain(TcpStream),
    /// Under TLS, its handshake done.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Connection {
    fn moved<T>(&self, polled: Poll<T>) -> Poll<T> {
        if polled.is_ready() {
            self.place.moved();
        }
        polled
    }

    /// Whether writing is over, since another connection wants the place.
    fn is_cut(&self, cx: &Context<'_>) -> io::Result<()> {
        if self.place.is_to_go(Waits::ToWrite, cx) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(())
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.place.is_to_go(Waits::ToRead, cx) {
            // As if the client had closed it.
            return Poll::Ready(Ok(()));
        }
        let polled = match &mut this.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Stream::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        };
        this.moved(polled)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.is_cut(cx)?;
        let polled = match &mut this.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Stream::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        };
        this.moved(polled)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.is_cut(cx)?;
        let polled = match &mut this.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Stream::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        };
        this.moved(polled)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Plain(stream) => stream.is_write_vectored(),
            Stream::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.is_cut(cx)?;
        match &mut this.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.is_cut(cx)?;
        match &mut this.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests;
