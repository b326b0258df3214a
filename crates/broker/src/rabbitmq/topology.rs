use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use lapin::{
    Channel, ErrorKind, ExchangeKind,
    options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable},
};

use tokio::sync::broadcast;

use super::link::Session;
use crate::{Queue, broker::EVENT_PATTERN, topic, work::DELIVERY_LIMIT};

/// The exchange that everything is published to.
pub(super) const EXCHANGE: &str = "tasks";

/// The exchange of the dead letters; the routing key is the name of the queue they died in.
pub(super) const DEAD_EXCHANGE: &str = "tasks.dlx";

/// Where events land when nobody listens, so that `mandatory` publishing finds a queue.
const EVENT_QUEUE: &str = "tasks.events";

/// How many events are kept there; the oldest go first.
const EVENTS_KEPT: i32 = 10_000;

/// How long a deleted queue is left deleted, at least.
const REDECLARE_PAUSE: Duration = Duration::from_secs(1);

pub(super) fn dead_name(queue: Queue) -> String {
    format!("{}.dead", queue.name)
}

/// The exchanges and queues that this process wants, and those of them that it could not have.
pub(super) struct Topology {
    queues: Vec<Queue>,
    mismatches: Mutex<BTreeMap<&'static str, String>>,
    redeclared: broadcast::Sender<&'static str>,
}

/// Why a declaration did not work.
pub(super) enum DeclareError {
    /// It exists with other arguments. This was logged; trying again soon is of no use.
    Mismatch,
    /// Anything else, most likely a lost connection.
    Failed(lapin::Error),
}

impl From<lapin::Error> for DeclareError {
    fn from(error: lapin::Error) -> Self {
        Self::Failed(error)
    }
}

impl Topology {
    pub(super) fn new(queues: &[Queue]) -> Self {
        Self { queues: queues.to_vec(), mismatches: Mutex::default(), redeclared: broadcast::Sender::new(16) }
    }

    /// Whether a message of this routing key finds a queue once everything is declared.
    pub(super) fn routes(&self, routing_key: &str) -> bool {
        self.queues
            .iter()
            .flat_map(|queue| queue.bindings)
            .chain([&EVENT_PATTERN])
            .any(|pattern| topic::matches(pattern, routing_key))
    }

    /// What exists with other arguments than ours, in the broker's words.
    pub(super) fn mismatch(&self) -> Option<String> {
        let mismatches = self.lock();
        (!mismatches.is_empty()).then(|| mismatches.values().map(String::as_str).collect::<Vec<_>>().join("; "))
    }

    /// Declares everything. What exists with other arguments is left alone, logged and remembered: the rest works.
    pub(super) async fn declare_all(&self, session: &Session) -> Result<(), lapin::Error> {
        let channel = session.channel().await?;
        let declared = self.judge(EVENT_QUEUE, declare_events(&channel).await);
        if let Err(DeclareError::Failed(error)) = declared {
            return Err(error);
        }
        for queue in &self.queues {
            // A refused declaration closes its channel.
            let channel = session.channel().await?;
            if let Err(DeclareError::Failed(error)) = self.declare(&channel, *queue).await {
                return Err(error);
            }
        }
        Ok(())
    }

    /// Declares everything again because a message of this routing key was returned, and tells the consumers.
    ///
    /// It waits before: a quorum queue that is declared again right after it was deleted takes over its old consumers
    /// without their knowledge, and then delivers messages that their channels throw away.
    pub(super) async fn redeclare(&self, session: &Session, routing_key: &str) -> Result<(), lapin::Error> {
        tokio::time::sleep(REDECLARE_PAUSE).await;
        self.declare_all(session).await?;
        for queue in &self.queues {
            if queue.bindings.iter().any(|binding| topic::matches(binding, routing_key)) {
                // Nobody consumes here: nobody to tell.
                let _ = self.redeclared.send(queue.name);
            }
        }
        Ok(())
    }

