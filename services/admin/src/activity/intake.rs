use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use dallosh_broker::{Delivery, Handler, Outcome, Queue};
use dallosh_contracts::RecordActivity;
use dallosh_primitives::{Clock as _, SystemClock, Uid};
use tokio_util::sync::CancellationToken;

use crate::activity::{ActivityLog, entry::Draft};

/// The queue of what is to be recorded.
pub const QUEUE: Queue = Queue { name: "admin.activity", bindings: &["record_activity"] };

/// How soon an appending is tried again that the database did not take.
const AGAIN: Duration = Duration::from_secs(1);

/// Appends what the gateway tells. A message is held until its entries are written, however long that takes: it would
/// be given up after a few deliveries.
pub struct Intake {
    pub log: Arc<ActivityLog>,
    /// The service stops.
    pub stop: CancellationToken,
    /// Messages so far.
    pub seen: AtomicU64,
}

#[async_trait]
impl Handler for Intake {
    async fn handle(&self, delivery: Delivery) -> Outcome {
        self.seen.fetch_add(1, Ordering::Relaxed);
        let message = match serde_json::from_slice::<RecordActivity>(&delivery.message.body) {
            Ok(message) => message,
            Err(error) => return Outcome::DeadLetter(format!("no record of activity: {error}")),
        };
        let drafts = drafts(&delivery.message.id, message);
        loop {
            let error = match self.log.append(&drafts).await {
                Ok(()) => return Outcome::Ack,
                Err(error) => error,
            };
            tracing::warn!(%error, entries = drafts.len(), "the activity log can't be written; trying again");
            tokio::select! {
                () = self.stop.cancelled() => return Outcome::RetryAfter(AGAIN),
                () = tokio::time::sleep(AGAIN) => {}
            }
        }
    }
}

/// The entries of a message with their ids, which a repeated delivery has too.
fn drafts(message_id: &str, message: RecordActivity) -> Vec<(Uid, Draft)> {
    let RecordActivity { entries, lost } = message;
    let at = entries.first().map_or_else(|| SystemClock.now(), |entry| entry.at);
    let lost = (lost > 0).then(|| (Uid::only(&format!("logs/lost/{message_id}")), Draft::lost(lost, at)));
    lost.into_iter().chain(entries.into_iter().map(|entry| (entry.id, Draft::from(entry)))).collect()
}
