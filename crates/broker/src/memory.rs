use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use crate::{
    BrokerError, BrokerErrorKind, Delivery, Handler, Message, Outcome, Queue, Subscription,
    broker::Backend,
    topic,
    work::{self, DELIVERY_LIMIT, DELIVERY_LIMIT_REASON, SUBSCRIBER_BUFFER},
};

/// How many messages a work queue holds; a publisher gets `Unavailable` when it is full.
const QUEUE_CAPACITY: usize = 100_000;

/// How many dead letters are kept; the oldest go first.
const DEAD_CAPACITY: usize = 10_000;

/// Messages within the process, with the semantics of the `RabbitMQ` backend. They are lost with the process, as its
/// users expect: the database is the truth and a sweeper finds the work again.
pub(crate) struct MemoryBackend {
    queues: Mutex<HashMap<&'static str, Arc<WorkQueue>>>,
    subscribers: Mutex<Vec<Subscriber>>,
    closed: CancellationToken,
}

struct Subscriber {
    pattern: String,
    messages: mpsc::Sender<Message>,
}

impl MemoryBackend {
    pub(crate) fn new(queues: &[Queue]) -> Self {
        let queues = queues.iter().map(|queue| (queue.name, Arc::new(WorkQueue::new(*queue)))).collect();
        Self { queues: Mutex::new(queues), subscribers: Mutex::default(), closed: CancellationToken::new() }
    }

    fn queue(&self, queue: Queue) -> Arc<WorkQueue> {
        lock(&self.queues).entry(queue.name).or_insert_with(|| Arc::new(WorkQueue::new(queue))).clone()
    }

    fn ensure_open(&self, operation: &'static str) -> Result<(), BrokerError> {
        if self.closed.is_cancelled() {
            return Err(BrokerError::new(BrokerErrorKind::Unavailable, operation).because("the broker was closed"));
        }
        Ok(())
    }

    fn publish_to_queues(&self, message: &Message) -> Result<bool, BrokerError> {
        let queues: Vec<_> =
            lock(&self.queues).values().filter(|queue| queue.takes(&message.routing_key)).cloned().collect();
        let mut full = None;
        for queue in &queues {
            if !queue.push(Entry { message: message.clone(), redeliveries: 0 }) {
                full = Some(queue.name);
            }
        }
        match full {
            Some(name) => {
                Err(BrokerError::new(BrokerErrorKind::Unavailable, "publish")
                    .because(format!("the queue {name} is full")))
            }
            None => Ok(!queues.is_empty()),
        }
    }

    fn publish_to_subscribers(&self, message: &Message) -> bool {
        let mut taken = false;
        lock(&self.subscribers).retain(|subscriber| {
            if !topic::matches(&subscriber.pattern, &message.routing_key) {
                return !subscriber.messages.is_closed();
            }
            taken = true;
            match subscriber.messages.try_send(message.clone()) {
                Ok(()) => true,
                Err(mpsc::error::TrySendError::Full(_)) => {
                    tracing::debug!(pattern = subscriber.pattern, "A slow subscriber lost a message");
                    true
                }
                Err(mpsc::error::TrySendError::Closed(_)) => false,
            }
        });
        taken
    }
}

#[async_trait]
impl Backend for MemoryBackend {
    async fn publish(&self, message: &Message) -> Result<(), BrokerError> {
        self.ensure_open("publish")?;
        let subscribed = self.publish_to_subscribers(message);
        let queued = self.publish_to_queues(message)?;
        // Events have a landing place even when nobody listens.
        if subscribed || queued || topic::matches(crate::broker::EVENT_PATTERN, &message.routing_key) {
            return Ok(());
        }
        Err(BrokerError::new(BrokerErrorKind::Unroutable, "publish"))
    }

