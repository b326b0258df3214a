use std::{collections::HashSet, sync::Arc};

use dallosh_broker::{Broker, Message};
use dallosh_failpoints::Failpoint;
use dallosh_primitives::{Limit, Uid};
use dallosh_store::{Collection, Filter, ListQuery, Sort, StoreErrorKind};
use tokio::sync::Mutex;

use crate::{JobDocument, JobError, document::EventDocument};

/// Moves events from a job's outbox into the log, and from the log to the broker. Every process does it for what it
/// wrote; every worker's timer does it for what a dead one left.
#[derive(Clone)]
pub(crate) struct Relay {
    jobs: Collection<JobDocument>,
    events: Collection<EventDocument>,
    broker: Broker,
    /// Jobs that are being relayed, and those that are to be looked at once more after that.
    busy: Arc<Mutex<(HashSet<Uid>, HashSet<Uid>)>>,
}

impl Relay {
    pub fn new(jobs: Collection<JobDocument>, events: Collection<EventDocument>, broker: Broker) -> Self {
        Self { jobs, events, broker, busy: Arc::default() }
    }

    /// Relays a job's events in the background; one at a time for each job, so that they go out in order.
    pub fn wake(&self, uid: Uid) {
        let relay = self.clone();
        tokio::spawn(async move {
            {
                let mut busy = relay.busy.lock().await;
                if !busy.0.insert(uid) {
                    busy.1.insert(uid);
                    return;
                }
            }
            loop {
                if let Err(error) = relay.run(uid).await {
                    tracing::debug!(task.id = %uid, error = %error, "events wait for the timer");
                }
                let mut busy = relay.busy.lock().await;
                if !busy.1.remove(&uid) {
                    busy.0.remove(&uid);
                    return;
                }
            }
        });
    }

    /// Relays what a job has; what can't be published now stays marked in the log.
    pub async fn run(&self, uid: Uid) -> Result<(), JobError> {
        self.log(uid).await?;
        self.publish(Some(uid)).await
    }

    /// Moves the outbox into the log.
    async fn log(&self, uid: Uid) -> Result<(), JobError> {
        let Some(job) = self.jobs.find(uid).await? else { return Ok(()) };
        let Some(last) = job.data.outbox.last().map(|event| event.seq) else { return Ok(()) };
        for event in job.data.outbox {
            let id = uid.derived(&format!("event {}", event.seq));
            let document = EventDocument { event, owner: job.data.owner, published: false };
            match self.events.insert_as(id, document, "relay").await {
                Err(error) if error.kind != StoreErrorKind::Duplicate => return Err(error.into()),
                _ => {}
            }
        }
        self.jobs
            .modify::<()>(uid, "relay", |job| {
                job.data.outbox.retain(|event| event.seq > last);
                job.data.unsent = !job.data.outbox.is_empty();
                Ok(())
            })
            .await?;
        Ok(())
    }

    /// Relays what processes that died left behind.
    pub async fn sweep(&self) -> Result<(), JobError> {
        for job in self.jobs.list(&ListQuery::newest(Filter::eq("unsent", true))).await?.items {
            self.wake(job.uid);
        }
        self.publish(None).await
    }

    /// Publishes what is marked as not published, in order; stops at the first that the broker does not take.
    pub async fn publish(&self, uid: Option<Uid>) -> Result<(), JobError> {
        let mut filter = Filter::eq("published", false);
        if let Some(uid) = uid {
            filter = filter.and(Filter::eq("task_id", uid));
        }
        let query = ListQuery { filter, sort: Sort::ascending("seq"), limit: Limit::coerce(Some(200)), cursor: None };
        loop {
            let found = self.events.list(&query).await?.items;
            if found.is_empty() {
                return Ok(());
            }
            for mut stored in found {
                let event = &stored.data.event;
                let message = Message {
                    routing_key: format!("{}.{}", event.file_id, event.event),
                    body: serde_json::to_vec(event)?.into(),
                    id: stored.uid.to_string(),
                    traceparent: None,
                };
                if let Err(error) = self.broker.publish(&message).await {
                    tracing::debug!(error = %error, "an event waits for the broker");
                    return Ok(());
                }
                Failpoint::OutboxPostPublish.pass().await?;
                stored.data.published = true;
                match self.events.replace(stored, "relay").await {
                    Err(error) if error.kind != StoreErrorKind::Stale => return Err(error.into()),
                    _ => {}
                }
            }
        }
    }
}
