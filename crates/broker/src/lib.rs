//! The message adapter: `RabbitMQ` through lapin, or the process itself; one conformance suite.
//!
//! A message is a hint that a document changed; whoever gets it reads the document. So delivery is at least once, in
//! no promised order, and a dead broker delays without losing. Deliberately not here: what a message means.

mod broker;
mod error;
mod memory;
mod message;
mod rabbitmq;
mod topic;
mod work;

pub use broker::{Broker, Handler, Subscription};
pub use error::{BrokerError, BrokerErrorKind};
pub use message::{Delivery, Message, Outcome, Queue};
