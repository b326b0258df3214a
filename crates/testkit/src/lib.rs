//! What end-to-end tests stand on: the real binary as processes, the real servers beside it, and a client of the door.
//!
//! Deliberately not here: anything that knows how a service works inside.

mod client;
mod posts;
mod process;
mod servers;
mod stack;

pub use client::{Answer, Client, Event};
pub use posts::posts;
pub use process::Process;
pub use servers::{amqp_url, mongodb_url, s3_endpoint};
pub use stack::Stack;
