//! What is known of the connection that a request came over.

use std::{any::Any, error::Error, future::pending, pin::Pin, sync::Arc, task::Poll, time::Duration};

#[cfg(target_os = "linux")]
use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::{
    body::{BodyStream, BoxBody, MessageBody as _},
    rt::net::TcpStream,
};
use futures::{FutureExt as _, stream};

/// How long a client may take nothing of what was sent to it.
const WRITE_STALL: Duration = Duration::from_secs(30);

/// The client left while it was answered.
#[derive(Debug, thiserror::Error)]
#[error("the client left")]
struct ClientLeft;

/// Whether a departure is seen here by [`Connection`]; elsewhere the server has to take every end of reading for one.
pub(crate) const SEES_DEPARTURES: bool = cfg!(target_os = "linux");

/// A second handle of a connection. The server itself stops reading when a client makes a mistake, and must not take
/// that for a departure, so that the client is told of its mistake; this sees the client leave.
#[derive(Clone)]
pub(crate) struct Connection(Option<Arc<TcpStream>>);

impl Connection {
    /// Watches a new connection, and has the system break it when its other end takes nothing, or does not say that it
    /// does.
    #[cfg(target_os = "linux")]
    pub(crate) fn new(stream: &dyn Any) -> Self {
        let secured = stream.downcast_ref::<TlsStream<TcpStream>>().map(|stream| stream.get_ref().0);
        let Some(stream) = stream.downcast_ref::<TcpStream>().or(secured) else { return Self(None) };
        let socket = socket2::SockRef::from(stream);
        if let Err(error) = socket.set_tcp_user_timeout(Some(WRITE_STALL)) {
            tracing::debug!(%error, "a connection has no limit for taking what is sent");
        }
        let second = socket.try_clone().and_then(|socket| TcpStream::from_std(socket.into()));
        if let Err(error) = &second {
            tracing::debug!(%error, "a connection can't be watched; its work runs on when the client leaves");
        }
        Self(second.ok().map(Arc::new))
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn new(_: &dyn Any) -> Self {
        Self(None)
    }

    /// Ends when the client has left, or will send nothing more.
    pub(crate) async fn left(self) {
        #[cfg(target_os = "linux")]
        if let Some(stream) = self.0
            // Of all that the system tells, this leaves out that there is something to read.
            && stream.ready(tokio::io::Interest::PRIORITY).await.is_ok()
        {
            return;
        }
        pending::<()>().await;
    }

    /// The body, broken off when the client leaves: one that has nothing to say would outlive its client.
    pub(crate) fn cut(self, mut body: BoxBody) -> BoxBody {
        let mut left = Box::pin(self.left());
        BoxBody::new(BodyStream::new(stream::poll_fn(move |context| {
            if left.poll_unpin(context).is_ready() {
                return Poll::Ready(Some(Err(Box::<dyn Error>::from(ClientLeft))));
            }
            Pin::new(&mut body).poll_next(context)
        })))
    }
}
