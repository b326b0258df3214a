//! The news of logs, each log read once for all streams that follow it.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use dallosh_broker::Broker;
use dallosh_contracts::TaskEvent;
use dallosh_jobs::JobError;
use dallosh_primitives::Uid;
use dallosh_service_kit::Worker;
use tokio::{sync::broadcast, time::Instant};

/// How soon a log is looked at when no hint came.
pub const LOOK: Duration = Duration::from_secs(1);
/// How much news a slow stream may be behind before it has to read the log by itself.
const KEPT: usize = 256;

/// What came into a log, as the message that is sent.
#[derive(Debug, Clone)]
pub struct News<P> {
    pub place: P,
    pub message: Bytes,
}

/// A log of events that streams follow.
pub trait Log: Clone + Send + Sync + 'static {
    /// Tells the logs of one sort apart.
    type Key: Eq + Hash + Send;
    /// Where something stands in it.
    type Place: Copy + Ord + Send + Sync;

    fn key(&self) -> Self::Key;

    /// The next that stands behind a place; `None` when nothing ever will any more.
    fn after(
        &self,
        place: Self::Place,
    ) -> impl Future<Output = Result<Option<Vec<News<Self::Place>>>, JobError>> + Send;

    /// Whether a hint about a task tells of news here.
    fn is_meant(&self, task: Uid) -> bool;
}

/// Tells that a task has news. Only a hint: who missed it looks at the log a little later anyway.
#[derive(Clone)]
pub struct Hints(broadcast::Sender<Uid>);

impl Hints {
    pub fn new() -> Self {
        Self(broadcast::channel(1024).0)
    }

    /// A task has news.
    pub fn tell(&self, task: Uid) {
        let _ = self.0.send(task);
    }

    /// The worker that listens to the broker, one subscription for all streams of this process.
    pub fn worker(&self, broker: Broker) -> Worker {
        let hints = self.clone();
        Box::new(move |stop| {
            Box::pin(async move {
                while !stop.is_cancelled() {
                    if let Ok(mut subscription) = broker.subscribe("*.*").await {
                        loop {
                            let message = tokio::select! {
                                () = stop.cancelled() => return,
                                message = subscription.next() => message,
                            };
                            let Some(message) = message else { break };
                            if let Ok(event) = serde_json::from_slice::<TaskEvent>(&message.body) {
                                hints.tell(event.task_id);
                            }
                        }
                    }
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = tokio::time::sleep(Duration::from_secs(1)) => {}
                    }
                }
            })
        })
    }
}

/// Everybody who follows a log.
type Told<L> = broadcast::Sender<News<<L as Log>::Place>>;

/// The logs of one sort that are followed at the moment, with who is told of their news.
pub struct Followed<L: Log> {
    hints: Hints,
    open: Arc<Mutex<HashMap<L::Key, Told<L>>>>,
}

impl<L: Log> Clone for Followed<L> {
    fn clone(&self) -> Self {
        Self { hints: self.hints.clone(), open: self.open.clone() }
    }
}

impl<L: Log> Followed<L> {
    pub fn new(hints: Hints) -> Self {
        Self { hints, open: Arc::default() }
    }

    /// The news of a log from some place on that is not before `after`: whoever wants all of it reads the log once more
    /// after this. They end with the log.
    pub fn follow(&self, log: &L, after: L::Place) -> broadcast::Receiver<News<L::Place>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(told) = open.get(&log.key()) {
            return told.subscribe();
        }
        let (told, news) = broadcast::channel(KEPT);
        open.insert(log.key(), told.clone());
        let reader = Reader { followed: self.clone(), log: log.clone(), told };
        tokio::spawn(reader.run(after, self.hints.0.subscribe()));
        news
    }
}

/// Reads a log for those who follow it, until nobody does.
struct Reader<L: Log> {
    followed: Followed<L>,
    log: L,
    told: Told<L>,
}

impl<L: Log> Reader<L> {
    async fn run(self, mut place: L::Place, mut hints: broadcast::Receiver<Uid>) {
        while !self.is_left() {
            match self.log.after(place).await {
                Ok(None) => return,
                Ok(Some(found)) if !found.is_empty() => {
                    for news in found {
                        place = news.place;
                        let _ = self.told.send(news);
                    }
                    continue;
                }
                // When the database is away, everybody waits for it.
                Ok(Some(_)) | Err(_) => {}
            }
            let due = Instant::now() + LOOK;
            loop {
                tokio::select! {
                    () = tokio::time::sleep_until(due) => break,
                    hint = hints.recv() => if hint.map_or(true, |task| self.log.is_meant(task)) { break },
                }
            }
        }
    }

    /// Nobody follows; whoever comes now finds no reader.
    fn is_left(&self) -> bool {
        let mut open = self.followed.open.lock().unwrap_or_else(PoisonError::into_inner);
        let is_left = self.told.receiver_count() == 0;
        if is_left {
            open.remove(&self.log.key());
        }
        is_left
    }
}

/// Also when it was cut short: streams then look for another reader.
impl<L: Log> Drop for Reader<L> {
    fn drop(&mut self) {
        let mut open = self.followed.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.get(&self.log.key()).is_some_and(|told| told.same_channel(&self.told)) {
            open.remove(&self.log.key());
        }
    }
}
