use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{
    BrokerError, BrokerErrorKind, Delivery, Message, Outcome, Queue, memory::MemoryBackend, rabbitmq::RabbitBackend,
};

/// Takes deliveries of a work queue. It answers soon: long work is begun elsewhere, and the message acknowledged.
#[async_trait]
pub trait Handler: Send + Sync {
    /// Handles one delivery and says what becomes of it.
    async fn handle(&self, delivery: Delivery) -> Outcome;
}

/// Messages of a fan-out, copied to every subscriber, lost when nobody listens. A subscriber that reads too slowly
/// loses messages, never the sender's time: it reads the truth from the database anyway.
pub struct Subscription(pub(crate) mpsc::Receiver<Message>);

impl Subscription {
    /// The next message; `None` when the broker was closed.
    pub async fn next(&mut self) -> Option<Message> {
        self.0.recv().await
    }
}

#[async_trait]
pub(crate) trait Backend: Send + Sync {
    async fn publish(&self, message: &Message) -> Result<(), BrokerError>;
    async fn consume(&self, queue: Queue, prefetch: u16, handler: Arc<dyn Handler>, stop: CancellationToken);
    async fn subscribe(&self, pattern: &str) -> Result<Subscription, BrokerError>;
    async fn dead_letters(&self, queue: Queue, limit: usize) -> Result<Vec<(Message, String)>, BrokerError>;
    async fn ping(&self) -> Result<(), BrokerError>;
    async fn close(&self);
}

/// A connected (or reconnecting) broker; cheap to clone.
#[derive(Clone)]
pub struct Broker(Arc<dyn Backend>);

impl Broker {
    /// Opens `memory://` or `amqp://…`/`amqps://…`. An unreachable `RabbitMQ` is no error here: a supervisor connects in
    /// the background and goes on trying; until then `publish` and `ping` answer `Unavailable`.
    ///
    /// `queues` are declared with their dead-letter queues whenever a connection is made.
    pub async fn open(url: &str, queues: &[Queue]) -> Result<Self, BrokerError> {
        if url.starts_with("memory://") {
            return Ok(Self(Arc::new(MemoryBackend::new(queues))));
        }
        if url.starts_with("amqp://") || url.starts_with("amqps://") {
            return Ok(Self(Arc::new(RabbitBackend::start(url, queues)?)));
        }
        Err(BrokerError::new(BrokerErrorKind::Topology, "open")
            .because("the URL begins with neither memory:// nor amqp://"))
    }

    /// Publishes to the exchange `tasks` and waits until the broker confirmed it (10 s at most).
    ///
    /// # Errors
    /// `Unavailable` when it is not known to have arrived: send the same message again later. `Unroutable` when it was
    /// returned.
    pub async fn publish(&self, message: &Message) -> Result<(), BrokerError> {
        self.0.publish(message).await
    }

    /// Consumes a work queue until `stop`, with at most `prefetch` deliveries in work; survives lost connections,
    /// restarted brokers and deleted queues. Returns when the deliveries in work have been answered.
    pub async fn consume(&self, queue: Queue, prefetch: u16, handler: Arc<dyn Handler>, stop: CancellationToken) {
        self.0.consume(queue, prefetch, handler, stop).await;
    }

    /// Subscribes to the messages whose routing key fits the topic pattern (`*.*`, `<file_id>.*`, `#`).
    pub async fn subscribe(&self, pattern: &str) -> Result<Subscription, BrokerError> {
        self.0.subscribe(pattern).await
    }

    /// The messages in the dead-letter queue of `queue` with their reasons, oldest first; they stay there.
    pub async fn dead_letters(&self, queue: Queue, limit: usize) -> Result<Vec<(Message, String)>, BrokerError> {
        self.0.dead_letters(queue, limit).await
    }

    /// Asks the broker for a sign of life.
    pub async fn ping(&self) -> Result<(), BrokerError> {
        self.0.ping().await
    }

    /// Closes the connection; subscriptions end.
    pub async fn close(&self) {
        self.0.close().await;
    }
}

/// How long a publisher waits for the broker's confirmation.
pub(crate) const CONFIRM_TIMEOUT: Duration = Duration::from_secs(10);

/// The events; a durable queue takes them, so that they are never unroutable.
pub(crate) const EVENT_PATTERN: &str = "*.*";
