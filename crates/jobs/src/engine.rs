use std::{convert::Infallible, sync::Arc};

use dallosh_broker::{Broker, Message};
use dallosh_contracts::{Budget, TaskAction, TaskError, TaskEvent, figures};
use dallosh_failpoints::Failpoint;
use dallosh_primitives::{Clock, Limit, Page, Uid};
use dallosh_store::{Collection, Filter, ListQuery, Modified, Sort, Store, StoreError, StoreErrorKind, Versioned};
use futures::{Stream, TryStreamExt as _, stream};
use serde_json::Value;

use crate::{
    Change, Command, Desired, IllegalTransition, Job, JobDocument, JobError, Kind, NewJob, State,
    document::{EventDocument, PageDocument},
    ledger::{self, CallDocument},
    memo::Memo,
    relay::Relay,
};

/// Pages that are read from the database at once.
const PAGES: i64 = 20;

/// Which jobs a list shows.
#[derive(Debug, Clone, Default)]
pub struct JobFilter {
    /// Only those of this user.
    pub owner: Option<Uid>,
    /// Only those about this.
    pub subject: Option<Uid>,
    /// Only those in one of these states.
    pub states: Vec<State>,
    /// Only those at this step.
    pub step: Option<String>,
}

/// Which events of a job: those after `after`, oldest first.
#[derive(Debug, Clone, Copy)]
pub struct EventQuery {
    /// The last number that is known already; 0 for all.
    pub after: i64,
    /// How many at most.
    pub limit: Limit,
}

/// How a command came that is not asked for by somebody who waits for the answer.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// The id of the message; the same when it comes again. Empty when it has none.
    pub id: &'a str,
    /// What the job is about, as the sender says.
    pub subject: Uid,
    /// The revision that the sender knew, when it says one.
    pub revision: Option<i64>,
}

/// What came of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ordered {
    /// It was carried out.
    Done,
    /// It is so already.
    Unchanged,
    /// It came before.
    Repeated,
    /// The job was changed since it was given.
    Outdated,
    /// It makes no sense in the job's state.
    Refused(IllegalTransition),
    /// Another job is at work on the same subject.
    Occupied,
}

/// A job that waits or is at work has its subject for itself.
fn unless_occupied(error: StoreError) -> JobError {
    if error.kind == StoreErrorKind::Duplicate { JobError::Occupied } else { error.into() }
}

/// The jobs of one kind: documents, events and pages. Every process has its own; they meet in the database.
#[derive(Clone)]
pub struct Engine {
    pub(crate) kind: Kind,
    pub(crate) jobs: Collection<JobDocument>,
    pub(crate) events: Collection<EventDocument>,
    pub(crate) pages: Collection<PageDocument>,
    pub(crate) calls: Collection<CallDocument>,
    pub(crate) memo: Memo,
    pub(crate) broker: Broker,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) relay: Relay,
}

/// Why a job is paused when its limit does not cover another call.
const BUDGET_EXHAUSTED: &str = "budget_exhausted";

/// What a command is refused for.
enum Refusal {
    Illegal(IllegalTransition),
    Same,
}

/// Changes what the pipelines of a kind's jobs need to know, where `change` says that it did; the number of those jobs.
/// Others may write the same jobs meanwhile. A pipeline that runs keeps what it has read.
///
/// # Errors
/// When the database fails; what was changed until then stays so.
pub async fn change_inputs(
    kind: &Kind,
    store: &Store,
    by: &str,
    mut change: impl FnMut(&mut Value) -> bool,
) -> Result<u64, JobError> {
    let jobs: Collection<JobDocument> = store.collection().await?;
    let (mut changed, mut cursor) = (0_u64, None);
    loop {
        let filter = Filter::eq("kind", kind.name);
        let limit = Limit::coerce(Some(i64::from(Limit::MAX)));
        let page = jobs.list(&ListQuery { filter, sort: Sort::ascending("createdAt"), limit, cursor }).await?;
        for mut job in page.items {
            if !change(&mut job.data.input) {
                continue;
            }
            let written = jobs.modify(job.uid, by, |job| if change(&mut job.data.input) { Ok(()) } else { Err(()) });
            if let Modified::Written(_) = written.await? {
                changed = changed.saturating_add(1);
                Failpoint::RotatePostSeal.pass().await?;
            }
        }
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Ok(changed);
        }
    }
}

