//! Models over HTTP, against a server that misbehaves on demand, and the route over them.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by them")]

mod http;
mod rate;
mod route;
