//! One suite for every backend, then what each one alone can get wrong.

mod conformance;
mod environment;
mod local;
#[cfg(feature = "aws")]
mod s3;
