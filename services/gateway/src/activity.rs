//! Tells admin's activity log of every request that changed something or was refused. No request waits for it.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use actix_web::{HttpRequest, http::Method};
use dallosh_broker::{Broker, Message};
use dallosh_contracts::{Activity, RecordActivity, figures};
use dallosh_primitives::{Clock as _, SystemClock, Uid};
use dallosh_service_kit::{client_gone, current_request};
use tokio::{
    sync::mpsc::{self, Receiver, Sender},
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::visitor::Visitor;

/// Entries that wait for the broker.
const WAITING: usize = 8192;
/// Entries of one message.
const TOGETHER: usize = 200;
/// How long entries are gathered for a message.
const GATHER: Duration = Duration::from_millis(200);
/// How soon a message that was not confirmed is sent again.
const AGAIN: Duration = Duration::from_secs(1);
/// How long requests may still end after a stop and be recorded.
const LATE: Duration = Duration::from_secs(5);
/// The longest path that is kept, in bytes.
const LONGEST_PATH: usize = 512;
/// The longest method.
const LONGEST_METHOD: usize = 32;

/// Takes what is to be recorded.
pub struct Recorder {
    entries: Sender<Activity>,
    lost: AtomicU64,
    /// The requests that are not answered yet.
    pub open: TaskTracker,
}

/// An answered request.
pub struct Answered<'a> {
    pub request: &'a HttpRequest,
    pub visitor: &'a Visitor,
    /// The user, when it had a valid token.
    pub user: Option<Uid>,
    pub status: u16,
    pub took: Duration,
}

impl Recorder {
    /// A recorder, and what it takes.
    pub fn new() -> (Self, Receiver<Activity>) {
        let (entries, taken) = mpsc::channel(WAITING);
        (Self { entries, lost: AtomicU64::new(0), open: TaskTracker::new() }, taken)
    }

    /// Takes a request, unless it was a mere reading. When more come than can be passed on, those that strangers were
    /// refused are lost first.
    pub fn note(&self, answered: &Answered) {
        let Answered { request, visitor, user, status, took } = answered;
        let is_reading = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
        // Who leaves before the answer was not refused.
        if is_reading && (*status < 400 || client_gone(request).is_cancelled()) {
            return;
        }
        let is_strangers = user.is_none() && *status >= 400;
        if is_strangers && self.entries.capacity() < WAITING / 2 {
            return self.lose();
        }
        let entry = Activity {
            id: Uid::new(),
            at: SystemClock.now(),
            method: start_of(request.method().as_str(), LONGEST_METHOD),
            path: start_of(request.path(), LONGEST_PATH),
            status: *status,
            requested_by: *user,
            request_id: current_request().id,
            ip: visitor.address.map(|address| address.to_string()),
            duration_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        };
        if self.entries.try_send(entry).is_err() {
            self.lose();
        }
    }

    fn lose(&self) {
        self.lost.fetch_add(1, Ordering::Relaxed);
        metrics::counter!(figures::ACTIVITY_LOST).increment(1);
    }

    /// Passes on what is taken until `stop`, and then what the last requests bring.
    pub async fn relay(&self, mut taken: Receiver<Activity>, broker: Broker, stop: CancellationToken) {
        while let Some(Some(first)) = stop.run_until_cancelled(taken.recv()).await {
            // Cut short or not, what came by then goes.
            let _ = stop.run_until_cancelled(sleep(GATHER)).await;
            self.send(Some(first), &mut taken, &broker, &stop).await;
        }
        self.open.close();
        if timeout(LATE, self.open.wait()).await.is_err() {
            tracing::debug!("some requests end too late for the activity log");
        }
        while !taken.is_empty() || self.lost.load(Ordering::Relaxed) > 0 {
            if !self.send(None, &mut taken, &broker, &stop).await {
                let lost = taken.len();
                tracing::error!(lost, "the broker takes nothing; the last entries of the activity log are lost");
                return;
            }
        }
    }

    /// Sends one message, until it is confirmed; at a stop it is tried once.
    async fn send(
        &self,
        first: Option<Activity>,
        taken: &mut Receiver<Activity>,
        broker: &Broker,
        stop: &CancellationToken,
    ) -> bool {
        let mut entries: Vec<_> = first.into_iter().collect();
        while entries.len() < TOGETHER
            && let Ok(entry) = taken.try_recv()
        {
            entries.push(entry);
        }
        let record = RecordActivity { entries, lost: self.lost.swap(0, Ordering::Relaxed) };
        let body = match serde_json::to_vec(&record) {
            Ok(body) => body,
            Err(error) => {
                tracing::error!(%error, "entries of the activity log can't be written");
                return false;
            }
        };
        let message = Message {
            routing_key: "record_activity".to_owned(),
            body: body.into(),
            id: Uid::new().to_string(),
            traceparent: None,
        };
        let mut quiet = false;
        loop {
            let Err(error) = broker.publish(&message).await else { return true };
            if stop.is_cancelled() {
                return false;
            }
            if !quiet {
                tracing::warn!(%error, "the activity log can't be told; trying again");
                quiet = true;
            }
            let _ = stop.run_until_cancelled(sleep(AGAIN)).await;
        }
    }
}

/// The beginning of a text, of so many bytes at most.
fn start_of(text: &str, most: usize) -> String {
    text.get(..text.floor_char_boundary(most)).unwrap_or_default().to_owned()
}
