//! Which headers pass the door. The server side and the client side have header types of their own, so that every
//! header is copied.

use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, http::header as served};
use dallosh_service_kit::{Caller, current_request};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};

use crate::{table, visitor::Visitor};

/// What holds for one connection only.
const HOP_BY_HOP: &[&str] = &["connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"];

/// What the door says itself, or answers itself.
const OURS: &[&str] = &["host", "expect", "forwarded", "x-real-ip", "x-user-id", "x-request-id", "traceparent"];

fn is_hop_by_hop(name: &str, named: &[String]) -> bool {
    HOP_BY_HOP.contains(&name) || name.starts_with("proxy-") || named.iter().any(|one| one == name)
}

/// Whether only the door may set it.
fn is_internal(name: &str) -> bool {
    OURS.contains(&name) || name.starts_with("x-forwarded-") || name.starts_with("x-internal-")
}

/// The headers that `Connection` declares to be of this connection only.
fn named<'a>(values: impl Iterator<Item = &'a [u8]>) -> Vec<String> {
    values
        .flat_map(|value| value.split(|byte| *byte == b','))
        .map(|name| String::from_utf8_lossy(name).trim().to_ascii_lowercase())
        // The length frames the body; a client can't declare it away.
        .filter(|name| name != "content-length")
        .collect()
}

/// The headers of a request as the service gets them: with the caller's token, wherever it came from, and without the
/// cookies of other things. `streamed` is a body whose length is not known beforehand.
pub fn inward(request: &HttpRequest, visitor: &Visitor, caller: Option<&Caller>, streamed: bool) -> HeaderMap {
    let named = named(request.headers().get_all(served::CONNECTION).map(served::HeaderValue::as_bytes));
    let mut headers = HeaderMap::with_capacity(request.headers().len() + 5);
    for (name, value) in request.headers() {
        let name = name.as_str();
        let is_dropped = match name {
            "content-length" => streamed,
            "cookie" => !table::takes_cookies(request.path()),
            name => is_hop_by_hop(name, &named) || is_internal(name),
        };
        if is_dropped {
            continue;
        }
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value.as_bytes()))
        {
            headers.append(name, value);
        }
    }
    let context = current_request();
    let host = request.headers().get(served::HOST).map(served::HeaderValue::as_bytes);
    let address = visitor.address.map(|address| address.to_string());
    let bearer = caller.map(|caller| format!("Bearer {}", caller.token()));
    for (name, value) in [
        ("x-request-id", Some(context.id.as_bytes())),
        ("traceparent", Some(context.traceparent.as_bytes())),
        ("x-forwarded-for", address.as_deref().map(str::as_bytes)),
        ("x-forwarded-proto", Some(visitor.scheme().as_bytes())),
        ("x-forwarded-host", host),
        ("authorization", bearer.as_deref().map(str::as_bytes)),
    ] {
        if let Some(mut value) = value.and_then(|value| HeaderValue::from_bytes(value).ok()) {
            value.set_sensitive(name == "authorization");
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    headers
}

/// The door's own answer about a resumable upload, with the version that every answer of tus has.
pub fn resumable(mut response: HttpResponse) -> HttpResponse {
    let version = served::HeaderValue::from_static("1.0.0");
    response.headers_mut().insert(served::HeaderName::from_static("tus-resumable"), version);
    response
}

/// Adds the headers of a service's answer. The length is left to the body.
pub fn outward(headers: &HeaderMap, response: &mut HttpResponseBuilder) {
    let named = named(headers.get_all("connection").iter().map(HeaderValue::as_bytes));
    for (name, value) in headers {
        let name = name.as_str();
        if is_hop_by_hop(name, &named) || matches!(name, "server" | "content-length") {
            continue;
        }
        if let (Ok(name), Ok(value)) =
            (served::HeaderName::from_bytes(name.as_bytes()), served::HeaderValue::from_bytes(value.as_bytes()))
        {
            response.append_header((name, value));
        }
    }
}