impl Engine {
    /// Opens the collections; makes them when they are not there.
    pub async fn open(kind: Kind, store: &Store, broker: Broker, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let (jobs, events, pages) = (store.collection().await?, store.collection().await?, store.collection().await?);
        let calls = store.collection().await?;
        let (results, claims) = (store.collection().await?, store.collection().await?);
        let memo = Memo { results, claims, jobs: Collection::clone(&jobs) };
        let relay = Relay::new(Collection::clone(&jobs), Collection::clone(&events), broker.clone());
        Ok(Self { kind, jobs, events, pages, calls, memo, broker, clock, relay })
    }

    /// The kind of these jobs.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// The results that were paid for.
    pub fn memo(&self) -> &Memo {
        &self.memo
    }

    /// Makes a job that waits to be started.
    pub async fn create(&self, new: NewJob, by: &str) -> Result<Job, JobError> {
        let uid = Uid::new();
        let mut document = JobDocument::new(self.kind.name, new);
        document.emit(uid, State::Added.as_str(), self.clock.now());
        let job = self.jobs.insert_as(uid, document, by).await?;
        self.relay.wake(uid);
        Ok(job)
    }

    /// Finds a job; a deleted one is absent.
    pub async fn find(&self, uid: Uid) -> Result<Option<Job>, JobError> {
        let job = self.jobs.find(uid).await?;
        Ok(job.filter(|job| !job.data.deleted && job.data.kind == self.kind.name))
    }

    /// Lists jobs, one page at a time.
    pub async fn list(
        &self,
        filter: &JobFilter,
        sort: Sort,
        limit: Limit,
        cursor: Option<String>,
    ) -> Result<Page<Job>, JobError> {
        let mut wanted = Filter::eq("kind", self.kind.name).and(Filter::eq("deleted", false));
        if let Some(owner) = filter.owner {
            wanted = wanted.and(Filter::eq("owner", owner));
        }
        if let Some(subject) = filter.subject {
            wanted = wanted.and(Filter::eq("subject", subject));
        }
        if !filter.states.is_empty() {
            wanted = wanted.and(Filter::any("state", filter.states.iter().map(|state| state.as_str())));
        }
        if let Some(step) = &filter.step {
            wanted = wanted.and(Filter::eq("step", step.as_str()));
        }
        let query = ListQuery { filter: wanted, sort, limit, cursor };
        Ok(self.jobs.list(&query).await?)
    }

    /// Carries out a command. The answer is the job after it, and whether anything changed.
    ///
    /// # Errors
    /// [`JobError::Illegal`] when it makes no sense in the job's state; [`JobError::Occupied`].
    pub async fn command(&self, uid: Uid, command: &Command, by: &str) -> Result<(Job, bool), JobError> {
        let outcome = self
            .jobs
            .modify(uid, by, |job| match self.apply(job, command) {
                Err(illegal) => Err(Refusal::Illegal(illegal)),
                Ok(false) => Err(Refusal::Same),
                Ok(true) => Ok(()),
            })
            .await
            .map_err(unless_occupied)?;
        let job = match outcome {
            Modified::Absent => return Err(JobError::NotFound),
            Modified::Refused(Refusal::Same) => {
                return Ok((self.find(uid).await?.ok_or(JobError::NotFound)?, false));
            }
            Modified::Refused(Refusal::Illegal(illegal)) => return Err(illegal.into()),
            Modified::Written(job) => job,
        };
        Failpoint::CtlPostCas.pass().await?;
        self.relay.wake(uid);
        Ok((job, true))
    }

