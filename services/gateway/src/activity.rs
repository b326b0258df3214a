//! Tells admin's activity log of every request that changed something or was refused. No request waits for it.

mod floods;

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use actix_web::{HttpRequest, http::Method};
use dallosh_broker::{Broker, Message};
use dallosh_contracts::{Activity, RecordActivity, figures};
use dallosh_primitives::{Clock as _, SystemClock, Uid};
use dallosh_service_kit::{client_gone, current_request};
use tokio::{
    select,
    sync::mpsc::{self, Receiver, Sender},
    time::{Instant, sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::floods::{Floods, WINDOW};
use crate::{rates::Who, visitor::Visitor};

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
    floods: Mutex<Floods>,
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
        (Self { entries, floods: Mutex::default(), lost: AtomicU64::new(0), open: TaskTracker::new() }, taken)
    }

    /// Takes a request, unless it was a mere reading. Of a flood of refusals the first ones are passed on one by one. When
    /// more come than can be passed on, those that strangers were refused are lost first.
    pub fn note(&self, answered: &Answered) {
        let Answered { request, visitor, user, status, took } = answered;
        let is_reading = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
        // Who leaves before the answer was not refused.
        if is_reading && (*status < 400 || client_gone(request).is_cancelled()) {
            return;
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
            times: 1,
        };
        if *status < 400 {
            return self.pass_on(entry);
        }
        let who = user.map(Who::User).or(visitor.address.map(Who::at));
        let passed = self.floods.lock().unwrap_or_else(PoisonError::into_inner).take(who, entry, Instant::now());
        for entry in passed {
            self.pass_on(entry);
        }
    }

    /// Passes on what stands for refusals of which no more came for a while, or for all of them.
    fn settle(&self, all: bool) {
        let mut floods = self.floods.lock().unwrap_or_else(PoisonError::into_inner);
        let over = if all { floods.drain() } else { floods.settle(Instant::now()) };
        drop(floods);
        for entry in over {
            self.pass_on(entry);
        }
    }

    fn pass_on(&self, entry: Activity) {
        let times = entry.times;
        let is_strangers = entry.requested_by.is_none() && entry.status >= 400;
        if (is_strangers && self.entries.capacity() < WAITING / 2) || self.entries.try_send(entry).is_err() {
            self.lost.fetch_add(times, Ordering::Relaxed);
            metrics::counter!(figures::ACTIVITY_LOST).increment(times);
        }
    }

    /// Passes on what is taken until `stop`, and then what the last requests bring.
    pub async fn relay(&self, mut taken: Receiver<Activity>, broker: Broker, stop: CancellationToken) {
        loop {
            select! {
                () = stop.cancelled() => break,
                () = sleep(WINDOW) => {}
                Some(first) = taken.recv() => {
                    // Cut short or not, what came by then goes.
                    let _ = stop.run_until_cancelled(sleep(GATHER)).await;
                    self.send(Some(first), &mut taken, &broker, &stop).await;
                }
            }
            self.settle(false);
        }
        self.open.close();
        if timeout(LATE, self.open.wait()).await.is_err() {
            tracing::debug!("some requests end too late for the activity log");
        }
        self.settle(true);
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