    /// Resolves when the queue was declared again.
    pub(super) fn redeclared(&self, queue: Queue) -> impl Future<Output = ()> + use<> {
        let mut names = self.redeclared.subscribe();
        async move {
            while let Ok(name) = names.recv().await {
                if name == queue.name {
                    break;
                }
            }
        }
    }

    /// Declares one work queue with its dead-letter queue.
    pub(super) async fn declare(&self, channel: &Channel, queue: Queue) -> Result<(), DeclareError> {
        self.judge(queue.name, declare_work_queue(channel, queue).await)
    }

    fn judge(&self, name: &'static str, declared: Result<(), lapin::Error>) -> Result<(), DeclareError> {
        match declared {
            Ok(()) => {
                if self.lock().remove(name).is_some() {
                    tracing::info!(queue = name, "A queue has the wanted arguments now");
                }
                Ok(())
            }
            Err(error) => match refusal(&error) {
                Some(text) => {
                    let before = self.lock().insert(name, text.clone());
                    if before.as_ref() != Some(&text) {
                        tracing::error!(
                            queue = name,
                            cause = text,
                            "A queue or exchange exists with other arguments than ours; remove it or rename it"
                        );
                    }
                    Err(DeclareError::Mismatch)
                }
                None => Err(error.into()),
            },
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, String>> {
        self.mismatches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The broker's words, when it refused because of other arguments (406).
fn refusal(error: &lapin::Error) -> Option<String> {
    match error.kind() {
        ErrorKind::ProtocolError(refused) if refused.get_id() == 406 => Some(refused.get_message().to_string()),
        _ => None,
    }
}

/// Declares the exchange that everything is published to.
pub(super) async fn declare_exchange(channel: &Channel) -> Result<(), lapin::Error> {
    let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    channel.exchange_declare(EXCHANGE.into(), ExchangeKind::Topic, durable, FieldTable::default()).await
}

async fn declare_events(channel: &Channel) -> Result<(), lapin::Error> {
    declare_exchange(channel).await?;
    let arguments = quorum([("x-max-length", EVENTS_KEPT.into()), ("x-overflow", text("drop-head"))]);
    channel.queue_declare(EVENT_QUEUE.into(), QueueDeclareOptions::durable(), arguments).await?;
    bind(channel, EVENT_QUEUE, EXCHANGE, EVENT_PATTERN).await
}

async fn declare_work_queue(channel: &Channel, queue: Queue) -> Result<(), lapin::Error> {
    declare_exchange(channel).await?;
    let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    channel.exchange_declare(DEAD_EXCHANGE.into(), ExchangeKind::Direct, durable, FieldTable::default()).await?;

    let dead = dead_name(queue);
    channel.queue_declare(dead.as_str().into(), QueueDeclareOptions::durable(), quorum([])).await?;
    bind(channel, &dead, DEAD_EXCHANGE, queue.name).await?;

    let arguments = quorum([
        ("x-delivery-limit", i64::from(DELIVERY_LIMIT).into()),
        ("x-dead-letter-exchange", text(DEAD_EXCHANGE)),
        ("x-dead-letter-routing-key", text(queue.name)),
        ("x-dead-letter-strategy", text("at-least-once")),
        ("x-overflow", text("reject-publish")),
    ]);
    channel.queue_declare(queue.name.into(), QueueDeclareOptions::durable(), arguments).await?;
    for binding in queue.bindings {
        bind(channel, queue.name, EXCHANGE, binding).await?;
    }
    Ok(())
}

async fn bind(channel: &Channel, queue: &str, exchange: &str, pattern: &str) -> Result<(), lapin::Error> {
    let options = QueueBindOptions::default();
    channel.queue_bind(queue.into(), exchange.into(), pattern.into(), options, FieldTable::default()).await
}

fn quorum<const N: usize>(more: [(&'static str, AMQPValue); N]) -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), text("quorum"));
    for (name, value) in more {
        arguments.insert(name.into(), value);
    }
    arguments
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}
