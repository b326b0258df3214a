//! Who is at the other end: where from, over what, and with which token.

use std::net::IpAddr;

use actix_web::{
    HttpRequest,
    http::{Method, header},
};
use dallosh_service_kit::{ErrorCode, Problem, SessionCookies, bearer_token};
use ipnet::IpNet;

use crate::table;

/// The client behind a request.
pub struct Visitor {
    /// Its address, as the last trusted proxy saw it.
    pub address: Option<IpAddr>,
    /// Whether it came over TLS.
    pub is_secure: bool,
}

impl Visitor {
    /// Believes what a proxy in one of the `trusted` networks says, and nobody else.
    pub fn of(request: &HttpRequest, trusted: &[IpNet]) -> Self {
        let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
        let peer = request.peer_addr().map(|peer| peer.ip().to_canonical());
        if !peer.as_ref().is_some_and(is_trusted) {
            return Self { address: peer, is_secure: request.app_config().secure() };
        }
        let lines = |name: &str| -> Vec<_> {
            request.headers().get_all(name).filter_map(|value| value.to_str().ok().map(str::to_owned)).collect()
        };
        let forwarded = lines("x-forwarded-for").join(",");
        // The last ones were written by proxies; whatever stands before the first stranger is the stranger's word.
        let mut seen = forwarded.rsplit(',').map_while(|one| one.trim().parse::<IpAddr>().ok());
        let address = seen.find(|address| !is_trusted(address)).or(peer);
        let is_secure = request.app_config().secure()
            || lines("x-forwarded-proto").last().is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"));
        Self { address, is_secure }
    }

    /// The scheme as URLs name it.
    pub const fn scheme(&self) -> &'static str {
        if self.is_secure { "https" } else { "http" }
    }

    /// Refuses a change that a page of another place asks for with the cookies of this one.
    fn check_origin(&self, request: &HttpRequest) -> Result<(), Problem> {
        let mut origins = request.headers().get_all(header::ORIGIN);
        let (origin, more) = (origins.next().and_then(|value| value.to_str().ok()), origins.next());
        let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let own = format!("{}://{host}", self.scheme());
        if origin.is_some_and(|origin| origin.eq_ignore_ascii_case(&own)) && more.is_none() {
            return Ok(());
        }
        let detail = format!("with cookies, a change has to come from a page of {own}");
        Err(Problem::new(ErrorCode::OriginMismatch, detail))
    }
}

/// The token of a request: of its `Authorization`, or else of a browser's cookie.
///
/// # Errors
/// `unauthorized` without one; `origin_mismatch` for a change by cookie that comes from elsewhere.
pub fn token(request: &HttpRequest, visitor: &Visitor, cookies: SessionCookies) -> Result<String, Problem> {
    if request.headers().contains_key(header::AUTHORIZATION) {
        return bearer_token(request);
    }
    check_cookies(request, visitor, cookies)?;
    cookies.access(request).filter(|token| !token.is_empty()).ok_or_else(Problem::unauthorized)
}

/// Refuses a change by cookie that comes from elsewhere.
pub fn check_cookies(request: &HttpRequest, visitor: &Visitor, cookies: SessionCookies) -> Result<(), Problem> {
    let is_safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let has_one = cookies.access(request).or_else(|| cookies.refresh(request)).is_some();
    if is_safe || !has_one || table::needs_no_cookie(request.method().as_str(), request.path()) {
        return Ok(());
    }
    visitor.check_origin(request)
}
