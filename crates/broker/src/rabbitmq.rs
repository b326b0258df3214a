use std::sync::Arc;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::{BrokerError, BrokerErrorKind, Handler, Message, Queue, Subscription, broker::Backend};

/// `RabbitMQ` through lapin.
pub(crate) struct RabbitBackend;

impl RabbitBackend {
    pub(crate) fn start(_url: &str, _queues: &[Queue]) -> Result<Self, BrokerError> {
        Err(unavailable("open"))
    }
}

fn unavailable(operation: &'static str) -> BrokerError {
    BrokerError::new(BrokerErrorKind::Unavailable, operation)
}

#[async_trait]
impl Backend for RabbitBackend {
    async fn publish(&self, _message: &Message) -> Result<(), BrokerError> {
        Err(unavailable("publish"))
    }

    async fn consume(&self, _queue: Queue, _prefetch: u16, _handler: Arc<dyn Handler>, stop: CancellationToken) {
        stop.cancelled().await;
    }

    async fn subscribe(&self, _pattern: &str) -> Result<Subscription, BrokerError> {
        Err(unavailable("subscribe"))
    }

    async fn dead_letters(&self, _queue: Queue, _limit: usize) -> Result<Vec<(Message, String)>, BrokerError> {
        Err(unavailable("dead_letters"))
    }

    async fn ping(&self) -> Result<(), BrokerError> {
        Err(unavailable("ping"))
    }

    async fn close(&self) {}
}
