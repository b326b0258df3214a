use std::sync::OnceLock;

use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        StatusCode,
        header::{self, HeaderName, HeaderValue, Range},
    },
};
use bytes::Bytes;
use dallosh_service_kit::{ErrorCode, Problem};
use xxhash_rust::xxh3::xxh3_64;

/// Clients ask each time whether theirs is still the one.
pub const ASK_AGAIN: &str = "no-cache";

/// Something that is the same for everybody until the next release.
pub struct Asset {
    pub content: Bytes,
    kind: HeaderValue,
    encoding: Option<&'static str>,
    policy: Option<HeaderValue>,
    caching: &'static str,
    /// Made when it is first asked for: whatever was not, need not be read.
    tag: OnceLock<String>,
}

impl Asset {
    /// Content of a media type.
    pub fn new(kind: HeaderValue, content: impl Into<Bytes>) -> Self {
        let content = content.into();
        Self { content, kind, encoding: None, policy: None, caching: ASK_AGAIN, tag: OnceLock::new() }
    }

    fn tag(&self) -> &str {
        self.tag.get_or_init(|| format!("\"{:016x}\"", xxh3_64(&self.content)))
    }

    /// The same as it is kept in this encoding.
    pub fn encoded(self, encoding: &'static str) -> Self {
        Self { encoding: Some(encoding), ..self }
    }

    /// The same with what a browser may do with it.
    pub fn with_policy(self, policy: HeaderValue) -> Self {
        Self { policy: Some(policy), ..self }
    }

    /// The same, kept by clients as this `Cache-Control` says.
    pub fn cached(self, caching: &'static str) -> Self {
        Self { caching, ..self }
    }

    /// The answer to GET; 304 when the client has it, one range of it when that is asked for.
    pub fn answer(&self, request: &HttpRequest) -> HttpResponse {
        let text = |name: HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
        let known = request
            .headers()
            .get_all(header::IF_NONE_MATCH)
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == self.tag());
        if known {
            return self.dressed(StatusCode::NOT_MODIFIED, Bytes::new());
        }
        let asked = text(header::RANGE).filter(|_| text(header::IF_RANGE).is_none_or(|tag| tag == self.tag()));
        let Some(Range::Bytes(ranges)) = asked.and_then(|range| range.parse().ok()) else {
            return self.dressed(StatusCode::OK, self.content.clone());
        };
        let (length, [one]) = (self.content.len(), ranges.as_slice()) else {
            return self.dressed(StatusCode::OK, self.content.clone());
        };
        let place = one.to_satisfiable_range(length as u64).and_then(|(first, last)| {
            let part = usize::try_from(first).ok()?..usize::try_from(last).ok()?.checked_add(1)?;
            Some((part, format!("bytes {first}-{last}/{length}")))
        });
        let (mut response, range) = if let Some((part, range)) = place {
            (self.dressed(StatusCode::PARTIAL_CONTENT, self.content.slice(part)), range)
        } else {
            let problem = Problem::new(ErrorCode::RangeNotSatisfiable, format!("the content has {length} bytes"));
            (problem.respond(), format!("bytes */{length}"))
        };
        if let Ok(range) = HeaderValue::from_str(&range) {
            response.headers_mut().insert(header::CONTENT_RANGE, range);
        }
        response
    }

    /// All of it under this status, whatever the client has.
    pub fn whole(&self, status: StatusCode) -> HttpResponse {
        self.dressed(status, self.content.clone())
    }

    fn dressed(&self, status: StatusCode, content: Bytes) -> HttpResponse {
        let mut response = HttpResponse::build(status);
        response.insert_header((header::CACHE_CONTROL, self.caching));
        if let Some(policy) = &self.policy {
            response.insert_header((header::CONTENT_SECURITY_POLICY, policy.clone()));
        }
        if !status.is_client_error() {
            response.insert_header((header::ETAG, self.tag()));
        }
        if status == StatusCode::NOT_MODIFIED {
            return response.finish();
        }
        if let Some(encoding) = self.encoding {
            response.insert_header((header::CONTENT_ENCODING, encoding));
        }
        response.insert_header((header::ACCEPT_RANGES, "bytes"));
        response.insert_header((header::CONTENT_TYPE, self.kind.clone())).body(content)
    }
}