    /// Carries out a command that came as a message, which may come late, and more than once: judged as
    /// [`Engine::command`] judges it, at most once for each id, and never against a change that the sender did not know.
    ///
    /// # Errors
    /// [`JobError::NotFound`] when there is no such job about this subject, [`JobError::Store`] when the database failed;
    /// then the same order may be given again.
    pub async fn order(&self, uid: Uid, command: &Command, order: &Order<'_>) -> Result<Ordered, JobError> {
        let mut ordered = Ordered::Unchanged;
        let outcome = self
            .jobs
            .modify(uid, "message", |job| {
                let data = &job.data;
                if data.deleted || data.kind != self.kind.name || data.subject != order.subject {
                    return Err(Some(JobError::NotFound));
                }
                if order.revision.is_some_and(|revision| revision != job.revision) {
                    ordered = Ordered::Outdated;
                    return Err(None);
                }
                if !order.id.is_empty() && !job.data.takes_order(order.id) {
                    ordered = Ordered::Repeated;
                    return Err(None);
                }
                ordered = match self.apply(job, command) {
                    Ok(true) => Ordered::Done,
                    Ok(false) => Ordered::Unchanged,
                    Err(illegal) => Ordered::Refused(illegal),
                };
                // What changes nothing is remembered too, lest it does when it comes again; but no hint of our own is.
                if matches!(ordered, Ordered::Done) || order.revision.is_none() { Ok(()) } else { Err(None) }
            })
            .await
            .map_err(unless_occupied);
        match outcome {
            Err(JobError::Occupied) => Ok(Ordered::Occupied),
            Err(error) | Ok(Modified::Refused(Some(error))) => Err(error),
            Ok(Modified::Absent) => Err(JobError::NotFound),
            Ok(Modified::Refused(None)) => Ok(ordered),
            Ok(Modified::Written(_)) => {
                self.relay.wake(uid);
                Ok(ordered)
            }
        }
    }

    /// Changes a job as a command says; tells whether anything changed.
    fn apply(&self, job: &mut Job, command: &Command) -> Result<bool, IllegalTransition> {
        let before = job.data.control.clone();
        match before.apply(command, &self.kind)? {
            Change::Same => Ok(false),
            Change::Next(control) => {
                let restarted = control.run != before.run;
                let resumed = before.state.is_final() && control.state == State::InQueue;
                job.data.control = control;
                self.follow(job, before.state, restarted, resumed, None);
                Ok(true)
            }
        }
    }

    /// Makes the rest of the document follow from a new control, and emits the event of a new state.
    fn follow(&self, job: &mut Job, before: State, restarted: bool, resumed: bool, out_of_budget: Option<&str>) {
        let now = self.clock.now();
        let (uid, data) = (job.uid, &mut job.data);
        if restarted {
            data.checkpoints.clear();
            data.progress = dallosh_contracts::Progress::default();
            data.started_at = None;
        }
        if resumed {
            data.finished_at = None;
            data.error = None;
        }
        let completed = &data.control.completed;
        data.checkpoints.retain(|step, _| completed.contains(step));
        let state = data.control.state;
        if state == before {
            return;
        }
        let reason = if out_of_budget.is_some() { BUDGET_EXHAUSTED } else { "user" };
        data.pause_reason = (state == State::Paused).then(|| reason.to_owned());
        data.pause_detail = out_of_budget.map(str::to_owned);
        data.waiting = None;
        data.occupied = State::ACTIVE.contains(&state).then_some(data.subject);
        if state == State::InQueue {
            data.queued_at = Some(now);
        }
        if state.is_final() {
            data.finished_at = Some(now);
        }
        data.progress.rows_per_second = None;
        data.progress.eta_seconds = None;
        data.emit(uid, state.as_str(), now);
    }

    /// Tells a job that does not run what its pipeline needs to know; one that runs keeps what it began with.
    pub async fn prepare(&self, uid: Uid, input: Value, by: &str) -> Result<(), JobError> {
        let outcome = self.jobs.modify(uid, by, |job| {
            if job.data.control.state != State::Added && !job.data.control.state.is_final() || job.data.input == input {
                return Err(());
            }
            job.data.input = input.clone();
            Ok(())
        });
        if outcome.await? == Modified::Absent { Err(JobError::NotFound) } else { Ok(()) }
    }

    /// Changes the limit or the priority. A job that was paused because its limit was used up goes on when it is raised.
    pub async fn adjust(
        &self,
        uid: Uid,
        budget: Option<Budget>,
        priority: Option<i64>,
        by: &str,
    ) -> Result<Job, JobError> {
        let outcome = self.jobs.modify::<()>(uid, by, |job| {
            if let Some(budget) = &budget {
                let is_raised = ledger::is_raised(job.data.budget.as_ref(), budget);
                job.data.budget = Some(budget.clone());
                if is_raised && job.data.pause_reason.as_deref() == Some(BUDGET_EXHAUSTED) {
                    // A job with this reason is paused, so this can't be refused.
                    let _ = self.apply(job, &Command::Resume);
                }
            }
            if let Some(priority) = priority {
                job.data.priority = priority;
            }
            Ok(())
        });
        match outcome.await? {
            Modified::Written(job) => {
                self.relay.wake(uid);
                Ok(job)
            }
            _ => Err(JobError::NotFound),
        }
    }

