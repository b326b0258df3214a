//! The binary from outside: the same suite on three stacks, crashes, operators' mistakes, and the repository's rules.

#![expect(clippy::indexing_slicing, reason = "an absent field or row is a failed test")]

mod analysis;
mod architecture;
mod backup;
mod bodies;
mod contract;
mod crash;
mod faults;
mod journey;
mod kill;
mod ledger;
mod lists;
mod load;
mod models;
mod operator;
mod rights;
mod secrets;
mod stacks;
mod steering;
mod takeover;

/// The binary under test.
const DALLOSH: &str = env!("CARGO_BIN_EXE_dallosh");

/// The sample that the repository ships.
const SAMPLE: &[u8] = include_bytes!("../../../../samples/posts.csv");
