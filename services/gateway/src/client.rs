//! How the services are asked: what comes is passed on as it is. No redirect is followed, no proxy is used, nothing is
//! unpacked, and nothing is kept of a request.

use std::{convert::Infallible, io, time::Duration};

use bytes::Bytes;
use futures::{Stream, TryStreamExt as _};
use http_body_util::{BodyExt as _, Empty, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Frame, Incoming};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use rustls::crypto::aws_lc_rs::default_provider;

use crate::body::Fault;

/// How long a connection to a service may take to be made.
const CONNECT: Duration = Duration::from_secs(2);
/// How long an unused connection to a service is kept. The services close theirs after five seconds, and a request must
/// not meet that moment.
const IDLE: Duration = Duration::from_secs(4);

/// What is read of a stream of events at once, in bytes.
const PIECE: usize = 4 << 10;

/// Asks services, and keeps its connections to them on the thread that first used them.
pub type Client = legacy::Client<Connector, Body>;
/// Makes connections.
pub type Connector = HttpsConnector<HttpConnector>;
/// What a service is sent.
pub type Body = UnsyncBoxBody<Bytes, Fault>;
/// What a service is asked.
pub type Request = hyper::Request<Body>;
/// What a service answers.
pub type Response = hyper::Response<Incoming>;

/// What makes connections, for any number of clients.
///
/// # Errors
/// When the system's certificates can't be read.
pub fn connector() -> io::Result<Connector> {
    let mut plain = HttpConnector::new();
    plain.enforce_http(false);
    plain.set_nodelay(true);
    plain.set_connect_timeout(Some(CONNECT));
    let secured = HttpsConnectorBuilder::new().with_provider_and_platform_verifier(default_provider())?;
    Ok(secured.https_or_http().enable_http1().wrap_connector(plain))
}

/// A client with connections of its own.
pub fn client(connector: &Connector) -> Client {
    builder().build(connector.clone())
}

/// A client for streams of events. They are many, stay for long, and say little at once.
pub fn client_of_events(connector: &Connector) -> Client {
    builder().http1_read_buf_exact_size(PIECE).build(connector.clone())
}

fn builder() -> legacy::Builder {
    let mut builder = legacy::Client::builder(TokioExecutor::new());
    builder.timer(TokioTimer::new()).pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE);
    builder
}

/// No body.
pub fn nothing() -> Body {
    Empty::new().map_err(|never: Infallible| match never {}).boxed_unsync()
}

/// A body that comes in pieces.
pub fn streamed(pieces: impl Stream<Item = Result<Bytes, Fault>> + Send + 'static) -> Body {
    StreamBody::new(pieces.map_ok(Frame::data)).boxed_unsync()
}