    async fn consume(&self, queue: Queue, prefetch: u16, handler: Arc<dyn Handler>, stop: CancellationToken) {
        let queue = self.queue(queue);
        let in_work = Arc::new(Semaphore::new(usize::from(prefetch.max(1))));
        let mut work = JoinSet::new();
        loop {
            let next = async {
                let slot = in_work.clone().acquire_owned().await.ok()?;
                Some((slot, queue.clone().take().await?))
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = self.closed.cancelled() => break,
                Some(_) = work.join_next() => {}
                next = next => {
                    let Some((slot, (delivery, taken))) = next else { break };
                    let (handler, stop, closed) = (handler.clone(), stop.clone(), self.closed.clone());
                    work.spawn(async move {
                        let outcome = work::ask(handler.as_ref(), delivery).await;
                        if let Outcome::RetryAfter(pause) = outcome {
                            work::hold(pause, async {
                                tokio::select! { () = stop.cancelled() => {}, () = closed.cancelled() => {} }
                            })
                            .await;
                        }
                        taken.answer(outcome);
                        drop(slot);
                    });
                }
            }
        }
        while work.join_next().await.is_some() {}
    }

    async fn subscribe(&self, pattern: &str) -> Result<Subscription, BrokerError> {
        self.ensure_open("subscribe")?;
        let (messages, receiver) = mpsc::channel(SUBSCRIBER_BUFFER);
        lock(&self.subscribers).push(Subscriber { pattern: pattern.to_owned(), messages });
        Ok(Subscription(receiver))
    }

    async fn dead_letters(&self, queue: Queue, limit: usize) -> Result<Vec<(Message, String)>, BrokerError> {
        self.ensure_open("dead_letters")?;
        Ok(lock(&self.queue(queue).state).dead.iter().take(limit).cloned().collect())
    }

    async fn ping(&self) -> Result<(), BrokerError> {
        self.ensure_open("ping")
    }

    async fn close(&self) {
        self.closed.cancel();
        lock(&self.subscribers).clear();
    }
}

struct WorkQueue {
    name: &'static str,
    bindings: &'static [&'static str],
    state: Mutex<QueueState>,
    /// One permit for each message in `state.ready`.
    ready: Semaphore,
}

#[derive(Default)]
struct QueueState {
    ready: VecDeque<Entry>,
    dead: VecDeque<(Message, String)>,
}

struct Entry {
    message: Message,
    redeliveries: u32,
}

impl WorkQueue {
    fn new(queue: Queue) -> Self {
        Self { name: queue.name, bindings: queue.bindings, state: Mutex::default(), ready: Semaphore::new(0) }
    }

    fn takes(&self, routing_key: &str) -> bool {
        self.bindings.iter().any(|binding| topic::matches(binding, routing_key))
    }

    fn push(&self, entry: Entry) -> bool {
        let mut state = lock(&self.state);
        if state.ready.len() >= QUEUE_CAPACITY {
            return false;
        }
        state.ready.push_back(entry);
        drop(state);
        self.ready.add_permits(1);
        true
    }

    async fn take(self: Arc<Self>) -> Option<(Delivery, Taken)> {
        self.ready.acquire().await.ok()?.forget();
        let entry = lock(&self.state).ready.pop_front()?;
        let delivery = Delivery { message: entry.message.clone(), redeliveries: entry.redeliveries };
        Some((delivery, Taken { entry: Some(entry), queue: self }))
    }

    fn give_back(&self, entry: Entry) {
        if entry.redeliveries >= DELIVERY_LIMIT {
            self.bury(entry, DELIVERY_LIMIT_REASON.to_owned());
            return;
        }
        let entry = Entry { redeliveries: entry.redeliveries + 1, ..entry };
        lock(&self.state).ready.push_front(entry);
        self.ready.add_permits(1);
    }

    fn bury(&self, entry: Entry, reason: String) {
        tracing::warn!(queue = self.name, message.id = entry.message.id, reason, "A message became a dead letter");
        let mut state = lock(&self.state);
        if state.dead.len() >= DEAD_CAPACITY {
            state.dead.pop_front();
        }
        state.dead.push_back((entry.message, reason));
    }
}

/// A delivery in work. It goes back to its queue unless it is answered, also when its task is dropped.
struct Taken {
    entry: Option<Entry>,
    queue: Arc<WorkQueue>,
}

impl Taken {
    fn answer(mut self, outcome: Outcome) {
        match outcome {
            Outcome::Ack => self.entry = None,
            Outcome::RetryAfter(_) => {}
            Outcome::DeadLetter(reason) => {
                if let Some(entry) = self.entry.take() {
                    self.queue.bury(entry, reason);
                }
            }
        }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if let Some(entry) = self.entry.take() {
            self.queue.give_back(entry);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
