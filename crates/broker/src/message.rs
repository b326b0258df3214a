use std::time::Duration;

use bytes::Bytes;

/// A work queue, with the routing keys that lead to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Queue {
    /// Its name.
    pub name: &'static str,
    /// The routing keys that are bound to it.
    pub bindings: &'static [&'static str],
}

/// A message on its way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// `proceed_task`, `<file_id>.<status>`, …
    pub routing_key: String,
    /// JSON.
    pub body: Bytes,
    /// The id that a repeated sending has too.
    pub id: String,
    /// The W3C trace context of the sender.
    pub traceparent: Option<String>,
}

/// A message that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The message.
    pub message: Message,
    /// How often it was delivered before.
    pub redeliveries: u32,
}

/// What becomes of a delivery. Only this crate acknowledges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is done with.
    Ack,
    /// It comes again after this time, up to the queue's delivery limit.
    RetryAfter(Duration),
    /// It goes to the dead-letter queue at once, with this reason.
    DeadLetter(String),
}
