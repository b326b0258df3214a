//! Models over HTTP, against a server that misbehaves on demand and against those of others, and the route over them.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by them")]

mod aimock;
mod http;
mod llama;
mod rate;
mod route;