    /// Deletes a job: at once when nothing runs, else its worker is told to stop and the rest follows by itself.
    pub async fn delete(&self, uid: Uid, by: &str) -> Result<(), JobError> {
        let outcome = self.jobs.modify::<()>(uid, by, |job| {
            job.data.deleted = true;
            if job.data.control.state == State::Running {
                job.data.control.desired = Desired::Stop;
            }
            Ok(())
        });
        match outcome.await? {
            Modified::Written(job) if job.data.control.state != State::Running => self.erase(uid).await,
            Modified::Written(_) => Ok(()),
            _ => Err(JobError::NotFound),
        }
    }

    /// Removes what a job left; its calls stay in the books.
    pub(crate) async fn erase(&self, uid: Uid) -> Result<(), JobError> {
        self.memo.release_all(uid, None).await?;
        self.pages.delete_many(&Filter::eq("job", uid)).await?;
        self.events.delete_many(&Filter::eq("task_id", uid)).await?;
        self.jobs.delete(uid).await?;
        Ok(())
    }

    /// The events of a job in their order, also those that are not in the log yet; never with a gap.
    pub async fn events(&self, uid: Uid, query: EventQuery) -> Result<Vec<TaskEvent>, JobError> {
        // The outbox first: an event that moves to the log meanwhile is then seen twice, not missed.
        let outbox = self.jobs.find(uid).await?.map(|job| job.data.outbox).unwrap_or_default();
        let filter =
            Filter::eq("task_id", uid).and(Filter::Range("seq", Some(query.after.saturating_add(1).into()), None));
        let logged = ListQuery { filter, sort: Sort::ascending("seq"), limit: query.limit, cursor: None };
        let mut found: Vec<TaskEvent> =
            self.events.list(&logged).await?.items.into_iter().map(|one| one.data.event).collect();
        let last = found.last().map_or(query.after, |event| event.seq);
        let missing = outbox.into_iter().filter(|event| event.seq > last);
        let mut next = last.saturating_add(1);
        for event in missing {
            if event.seq != next || found.len() >= query.limit.get() {
                break;
            }
            next = next.saturating_add(1);
            found.push(event);
        }
        Ok(found)
    }

    /// Sends a hint without waiting; when it is lost, a worker finds the same by itself.
    pub fn hint(&self, routing_key: &str, body: &impl serde::Serialize, traceparent: Option<String>) {
        let Ok(body) = serde_json::to_vec(body) else { return };
        let message =
            Message { routing_key: routing_key.to_owned(), body: body.into(), id: Uid::new().to_string(), traceparent };
        let broker = self.broker.clone();
        tokio::spawn(async move {
            if let Err(error) = broker.publish(&message).await {
                tracing::debug!(error = %error, routing_key = message.routing_key, "a hint was not sent; it is found by the timer");
            }
        });
    }

    /// What may be done to the job now.
    pub fn allowed_actions(&self, job: &JobDocument) -> Vec<TaskAction> {
        let command = |action| match action {
            TaskAction::Start => Command::Start,
            TaskAction::Pause => Command::Pause,
            TaskAction::Resume => Command::Resume,
            TaskAction::Stop => Command::Stop,
            TaskAction::Retry => Command::Retry { from_step: None, failed: job.control.state == State::Done },
            TaskAction::Restart => Command::Restart,
        };
        let failed = job.progress.rows_failed > 0;
        TaskAction::ALL
            .into_iter()
            .filter(|action| *action != TaskAction::Retry || job.control.state != State::Done || failed)
            .filter(|action| matches!(job.control.apply(&command(*action), &self.kind), Ok(Change::Next(_))))
            .collect()
    }

