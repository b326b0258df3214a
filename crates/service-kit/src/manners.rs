//! What every request gets, whatever its route: an id, a span, figures, and a problem when something failed.

use std::{panic::AssertUnwindSafe, time::Instant};

use actix_web::{
    Error, HttpResponse, ResponseError,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::header::{self, HeaderName, HeaderValue},
    middleware::Next,
};
use dallosh_primitives::Uid;
use futures::FutureExt;
use tracing::Instrument;
use uuid::Uuid;

use crate::{ErrorCode, Problem};

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
        let span = Uuid::new_v4().simple().to_string();
        let traceparent = format!("00-{}-{}-01", Uuid::new_v4().simple(), span.get(..16).unwrap_or_default());
        Self { id: Uid::new().to_string(), traceparent }
    }

    fn of(request: &ServiceRequest) -> Self {
        let text = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let fresh = Self::new();
        let fits = |id: &String| (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
        Self {
            id: text("x-request-id").filter(fits).unwrap_or(fresh.id),
            traceparent: text("traceparent").filter(|context| is_traceparent(context)).unwrap_or(fresh.traceparent),
        }
    }
}

fn is_traceparent(text: &str) -> bool {
    let lengths: Vec<_> = text.split('-').map(str::len).collect();
    lengths == [2, 32, 16, 2] && text.bytes().all(|byte| byte == b'-' || matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The request in which this runs; a fresh one outside of any.
pub fn current_request() -> RequestContext {
    REQUEST.try_with(Clone::clone).unwrap_or_else(|_| RequestContext::new())
}

/// Runs `work` as a part of the trace that a message brought.
pub async fn traced<F: Future>(traceparent: Option<&str>, work: F) -> F::Output {
    let mut context = RequestContext::new();
    if let Some(given) = traceparent.filter(|context| is_traceparent(context)) {
        given.clone_into(&mut context.traceparent);
    }
    REQUEST.scope(context, work).await
}

/// The outermost middleware.
pub(crate) async fn manners(
    service: &'static str,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let context = RequestContext::of(&request);
    let (method, began) = (request.method().clone(), Instant::now());
    let (http, path) = (request.request().clone(), request.path().to_owned());
    let span = tracing::info_span!("request", service, request.id = %context.id, method = %method, path = %path);
    let id = context.id.clone();
    REQUEST
        .scope(context, async move {
            let answered = AssertUnwindSafe(next.call(request)).catch_unwind().await;
            let mut response = match answered {
                Ok(Ok(response)) => response.map_into_boxed_body(),
                Ok(Err(error)) => ServiceResponse::new(http.clone(), error.error_response()),
                Err(_) => {
                    tracing::error!("a handler panicked");
                    let problem = Problem::new(ErrorCode::Internal, "something went wrong; the request id finds it in the log");
                    ServiceResponse::new(http.clone(), problem.error_response())
                }
            };
            let status = response.status();
            if (status.is_client_error() || status.is_server_error()) && !is_problem(response.response()) {
                let allow = response.headers().get(header::ALLOW).cloned();
                let code = ErrorCode::of_status(status);
                let mut problem = Problem::new(code, code.title().to_lowercase()).error_response();
                if let Some(allow) = allow {
                    problem.headers_mut().insert(header::ALLOW, allow);
                }
                response = ServiceResponse::new(http.clone(), problem);
            }
            if let Ok(value) = HeaderValue::from_str(&id) {
                response.headers_mut().insert(HeaderName::from_static("x-request-id"), value);
            }
            let (status, seconds) = (response.status().as_u16(), began.elapsed().as_secs_f64());
            let route = response.request().match_pattern().unwrap_or_else(|| "unmatched".to_owned());
            metrics::histogram!("http_server_request_duration_seconds", "service" => service, "method" => method.to_string(), "route" => route, "status" => status.to_string())
                .record(seconds);
            if status >= 500 {
                tracing::warn!(status, duration_ms = seconds * 1000.0, "answered");
            } else {
                tracing::debug!(status, duration_ms = seconds * 1000.0, "answered");
            }
            Ok(response)
        })
        .instrument(span)
        .await
}

fn is_problem<B>(response: &HttpResponse<B>) -> bool {
    response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/problem+json"))
}

/// Turns what the JSON extractor found wrong into a problem.
pub(crate) fn json_problem(error: actix_web::error::JsonPayloadError) -> Problem {
    use actix_web::error::JsonPayloadError as E;
    match error {
        E::OverflowKnownLength { .. } | E::Overflow { .. } => {
            Problem::new(ErrorCode::TooLarge, "the body is too large")
        }
        E::ContentType => Problem::new(ErrorCode::UnsupportedMedia, "the body must be application/json"),
        E::Deserialize(error) if error.is_data() => Problem::field("", error.to_string()),
        E::Deserialize(error) => Problem::new(ErrorCode::BadRequest, format!("the body is not JSON: {error}")),
        _ => Problem::new(ErrorCode::BadRequest, "the body can't be read"),
    }
}
