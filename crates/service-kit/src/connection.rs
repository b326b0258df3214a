//! What is known of the connection that a request came over.

use std::{
    any::Any,
    error::Error,
    future::pending,
    net::{IpAddr, Shutdown},
    pin::Pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

#[cfg(target_os = "linux")]
use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::{
    body::{BodyStream, BoxBody, MessageBody as _},
    rt::net::TcpStream,
};
use futures::{FutureExt as _, stream};

use crate::Problem;

/// How long a client may take nothing of what was sent to it.
const WRITE_STALL: Duration = Duration::from_secs(30);

/// Decides about a new connection by the address at its other end. What gets no admission ends at once.
pub type Admit = Arc<dyn Fn(Option<IpAddr>) -> Option<Admission> + Send + Sync>;

/// How a connection is taken.
#[derive(Clone)]
pub struct Admission {
    /// Dropped when the connection ended, and its last request.
    pub place: Arc<dyn Any + Send + Sync>,
    /// What its first request is answered, and then it ends. Served when nothing.
    pub refusal: Option<Problem>,
}

/// The client left while it was answered.
#[derive(Debug, thiserror::Error)]
#[error("the client left")]
struct ClientLeft;

/// Whether a departure is seen here by [`Connection`]; elsewhere the server has to take every end of reading for one.
pub(crate) const SEES_DEPARTURES: bool = cfg!(target_os = "linux");

/// A connection, with a second handle of it. The server itself stops reading when a client makes a mistake, and must not
/// take that for a departure, so that the client is told of its mistake; this sees the client leave.
#[derive(Clone, Default)]
pub(crate) struct Connection {
    stream: Option<Arc<TcpStream>>,
    admission: Option<Admission>,
}

impl Connection {
    /// Asks whether a new connection is taken, watches it, and has the system break it when its other end takes nothing,
    /// or does not say that it does.
    #[cfg(target_os = "linux")]
    pub(crate) fn new(stream: &dyn Any, admit: Option<&Admit>) -> Self {
        let secured = stream.downcast_ref::<TlsStream<TcpStream>>().map(|stream| stream.get_ref().0);
        let Some(stream) = stream.downcast_ref::<TcpStream>().or(secured) else { return Self::default() };
        let socket = socket2::SockRef::from(stream);
        let admission = admit.map(|admit| admit(stream.peer_addr().ok().map(|peer| peer.ip().to_canonical())));
        if matches!(admission, Some(None)) {
            // The server reads its end, and lets it go.
            let _ = socket.shutdown(Shutdown::Both);
            return Self::default();
        }
        let admission = admission.flatten();
        if let Err(error) = socket.set_tcp_user_timeout(Some(WRITE_STALL)) {
            tracing::debug!(%error, "a connection has no limit for taking what is sent");
        }
        if admission.as_ref().is_some_and(|admission| admission.refusal.is_some()) {
            return Self { stream: None, admission };
        }
        let second = socket.try_clone().and_then(|socket| TcpStream::from_std(socket.into()));
        if let Err(error) = &second {
            tracing::debug!(%error, "a connection can't be watched; its work runs on when the client leaves");
        }
        Self { stream: second.ok().map(Arc::new), admission }
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn new(_: &dyn Any, _: Option<&Admit>) -> Self {
        Self::default()
    }

    /// What is answered on it instead of what is asked.
    pub(crate) fn refusal(&self) -> Option<&Problem> {
        self.admission.as_ref().and_then(|admission| admission.refusal.as_ref())
    }

    /// Ends when the client has left, or will send nothing more.
    pub(crate) async fn left(self) {
        #[cfg(target_os = "linux")]
        if let Some(stream) = self.stream
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

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[actix_web::test]
    async fn the_system_breaks_a_connection_whose_client_takes_nothing_for_thirty_seconds() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let _client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (taken, _) = listener.accept().unwrap();
        taken.set_nonblocking(true).unwrap();
        let taken = TcpStream::from_std(taken).unwrap();
        let _connection = Connection::new(&taken, None);
        assert_eq!(socket2::SockRef::from(&taken).tcp_user_timeout().unwrap(), Some(Duration::from_secs(30)));
    }
}
