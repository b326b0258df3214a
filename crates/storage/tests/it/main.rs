//! One suite for every backend, then what each one alone can get wrong.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its helpers too"
)]

mod conformance;
mod environment;
#[cfg(feature = "aws")]
mod faults;
mod local;
#[cfg(feature = "aws")]
mod s3;
