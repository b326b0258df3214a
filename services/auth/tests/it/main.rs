//! The service over HTTP.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failure here is a failed test; clippy only knows the functions marked as one"
)]

mod account;
mod api_tokens;
mod browser;
mod cognito;
mod issuer;
mod issuers;
mod last_admin;
mod refresh;
mod repeats;
mod revocations;
mod roles;
mod sessions;
mod sign_in;
mod stack;
mod start;
mod tokens;
mod users;
