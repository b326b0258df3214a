//! One suite for every backend, then what each one alone can get wrong.

mod conformance;
mod environment;
#[cfg(feature = "aws")]
mod faults;
mod local;
#[cfg(feature = "aws")]
mod s3;
