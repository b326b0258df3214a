use dallosh_service_kit::ServiceName;

/// Where resumable uploads are made, after the protocol of tus.
const UPLOADS: &str = "/v1/uploads";

/// Which service owns which paths: those equal to the prefix, or below it.
pub const ROUTES: &[(&str, ServiceName)] = &[
    ("/v1/auth", ServiceName::Auth),
    ("/.well-known/jwks.json", ServiceName::Auth),
    ("/v1/users", ServiceName::Auth),
    ("/v1/roles", ServiceName::Auth),
    ("/v1/permissions", ServiceName::Auth),
    ("/v1/files", ServiceName::Files),
    (UPLOADS, ServiceName::Files),
    ("/v1/tasks", ServiceName::Tasks),
    ("/v1/events", ServiceName::Tasks),
    ("/v1/settings", ServiceName::Admin),
    ("/v1/logs", ServiceName::Admin),
    ("/v1/analysis", ServiceName::Query),
    ("/v1/overview", ServiceName::Query),
];

/// What needs no token.
const PUBLIC: &[(&str, &str)] = &[
    ("POST", "/v1/auth/register"),
    ("POST", "/v1/auth/login"),
    ("POST", "/v1/auth/refresh"),
    ("GET", "/.well-known/jwks.json"),
    ("HEAD", "/.well-known/jwks.json"),
    ("GET", "/v1/settings/public"),
    ("HEAD", "/v1/settings/public"),
    ("OPTIONS", UPLOADS),
];

/// What everybody is served during maintenance too: signing in and out, and what tells that it is maintenance.
const ALWAYS: &[(&str, &str)] = &[
    ("POST", "/v1/auth/login"),
    ("POST", "/v1/auth/refresh"),
    ("POST", "/v1/auth/logout"),
    ("GET", "/v1/auth/me"),
    ("HEAD", "/v1/auth/me"),
    ("GET", "/.well-known/jwks.json"),
    ("HEAD", "/.well-known/jwks.json"),
    ("GET", "/v1/settings/public"),
    ("HEAD", "/v1/settings/public"),
];

/// What begins with nothing: cookies that are sent along mean nothing there.
const BEGINNINGS: &[(&str, &str)] = &[("POST", "/v1/auth/register"), ("POST", "/v1/auth/login")];

pub fn needs_no_cookie(method: &str, path: &str) -> bool {
    BEGINNINGS.contains(&(method, path))
}

/// Whether the service at this path reads cookies itself.
pub fn takes_cookies(path: &str) -> bool {
    path.starts_with("/v1/auth/")
}

pub fn is_public(method: &str, path: &str) -> bool {
    PUBLIC.contains(&(method, path))
}

pub fn is_always_served(method: &str, path: &str) -> bool {
    ALWAYS.contains(&(method, path))
}

/// Whether a stream of events may be there.
pub fn has_events(path: &str) -> bool {
    path == "/v1/events" || (path.starts_with("/v1/tasks/") && path.ends_with("/events"))
}

/// Whether a body as large as a file is taken.
pub fn is_upload(method: &str, path: &str) -> bool {
    match method {
        "POST" => matches!(path, "/v1/files" | UPLOADS),
        "PATCH" => is_resumable(path),
        _ => false,
    }
}

/// Whether tus is spoken there, in which every answer says its version.
pub fn is_resumable(path: &str) -> bool {
    path.strip_prefix(UPLOADS).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
