//! The conformance suite: the same cases on every backend, over the wire where there is one.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on says so by panicking; clippy exempts the cases alone, not what they share"
)]

mod backends;
mod mongodb;
mod proxy;
mod sqlite;
mod suite;
