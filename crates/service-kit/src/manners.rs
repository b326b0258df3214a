//! What every request gets, whatever its route: an id, a span, figures, careful headers, and a problem when something
//! failed.

use std::{collections::HashMap, future::pending, time::Instant};

use actix_web::{
    Error, HttpMessage, HttpRequest, HttpResponse,
    body::{self, BodySize, BoxBody, MessageBody, SizedStream},
    dev::{ServiceRequest, ServiceResponse},
    error::InternalError,
    http::{
        ConnectionType, Method,
        header::{self, HeaderName, HeaderValue},
    },
    middleware::Next,
    rt, web,
};
use dallosh_primitives::Uid;
use futures::future::FusedFuture as _;
use tokio::select;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use utoipa::openapi::OpenApi;
use uuid::Uuid;

use crate::{
    ErrorCode, Problem,
    chunked::{self, Passage},
    connection::Connection,
};

/// What the browser may do with an answer that is no page.
const NO_CONTENT: &str = "default-src 'none'; frame-ancestors 'none'";

/// A browser that came over TLS once comes over nothing else for two years.
const TLS_ALWAYS: &str = "max-age=63072000";

/// What an error answer keeps when it becomes a problem.
const KEPT: [HeaderName; 4] = [header::ALLOW, header::CONTENT_RANGE, header::RETRY_AFTER, header::WWW_AUTHENTICATE];

tokio::task_local! {
    static REQUEST: RequestContext;
}

/// What names a request across services, messages and logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestContext {
    /// The client's `X-Request-Id`, or one made here.
    pub id: String,
    /// W3C trace context, handed on with every call and message.
    pub traceparent: String,
}

impl RequestContext {
    fn new() -> Self {
        Self { id: new_id(), traceparent: new_traceparent() }
    }

    fn of(request: &ServiceRequest) -> Self {
        let text = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        // Nothing that means something in HTML, a shell or a log.
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:+/=".contains(&byte);
        let fits = |id: &String| (1..=128).contains(&id.len()) && id.bytes().all(is_plain);
        Self {
            id: text("x-request-id").filter(fits).unwrap_or_else(new_id),
            traceparent: text("traceparent").filter(|given| is_traceparent(given)).unwrap_or_else(new_traceparent),
        }
    }
}

fn new_id() -> String {
    Uid::new().to_string()
}

fn new_traceparent() -> String {
    let span = Uuid::new_v4().simple().to_string();
    format!("00-{}-{}-01", Uuid::new_v4().simple(), span.get(..16).unwrap_or_default())
}

/// Whether the text is a W3C trace context of a version that is known, with ids that are not all zero.
fn is_traceparent(text: &str) -> bool {
    let parts: Vec<_> = text.split('-').collect();
    let [version, trace, span, flags] = parts.as_slice() else { return false };
    let hex = |part: &str, length| part.len() == length && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let id = |part: &str, length| hex(part, length) && part.bytes().any(|b| b != b'0');
    *version == "00" && id(trace, 32) && id(span, 16) && hex(flags, 2)
}

/// The request in which this runs; a fresh one outside of any.
pub fn current_request() -> RequestContext {
    REQUEST.try_with(Clone::clone).unwrap_or_else(|_| RequestContext::new())
}

/// Runs `work` as a part of the trace that a message brought.
pub async fn traced<F: Future>(traceparent: Option<&str>, work: F) -> F::Output {
    let given = traceparent.filter(|given| is_traceparent(given)).map(str::to_owned);
    let context = RequestContext { id: new_id(), traceparent: given.unwrap_or_else(new_traceparent) };
    REQUEST.scope(context, work).await
}

#[derive(Clone)]
struct ClientGone(CancellationToken);

/// Cancelled when the client leaves before it is answered. A handler runs to its end all the same, so that nothing is
/// left half done; one that waits for something costly may watch this and give up.
pub fn client_gone(request: &HttpRequest) -> CancellationToken {
    let extensions = request.extensions();
    extensions.get::<ClientGone>().map_or_else(CancellationToken::new, |gone| gone.0.clone())
}

/// Which methods each path of a service takes, from its document.
pub(crate) struct Methods(HashMap<String, Vec<Method>>);

impl Methods {
    pub(crate) fn of(document: &OpenApi) -> Self {
        let paths = document.paths.paths.iter().map(|(path, item)| {
            let taken = [
                (Method::GET, &item.get),
                (Method::HEAD, &item.head),
                (Method::POST, &item.post),
                (Method::PUT, &item.put),
                (Method::PATCH, &item.patch),
                (Method::DELETE, &item.delete),
                (Method::OPTIONS, &item.options),
            ];
            (path.clone(), taken.into_iter().filter(|(_, one)| one.is_some()).map(|(method, _)| method).collect())
        });
        Self(paths.collect())
    }

    fn at(&self, pattern: Option<String>) -> &[Method] {
        pattern.and_then(|pattern| self.0.get(&pattern)).map_or(&[], Vec::as_slice)
    }
}

/// Answers what no route takes: 405 when the path is one, 404 otherwise.
pub(crate) async fn unmatched(request: HttpRequest, methods: web::Data<Methods>) -> HttpResponse {
    let Some(pattern) = request.match_pattern() else {
        return Problem::new(ErrorCode::NotFound, "there is no such path").respond();
    };
    let mut response = Problem::new(ErrorCode::MethodNotAllowed, "this path does not take this method").respond();
    let allowed: Vec<_> = methods.at(Some(pattern)).iter().map(Method::as_str).collect();
    if let Ok(value) = HeaderValue::from_str(&allowed.join(", "))
        && !value.is_empty()
    {
        response.headers_mut().insert(header::ALLOW, value);
    }
    response
}

