use actix_web::{
    HttpRequest,
    cookie::{Cookie, SameSite, time::Duration},
};

/// The path at which the refresh token is sent: only the operations on sessions need it.
const REFRESH_PATH: &str = "/v1/auth";

/// The two cookies that carry a browser's session. No script can read them, and no other site's page sends them.
///
/// Over TLS the names make browsers refuse what an unsafe place planted: `__Host-` also binds to the host and to the
/// path `/`, which the refresh token must not have, so that it is `__Secure-`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionCookies {
    secure: bool,
}

impl SessionCookies {
    /// Those of a request that came over TLS, or must have; else those for plain HTTP on a developer's machine.
    pub const fn new(secure: bool) -> Self {
        Self { secure }
    }

    /// The name of the cookie with the access token.
    pub const fn access_name(self) -> &'static str {
        if self.secure { "__Host-dallosh_access" } else { "dallosh_access" }
    }

    /// The name of the cookie with the refresh token.
    pub const fn refresh_name(self) -> &'static str {
        if self.secure { "__Secure-dallosh_refresh" } else { "dallosh_refresh" }
    }

    /// The access token that a browser sends.
    pub fn access(self, request: &HttpRequest) -> Option<String> {
        request.cookie(self.access_name()).map(|cookie| cookie.value().to_owned())
    }

    /// The refresh token that a browser sends.
    pub fn refresh(self, request: &HttpRequest) -> Option<String> {
        request.cookie(self.refresh_name()).map(|cookie| cookie.value().to_owned())
    }

    /// What gives a browser these tokens, each for as many seconds as it is good.
    pub fn set(self, access: (String, i64), refresh: (String, i64)) -> [Cookie<'static>; 2] {
        let (access, refresh) = ((access.0, Duration::seconds(access.1)), (refresh.0, Duration::seconds(refresh.1)));
        [self.cookie(self.access_name(), "/", access), self.cookie(self.refresh_name(), REFRESH_PATH, refresh)]
    }

    /// What takes the tokens from a browser.
    pub fn clear(self) -> [Cookie<'static>; 2] {
        let none = || (String::new(), Duration::ZERO);
        [self.cookie(self.access_name(), "/", none()), self.cookie(self.refresh_name(), REFRESH_PATH, none())]
    }

    fn cookie(self, name: &'static str, path: &'static str, (value, lifetime): (String, Duration)) -> Cookie<'static> {
        Cookie::build(name, value)
            .path(path)
            .max_age(lifetime)
            .http_only(true)
            .same_site(SameSite::Strict)
            .secure(self.secure)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookies_are_for_no_script_and_no_other_site_and_the_refresh_token_for_sessions_only() {
        let lines = |secure| {
            let cookies = SessionCookies::new(secure).set(("a".to_owned(), 600), ("r".to_owned(), 60));
            cookies.map(|cookie| cookie.to_string())
        };
        assert_eq!(
            lines(false),
            [
                "dallosh_access=a; HttpOnly; SameSite=Strict; Path=/; Max-Age=600",
                "dallosh_refresh=r; HttpOnly; SameSite=Strict; Path=/v1/auth; Max-Age=60",
            ]
        );
        assert_eq!(
            lines(true),
            [
                "__Host-dallosh_access=a; HttpOnly; SameSite=Strict; Secure; Path=/; Max-Age=600",
                "__Secure-dallosh_refresh=r; HttpOnly; SameSite=Strict; Secure; Path=/v1/auth; Max-Age=60",
            ]
        );
    }
}
