use actix_web::{HttpRequest, cookie::Cookie};
use dallosh_service_kit::SessionCookies;
use secrecy::ExposeSecret;

use crate::{session::IDLE, state::State, tokens::ACCESS_LIFETIME, workflow::Grant};

/// The cookies for this request: the gateway says whether it came over TLS.
pub fn cookies_for(state: &State, request: &HttpRequest) -> SessionCookies {
    let forwarded = request.headers().get("x-forwarded-proto").map(|scheme| scheme.as_bytes() == b"https");
    SessionCookies::new(state.secure_cookies || forwarded.unwrap_or_default())
}

/// What gives a browser the tokens of a session.
pub fn carrying(cookies: SessionCookies, grant: &Grant) -> [Cookie<'static>; 2] {
    cookies.set(
        (grant.access.expose_secret().to_owned(), ACCESS_LIFETIME.num_seconds()),
        (grant.refresh.to_text().expose_secret().to_owned(), IDLE.num_seconds()),
    )
}