/// The outermost middleware.
pub(crate) async fn manners(
    service: &'static str,
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let context = RequestContext::of(&request);
    let (connection, over_tls) = (request.conn_data::<Connection>().cloned(), request.app_config().secure());
    if let Some(refusal) = connection.as_ref().and_then(Connection::refusal) {
        let respond = || polished(refusal.respond(), &context, over_tls);
        let mut response = REQUEST.sync_scope(context.clone(), respond);
        response.head_mut().set_connection_type(ConnectionType::Close);
        return Ok(request.into_response(response));
    }
    let (method, began) = (request.method().clone(), Instant::now());
    let span =
        tracing::info_span!("request", service, request.id = %context.id, method = %method, path = request.path());
    let bare = method == Method::HEAD && {
        let methods = request.app_data::<web::Data<Methods>>().cloned();
        let taken = methods.as_ref().map_or(&[][..], |methods| methods.at(request.match_pattern()));
        taken.contains(&Method::GET) && !taken.contains(&Method::HEAD)
    };
    if bare {
        request.head_mut().method = Method::GET;
    }
    let gone = CancellationToken::new();
    request.extensions_mut().insert(ClientGone(gone.clone()));
    let gone = gone.drop_guard();
    let mut body = chunked::pass_on(&mut request);
    let left = async {
        match connection.clone() {
            Some(connection) => connection.left().await,
            None => pending().await,
        }
    };
    // A task of its own: the connection's task drops what it runs when it ends, and a panic ends only this.
    let mut work = rt::spawn(REQUEST.scope(context.clone(), next.call(request)).instrument(span.clone()));
    let mut is_last = false;
    let answered = select! {
        biased;
        answered = &mut work => {
            gone.disarm();
            // Who answers early may still read the rest.
            go_on(body);
            answered
        }
        Err(problem) = &mut body => {
            is_last = true;
            Ok(Err(problem.into()))
        }
        () = left => {
            drop(gone);
            go_on(body);
            work.await
        }
    };
    let _entered = span.enter();
    REQUEST.sync_scope(context.clone(), || {
        let outcome = match answered {
            Ok(Ok(response)) => Ok(response.map_into_boxed_body().into_parts()),
            Ok(Err(error)) => Err(error.error_response()),
            Err(_) => {
                tracing::error!("a handler panicked");
                let problem =
                    Problem::new(ErrorCode::Internal, "something went wrong; the request id finds it in the log");
                Err(problem.respond())
            }
        };
        let (request, response) = match outcome {
            Ok((request, response)) => (Some(request), response),
            Err(response) => (None, response),
        };
        let mut response = polished(response, &context, over_tls);
        if is_last {
            response.head_mut().set_connection_type(ConnectionType::Close);
        }
        let response = match connection {
            _ if bare => response.map_body(|_, body| without_content(&body)),
            Some(connection) if response.body().size() == BodySize::Stream => {
                response.map_body(|_, body| connection.cut(body))
            }
            _ => response,
        };
        let (status, seconds) = (response.status().as_u16(), began.elapsed().as_secs_f64());
        let route = request.as_ref().and_then(HttpRequest::match_pattern).unwrap_or_else(|| "unmatched".to_owned());
        metrics::histogram!("http_server_request_duration_seconds", "service" => service, "method" => label(&method), "route" => route, "status" => status.to_string())
            .record(seconds);
        if status >= 500 {
            tracing::warn!(status, duration_ms = seconds * 1000.0, "answered");
        } else {
            tracing::debug!(status, duration_ms = seconds * 1000.0, "answered");
        }
        match request {
            Some(request) => Ok(ServiceResponse::new(request, response)),
            None => Err(InternalError::from_response("answered already", response).into()),
        }
    })
}

/// Lets what is not over go on without the connection.
fn go_on(body: Passage) {
    if !body.is_terminated() {
        rt::spawn(body);
    }
}

/// An error answer with this among its extensions is a page for people, and no problem takes its place.
pub struct Page;

/// The answer with a problem for a body when it is an error, and with the headers that every answer has.
fn polished(mut response: HttpResponse, context: &RequestContext, over_tls: bool) -> HttpResponse {
    let status = response.status();
    if (status.is_client_error() || status.is_server_error()) && !says_it_itself(&response) {
        let code = ErrorCode::of_status(status);
        let mut problem = Problem::new(code, code.title().to_lowercase()).respond();
        for name in KEPT {
            if let Some(value) = response.headers().get(&name) {
                problem.headers_mut().insert(name, value.clone());
            }
        }
        response = problem;
    }
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&context.id) {
        headers.insert(HeaderName::from_static("x-request-id"), value);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(header::CROSS_ORIGIN_OPENER_POLICY, HeaderValue::from_static("same-origin"));
    if over_tls {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(TLS_ALWAYS));
    }
    if !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(NO_CONTENT));
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

/// The length of a body and nothing of it: the answer to HEAD.
fn without_content(body: &BoxBody) -> BoxBody {
    match body.size() {
        BodySize::Sized(length) => BoxBody::new(SizedStream::new(length, futures::stream::empty::<Result<_, Error>>())),
        BodySize::None | BodySize::Stream => BoxBody::new(body::None::new()),
    }
}

/// The method for figures; a client can't make new ones.
fn label(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

/// Whether an error answer is a problem already, or a page.
fn says_it_itself(response: &HttpResponse) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/problem+json"))
        || response.extensions().contains::<Page>()
}