    /// What the pages of a run hold, a few at a time; those of a later round come after those of an earlier one.
    pub fn pages(&self, job: Uid, run: i64) -> impl Stream<Item = Result<Value, JobError>> + '_ {
        let filter = Filter::eq("job", job).and(Filter::eq("run", run));
        let first =
            ListQuery { filter, sort: Sort::ascending("page"), limit: Limit::coerce(Some(PAGES)), cursor: None };
        let lists = stream::try_unfold(Some(first), async |query| {
            let Some(query) = query else { return Ok::<_, JobError>(None) };
            let Page { items, next_cursor } = self.pages.list(&query).await?;
            let next = next_cursor.map(|cursor| ListQuery { cursor: Some(cursor), ..query });
            Ok(Some((stream::iter(items.into_iter().map(|one| Ok(one.data.content))), next)))
        });
        lists.try_flatten()
    }

    /// Changes a job that the worker with this epoch has; anybody else's change is refused.
    pub(crate) async fn write(
        &self,
        uid: Uid,
        epoch: i64,
        by: &str,
        mut change: impl FnMut(&mut Versioned<JobDocument>),
    ) -> Result<Job, JobError> {
        let change = |job: &mut Versioned<JobDocument>| {
            change(job);
            Ok::<_, Infallible>(())
        };
        match self.try_write(uid, epoch, by, change).await? {
            Ok(job) => Ok(job),
            Err(never) => match never {},
        }
    }

    /// The same, for a change that may find that it can't be made.
    pub(crate) async fn try_write<E>(
        &self,
        uid: Uid,
        epoch: i64,
        by: &str,
        mut change: impl FnMut(&mut Versioned<JobDocument>) -> Result<(), E>,
    ) -> Result<Result<Job, E>, JobError> {
        let outcome = self.jobs.modify(uid, by, |job| {
            let control = &job.data.control;
            if control.epoch != epoch || control.state != State::Running || control.lease.is_none() {
                return Err(None);
            }
            change(job).map_err(Some)
        });
        match outcome.await? {
            Modified::Written(job) => {
                if !job.data.outbox.is_empty() {
                    self.relay.wake(uid);
                }
                Ok(Ok(job))
            }
            Modified::Refused(Some(refusal)) => Ok(Err(refusal)),
            Modified::Refused(None) | Modified::Absent => Err(JobError::LeaseLost),
        }
    }

    /// Tells how many jobs there are in each state.
    pub(crate) async fn count_states(&self) -> Result<(), JobError> {
        for state in State::ALL {
            let of_kind = Filter::eq("kind", self.kind.name).and(Filter::eq("deleted", false));
            let count = self.jobs.count(&of_kind.and(Filter::eq("state", state.as_str()))).await?;
            let count = f64::from(u32::try_from(count).unwrap_or(u32::MAX));
            metrics::gauge!(figures::TASKS, "state" => state.as_str()).set(count);
        }
        Ok(())
    }

    /// Puts a running job down as its `desired` says, and emits what came of it. `out_of_budget` tells in words why its
    /// limit does not cover another call, when that is why.
    pub(crate) fn put_down(&self, job: &mut Job, out_of_budget: Option<&str>) {
        let before = job.data.control.state;
        job.data.control.put_down();
        self.follow(job, before, false, false, out_of_budget);
    }

    /// Ends a running job.
    pub(crate) fn end(&self, job: &mut Job, state: State, error: Option<TaskError>) {
        let before = job.data.control.state;
        job.data.control.state = state;
        job.data.control.desired = Desired::Run;
        job.data.control.lease = None;
        job.data.error = error;
        self.follow(job, before, false, false, None);
    }

    /// Inserts a page; gives back the content that counts, which is the first writer's.
    pub(crate) async fn put_page(&self, job: &Job, page: i64, content: Value) -> Result<Value, JobError> {
        let control = &job.data.control;
        let uid = page_uid(job.uid, control.run, control.round, page);
        let order = control.round.saturating_mul(1 << 40).saturating_add(page);
        let document = PageDocument { job: job.uid, run: control.run, page: order, content };
        let content = document.content.clone();
        match self.pages.insert_as(uid, document, "worker").await {
            Ok(_) => Ok(content),
            Err(error) if error.kind == StoreErrorKind::Duplicate => {
                metrics::counter!(figures::PAGES_REDONE).increment(1);
                self.pages.find(uid).await?.map(|stored| stored.data.content).ok_or(JobError::LeaseLost)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// The id of a page.
pub(crate) fn page_uid(job: Uid, run: i64, round: i64, page: i64) -> Uid {
    job.derived(&format!("run {run} round {round} page {page}"))
}
