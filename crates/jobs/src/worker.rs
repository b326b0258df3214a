use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use dallosh_contracts::{TaskError, Waiting, figures};
use dallosh_failpoints::Failpoint;
use dallosh_primitives::{Limit, Uid};
use dallosh_store::{Filter, ListQuery, Modified, Sort, StoreErrorKind};
use serde_json::Value;
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore, watch},
    time::Instant,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Instrument;

use crate::{Desired, Engine, Interruption, Job, JobContext, JobError, State, StepError, StepOutcome, ledger::Ledger};

/// How often a worker looks for work that no hint told it of, at the latest.
const SWEEP: Duration = Duration::from_secs(2);
/// How often it looks at what its own jobs are to do.
const LOOK: Duration = Duration::from_millis(300);
/// How often the jobs are counted for the figures.
const COUNT: Duration = Duration::from_secs(10);
/// How often a step that lacks a part is tried again before its job ends.
const ATTEMPTS: u32 = 8;

/// The work of a kind of job.
#[async_trait]
pub trait Pipeline: Send + Sync + 'static {
    /// Does a step. It may have been begun before, by another worker too: what is found whole is not done again. Its
    /// result is kept for the following steps.
    ///
    /// # Cancel safety
    /// It looks at [`JobContext::interruption`] at least every second and returns [`StepError::Interrupted`] then; it
    /// is never dropped in the middle unless the lease is lost.
    async fn run(&self, step: &'static str, job: &Arc<JobContext>) -> StepOutcome;

    /// Whether a job may be begun now; those that run go on to their end either way.
    async fn begins_jobs(&self) -> bool {
        true
    }

    /// Whether what a complete step left is still there, whole.
    async fn is_intact(&self, step: &'static str, checkpoint: &Value, job: &JobContext) -> Result<bool, StepError>;
}

/// How a worker works.
#[derive(Debug, Clone)]
pub struct WorkerConfig {
    /// Names this instance; the same after a restart, so that it takes its own jobs back at once.
    pub instance: String,
    /// Silence after which another worker takes a job.
    pub lease: Duration,
    /// Jobs at once.
    pub max_parallel: usize,
    /// Jobs of one owner at once, those of other workers included; more wait in the queue. Workers that claim at the same
    /// moment may exceed it by their number.
    pub max_per_owner: usize,
}

/// What was seen of a running job's lease, and since when it stands still.
struct Observed {
    epoch: i64,
    beat: Option<i64>,
    since: Instant,
}

/// Takes jobs from the queue and does their steps.
pub struct Worker {
    engine: Engine,
    pipeline: Arc<dyn Pipeline>,
    config: WorkerConfig,
    slots: Arc<Semaphore>,
    wake: Notify,
    running: Mutex<HashMap<Uid, Arc<Notify>>>,
    observed: Mutex<HashMap<Uid, Observed>>,
}

impl Worker {
    /// A worker that does nothing yet.
    pub fn new(engine: Engine, pipeline: Arc<dyn Pipeline>, config: WorkerConfig) -> Self {
        let slots = Arc::new(Semaphore::new(config.max_parallel));
        Self {
            engine,
            pipeline,
            config,
            slots,
            wake: Notify::new(),
            running: Mutex::default(),
            observed: Mutex::default(),
        }
    }

    /// A hint: there may be something in the queue.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// A hint: this job is to do something else.
    pub fn poke(&self, job: Uid) {
        if let Some(notify) = self.running.lock().unwrap_or_else(PoisonError::into_inner).get(&job) {
            notify.notify_one();
        }
    }

    /// Works until `stop`; then puts everything down, so that another worker can go on at once.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let tracker = TaskTracker::new();
        let mut first = true;
        let mut counted: Option<Instant> = None;
        while !stop.is_cancelled() {
            if let Err(error) = self.clone().look_for_work(&tracker, &stop, first).await {
                tracing::warn!(error = %error, "the queue can't be read; trying again");
            } else {
                first = false;
            }
            if counted.is_none_or(|counted| counted.elapsed() >= COUNT) {
                counted = Some(Instant::now());
                if let Err(error) = self.engine.count_states().await {
                    tracing::debug!(error = %error, "the jobs can't be counted");
                }
            }
            let jitter = 1.0 - 0.4 * fastrand::f64();
            let pause = SWEEP.min(self.config.lease / 2).mul_f64(jitter);
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = self.wake.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
        tracker.close();
        tracker.wait().await;
    }

    async fn look_for_work(
        self: Arc<Self>,
        tracker: &TaskTracker,
        stop: &CancellationToken,
        first: bool,
    ) -> Result<(), JobError> {
        for job in self.abandoned(first).await? {
            self.clone().take(job, tracker, stop).await?;
        }
        while self.slots.available_permits() > 0 && !stop.is_cancelled() {
            let Some(job) = self.next_in_queue().await? else { break };
            if !self.pipeline.begins_jobs().await {
                break;
            }
            self.clone().take(job, tracker, stop).await?;
        }
        self.engine.relay.sweep().await?;
        self.erase_deleted().await
    }

    /// The job that is to be taken next: of those whose owner has not as many running as may be, the largest priority,
    /// then the owner with the fewest, then the longest in the queue.
    async fn next_in_queue(&self) -> Result<Option<Job>, JobError> {
        let of = |state: State| {
            let filter = Filter::eq("kind", self.engine.kind.name).and(Filter::eq("state", state.as_str()));
            ListQuery { filter, sort: Sort::ascending("createdAt"), limit: Limit::coerce(Some(200)), cursor: None }
        };
        let mut waiting = self.engine.jobs.list(&of(State::InQueue)).await?;
        if waiting.items.is_empty() {
            return Ok(None);
        }
        let mut busy: BTreeMap<Uid, usize> = BTreeMap::new();
        for job in self.engine.jobs.list(&of(State::Running)).await?.items {
            let count = busy.entry(job.data.owner).or_default();
            *count = count.saturating_add(1);
        }
        let rank = |job: &Job| {
            let running = busy.get(&job.data.owner).copied().unwrap_or(0);
            (std::cmp::Reverse(job.data.priority), running, job.data.queued_at, job.uid)
        };
        loop {
            let may_run = |job: &Job| busy.get(&job.data.owner).copied().unwrap_or(0) < self.config.max_per_owner;
            let next = waiting.items.into_iter().filter(may_run).min_by_key(rank);
            // Behind many jobs of owners who have to wait there may be one of somebody who has not.
            let (None, Some(cursor)) = (&next, waiting.next_cursor) else { return Ok(next) };
            waiting = self.engine.jobs.list(&ListQuery { cursor: Some(cursor), ..of(State::InQueue) }).await?;
        }
    }

    /// Running jobs that nobody works on: put down in good order, this instance's own from before a restart, or with a
    /// lease that stood still for its whole length while we looked.
    async fn abandoned(&self, first: bool) -> Result<Vec<Job>, JobError> {
        let filter = Filter::eq("kind", self.engine.kind.name).and(Filter::eq("state", State::Running.as_str()));
        let query =
            ListQuery { filter, sort: Sort::ascending("createdAt"), limit: Limit::coerce(Some(200)), cursor: None };
        let found = self.engine.jobs.list(&query).await?.items;
        let mine = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let mut observed = self.observed.lock().unwrap_or_else(PoisonError::into_inner);
        observed.retain(|uid, _| found.iter().any(|job| job.uid == *uid));
        let now = Instant::now();
        let is_abandoned = |job: &Job| {
            if mine.contains_key(&job.uid) {
                return false;
            }
            let control = &job.data.control;
            let Some(lease) = &control.lease else { return true };
            if first && lease.owner == self.config.instance {
                return true;
            }
            let beat = Some(lease.beat);
            let seen = observed.entry(job.uid).or_insert(Observed { epoch: control.epoch, beat, since: now });
            if (seen.epoch, seen.beat) != (control.epoch, beat) {
                *seen = Observed { epoch: control.epoch, beat, since: now };
            }
            now.duration_since(seen.since) >= self.config.lease
        };
        Ok(found.into_iter().filter(is_abandoned).collect())
    }

    /// Claims a job as it was seen, and begins to work on it; somebody else may be faster.
    async fn take(self: Arc<Self>, seen: Job, tracker: &TaskTracker, stop: &CancellationToken) -> Result<(), JobError> {
        let wanted = seen.data.control.clone();
        // A job that is only to be put down needs no slot.
        let permit = match (wanted.state, wanted.desired) {
            (State::Running, Desired::Pause | Desired::Stop) => None,
            _ => match self.slots.clone().try_acquire_owned() {
                Ok(permit) => Some(permit),
                Err(_) => return Ok(()),
            },
        };
        Failpoint::ClaimPre.pass().await?;
        let now = self.engine.clock.now();
        let outcome = self.engine.jobs.modify(seen.uid, &self.config.instance, |job| {
            let control = &mut job.data.control;
            if (control.state, control.epoch, &control.lease, control.desired)
                != (wanted.state, wanted.epoch, &wanted.lease, wanted.desired)
            {
                return Err(());
            }
            if permit.is_none() {
                control.epoch = control.epoch.saturating_add(1);
                self.engine.put_down(job, None);
            } else if control.claim(&self.config.instance) {
                job.data.started_at.get_or_insert(now);
                job.data.waiting = None;
            } else {
                job.data.control.state = State::Running;
                let message = "the task brought its worker down several times without coming further";
                let error = TaskError {
                    code: "crash_loop".into(),
                    message: message.into(),
                    step: job.data.control.step.clone(),
                };
                self.engine.end(job, State::OnError, Some(error));
            }
            Ok(())
        });
        let Modified::Written(job) = outcome.await? else { return Ok(()) };
        Failpoint::ClaimPost.pass().await?;
        self.engine.relay.wake(job.uid);
        if job.data.control.state == State::Running
            && job.data.control.lease.is_some()
            && let Some(permit) = permit
        {
            tracker.spawn(self.work(job, permit, stop.clone()));
        }
        Ok(())
    }

    /// Does the steps of a job that was just claimed.
    async fn work(self: Arc<Self>, job: Job, permit: OwnedSemaphorePermit, stop: CancellationToken) {
        let (uid, epoch) = (job.uid, job.data.control.epoch);
        let poke = Arc::new(Notify::new());
        self.running.lock().unwrap_or_else(PoisonError::into_inner).insert(uid, poke.clone());
        let (sender, signal) = watch::channel(None);
        let context = Arc::new(JobContext {
            engine: self.engine.clone(),
            uid,
            epoch,
            worker: self.config.instance.clone(),
            job: Mutex::new(job),
            signal,
            ledger: Ledger::default(),
        });
        let span = tracing::info_span!("task", task.id = %uid, epoch);
        async {
            let ended = CancellationToken::new();
            let watching = self.clone().watch(context.clone(), sender, poke, stop, ended.clone());
            let working = async {
                let outcome = tokio::select! {
                    biased;
                    outcome = self.steps(&context) => outcome,
                    // What is lost is dropped at once; everything else is put down in good order.
                    () = self.lost(&context) => Err(StepError::Job(JobError::LeaseLost)),
                };
                self.settle(&context, outcome).await;
                ended.cancel();
            };
            tokio::join!(watching, working);
        }
        .instrument(span)
        .await;
        self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&uid);
        drop(permit);
        self.wake();
    }

    async fn lost(&self, context: &JobContext) {
        let mut signal = context.signal.clone();
        let _ = signal.wait_for(|seen| *seen == Some(Interruption::LeaseLost)).await;
    }

    /// Renews the lease and tells the steps what is wanted of them, until they ended.
    async fn watch(
        self: Arc<Self>,
        context: Arc<JobContext>,
        signal: watch::Sender<Option<Interruption>>,
        poke: Arc<Notify>,
        stop: CancellationToken,
        ended: CancellationToken,
    ) {
        let third = self.config.lease / 3;
        let mut renewed = Instant::now();
        let mut wanted = None;
        loop {
            tokio::select! {
                biased;
                () = ended.cancelled() => return,
                () = stop.cancelled(), if wanted != Some(Interruption::Shutdown) => {}
                () = poke.notified() => {}
                () = tokio::time::sleep(LOOK.min(third)) => {}
            }
            if stop.is_cancelled() {
                wanted = Some(Interruption::Shutdown);
            }
            let before = Instant::now();
            let seen = if renewed.elapsed() >= third {
                let beat = |job: &mut Job| {
                    if let Some(lease) = &mut job.data.control.lease {
                        lease.beat = lease.beat.saturating_add(1);
                    }
                };
                let written = match Failpoint::LeaseRenew.pass().await {
                    Ok(()) => self.engine.write(context.uid, context.epoch, &self.config.instance, beat).await,
                    Err(injected) => Err(injected.into()),
                };
                if written.is_ok() {
                    renewed = before;
                }
                written.map(Some)
            } else {
                self.engine.jobs.find(context.uid).await.map_err(JobError::from)
            };
            match seen {
                Ok(Some(job))
                    if job.data.control.epoch == context.epoch && job.data.control.state == State::Running =>
                {
                    if wanted != Some(Interruption::Shutdown) {
                        wanted = (job.data.control.desired != Desired::Run).then_some(Interruption::Wanted);
                    }
                }
                Ok(_) | Err(JobError::LeaseLost) => wanted = Some(Interruption::LeaseLost),
                // The database is away: go on for as long as nobody else can have taken the job.
                Err(_) if renewed.elapsed() >= self.config.lease.mul_f64(0.8) => wanted = Some(Interruption::LeaseLost),
                Err(_) => {}
            }
            if *signal.borrow() != wanted {
                signal.send_replace(wanted);
            }
            if wanted == Some(Interruption::LeaseLost) {
                return;
            }
        }
    }

    async fn steps(&self, context: &Arc<JobContext>) -> Result<(), StepError> {
        // What an earlier worker asked and never booked may have been billed.
        self.engine.write_off(&context.job(), |hold| hold.epoch < context.epoch).await?;
        for step in self.engine.kind.steps {
            let job = context.job();
            if job.data.control.completed.iter().any(|done| done == step)
                && let Some(checkpoint) = job.data.checkpoints.get(*step)
            {
                if self.pipeline.is_intact(step, checkpoint, context).await? {
                    continue;
                }
                tracing::warn!(step, "what the step left is not there any more; it is done again");
            }
            let (now, place) = (self.engine.clock.now(), self.engine.kind.position(step).unwrap_or(0));
            context
                .write(|job| {
                    job.data.control.step = Some((*step).to_owned());
                    job.data.control.completed.truncate(place);
                    job.data.emit(job.uid, step, now);
                })
                .await?;
            let checkpoint = self.attempt(step, context).await?;
            context
                .update(|data| {
                    data.control.completed.truncate(place);
                    data.control.completed.push((*step).to_owned());
                    data.control.stalls = 0;
                    data.checkpoints.insert((*step).to_owned(), checkpoint.clone());
                })
                .await?;
        }
        Ok(())
    }

    /// Does a step; tries it again while a part that it needs is away.
    async fn attempt(&self, step: &'static str, context: &Arc<JobContext>) -> StepOutcome {
        for attempt in 1.. {
            context.check()?;
            let (what, source) = match self.pipeline.run(step, context).await {
                Err(StepError::Unavailable { what, source }) => (what, source),
                Err(StepError::Job(JobError::Store(error))) if error.kind == StoreErrorKind::Unavailable => {
                    ("the database", error.into())
                }
                outcome => return outcome,
            };
            tracing::warn!(step, attempt, error = %source, "{what} is not available");
            if attempt >= ATTEMPTS {
                return Err(StepError::Failed {
                    code: "unavailable",
                    message: format!("{what} did not answer for too long"),
                });
            }
            metrics::counter!(figures::WAITS, "reason" => what).increment(1);
            let pause = Duration::from_millis(250).saturating_mul(1 << attempt.min(5));
            let since = self.engine.clock.now();
            let waiting = Waiting { reason: format!("{what} is not available"), since, next_attempt_at: since + pause };
            // It may be the database that is away; then the lease decides.
            let _ = context.update(|data| data.waiting = Some(waiting.clone())).await;
            context.pause_for(pause).await?;
            let _ = context.update(|data| data.waiting = None).await;
            // Calls of the attempt before were dropped with it; they may have been billed.
            let _ = self.engine.write_off(&context.job(), |hold| hold.epoch <= context.epoch).await;
        }
        Err(StepError::Interrupted)
    }

    /// Writes what the steps came to. When even that fails, the lease runs out and the job goes on elsewhere.
    async fn settle(&self, context: &JobContext, outcome: Result<(), StepError>) {
        let written = match outcome {
            Ok(()) => match context.write(|job| self.engine.end(job, State::Done, None)).await {
                Ok(()) => Failpoint::DonePostCas.pass().await.map_err(|injected| JobError::from(injected).into()),
                lost => lost,
            },
            Err(StepError::Interrupted) => context.write(|job| self.engine.put_down(job, None)).await,
            Err(StepError::OutOfBudget { detail }) => {
                tracing::info!(detail, "the task's limit is used up");
                context.write(|job| self.engine.put_down_out_of_budget(job, &detail)).await
            }
            Err(StepError::Failed { code, message }) => {
                tracing::warn!(code, message, "the task ends with an error");
                let step = context.job().data.control.step;
                let error = TaskError { code: code.to_owned(), message, step };
                context.write(|job| self.engine.end(job, State::OnError, Some(error.clone()))).await
            }
            Err(StepError::Job(JobError::LeaseLost)) => {
                tracing::info!("another worker has the task; nothing more is written");
                return;
            }
            Err(error) => {
                tracing::error!(error = %error, "the task is put down");
                return;
            }
        };
        if let Err(error) = written {
            tracing::warn!(error = %error, "the task's end was not written; its lease runs out");
            return;
        }
        // Calls that were dropped are nobody's any more; claims end with the work.
        let ended = self.engine.write_off(&context.job(), |hold| hold.epoch <= context.epoch).await;
        if let Err(error) = ended.and(self.engine.memo.release_all(context.uid, Some(context.epoch)).await) {
            tracing::warn!(error = %error, "what the task set aside is sorted out when it goes on");
        }
    }

    async fn erase_deleted(&self) -> Result<(), JobError> {
        let filter = Filter::eq("kind", self.engine.kind.name).and(Filter::eq("deleted", true));
        for job in self.engine.jobs.list(&ListQuery::newest(filter)).await?.items {
            if job.data.control.state != State::Running {
                self.engine.erase(job.uid).await?;
            }
        }
        Ok(())
    }
}
