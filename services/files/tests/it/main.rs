//! The files service behind its real server, with a database and a folder, and a stand-in for the services that it asks.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on says so by panicking; clippy exempts the cases alone, not what they share"
)]

mod export;
mod manage;
mod profile;
mod read;
mod resumable;
mod rows;
mod stack;
mod upload;
