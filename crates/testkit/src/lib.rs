//! What end-to-end tests stand on: the real binary as processes, the real servers beside it, a client of the door, and a
//! model server that misbehaves on demand.
//!
//! Deliberately not here: anything that knows how a service works inside.

mod client;
mod issuer;
mod model;
mod node;
mod posts;
mod process;
mod proxy;
mod servers;
mod stack;

pub use client::{Answer, Client, Event};
pub use issuer::{jwks, token};
pub use model::{
    Asked, Billed, FakeModel, Fault, Latency, Mistake, Rate, RetryAfter, RightLabel, UnknownFault, right_label,
};
pub use node::Node;
pub use posts::posts;
pub use process::Process;
pub use proxy::{Proxy, Wire};
pub use servers::{aimock_url, amqp_url, cognito_endpoint, llama, mongodb_url, s3_bucket};
pub use stack::Stack;
