use std::sync::Arc;

use lapin::{
    Confirmation, ErrorKind,
    options::{BasicPublishOptions, ConfirmSelectOptions},
    types::ShortString,
};
use tokio::sync::Semaphore;

use super::{
    link::{Link, Session},
    topology::{self, Topology},
    wire,
};
use crate::{BrokerError, BrokerErrorKind, Message, Queue, broker::CONFIRM_TIMEOUT};

/// How many messages are on their way to the broker at once.
const PARALLEL: usize = 32;

const OPERATION: &str = "publish";

/// Publishes with confirmation, one message at a time on a channel.
///
/// Two on one channel would be confirmed wrongly: lapin hands a returned message to whichever confirmation comes
/// next, so that the lost one passes as delivered, and numbers concurrent messages in another order than it sends them.
pub(super) struct Publisher {
    link: Link,
    topology: Arc<Topology>,
    slots: Semaphore,
}

enum Answer {
    Confirmed,
    Returned,
    Refused,
    NoExchange,
}

struct Letter<'a> {
    exchange: &'static str,
    routing_key: ShortString,
    message: &'a Message,
    reason: Option<&'a str>,
}

impl Publisher {
    pub(super) fn new(link: Link, topology: Arc<Topology>) -> Self {
        Self { link, topology, slots: Semaphore::new(PARALLEL) }
    }

    pub(super) async fn publish(&self, message: &Message) -> Result<(), BrokerError> {
        let routing_key = wire::short(&message.routing_key, OPERATION)?;
        self.send(Letter { exchange: topology::EXCHANGE, routing_key, message, reason: None }).await
    }

    /// Puts a copy into the dead-letter queue.
    pub(super) async fn bury(&self, queue: Queue, message: &Message, reason: &str) -> Result<(), BrokerError> {
        let routing_key = queue.name.into();
        self.send(Letter { exchange: topology::DEAD_EXCHANGE, routing_key, message, reason: Some(reason) }).await
    }

    /// A connection that the broker reads from.
    pub(super) async fn ensure_ready(&self, operation: &'static str) -> Result<Arc<Session>, BrokerError> {
        let session = self.link.session(operation).await?;
        if session.is_blocked() {
            return Err(unavailable("the broker refuses publishers for now"));
        }
        Ok(session)
    }

    async fn send(&self, letter: Letter<'_>) -> Result<(), BrokerError> {
        let session = self.ensure_ready(OPERATION).await?;
        tokio::select! {
            sent = tokio::time::timeout(CONFIRM_TIMEOUT, self.send_on(&session, &letter)) => sent.unwrap_or_else(|elapsed| {
                session.give_up("a message was not confirmed in time");
                Err(unavailable(elapsed))
            }),
            // Without this the caller waits for the alarm to end. The message may arrive then, with the same id.
            () = session.blocked() => Err(unavailable("the broker refuses publishers for now")),
            () = session.ended() => Err(unavailable("the connection was lost")),
        }
    }

    async fn send_on(&self, session: &Session, letter: &Letter<'_>) -> Result<(), BrokerError> {
        let mut answer = self.send_once(session, letter).await?;
        let expected = letter.exchange == topology::DEAD_EXCHANGE || self.topology.routes(letter.routing_key.as_str());
        if expected && matches!(answer, Answer::Returned | Answer::NoExchange) {
            // Somebody deleted a queue of ours.
            self.topology.redeclare(session, letter.routing_key.as_str()).await.map_err(unavailable)?;
            answer = self.send_once(session, letter).await?;
        }
        match answer {
            Answer::Confirmed => Ok(()),
            Answer::Returned => Err(BrokerError::new(BrokerErrorKind::Unroutable, OPERATION)),
            Answer::Refused => Err(unavailable("the broker refused the message")),
            Answer::NoExchange => Err(unavailable("the exchange does not exist")),
        }
    }

    async fn send_once(&self, session: &Session, letter: &Letter<'_>) -> Result<Answer, BrokerError> {
        let _slot = self.slots.acquire().await.map_err(unavailable)?;
        let idle = session.idle().pop();
        let channel = if let Some(channel) = idle {
            channel
        } else {
            let channel = session.channel().await.map_err(unavailable)?;
            channel.confirm_select(ConfirmSelectOptions::default()).await.map_err(unavailable)?;
            channel
        };
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let properties = wire::properties(letter.message, letter.reason)?;
        let (exchange, routing_key) = (letter.exchange.into(), letter.routing_key.clone());
        let confirmation = async {
            channel.basic_publish(exchange, routing_key, options, &letter.message.body, properties).await?.await
        };
        let answer = match confirmation.await {
            Ok(Confirmation::Ack(None)) => Answer::Confirmed,
            Ok(Confirmation::Ack(Some(_))) => Answer::Returned,
            Ok(Confirmation::Nack(_)) => Answer::Refused,
            Ok(Confirmation::NotRequested) => {
                session.give_up("a channel was not in confirm mode");
                return Err(unavailable("the channel was not in confirm mode"));
            }
            // The channel is closed and goes.
            Err(error) if is_not_found(&error) => return Ok(Answer::NoExchange),
            Err(error) => return Err(unavailable(error)),
        };
        session.idle().push(channel);
        Ok(answer)
    }
}

fn is_not_found(error: &lapin::Error) -> bool {
    matches!(error.kind(), ErrorKind::ProtocolError(error) if error.get_id() == 404)
}

fn unavailable(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> BrokerError {
    BrokerError::new(BrokerErrorKind::Unavailable, OPERATION).because(cause)
}
