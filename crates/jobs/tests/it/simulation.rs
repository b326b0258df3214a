//! Random histories against a model: commands, hints that come twice or late or never, processes that are killed,
//! frozen and stopped, a database that fails. Every history is random by its seed alone: one that fails prints it, and
//! `DALLOSH_SEED=…` plays it again.

mod database;
mod world;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::{Context, Result, ensure};
use dallosh_contracts::TaskEvent;
use dallosh_jobs::{Change, Command, Control, EventQuery, Job, JobDocument, JobError, NewJob, State};
use dallosh_primitives::{Limit, Uid};
use database::Life;
use serde_json::{Map, json};
use tokio::time::{Instant, sleep};
use world::{KIND, PageContent, Process, UNITS, WorkerProcess, World, decode, job_of};

/// How long a job may take, simulated, once nothing disturbs it any more.
const PATIENCE: Duration = Duration::from_secs(120);

fn commands() -> [Command; 8] {
    let retry = |from_step: Option<&str>, failed| Command::Retry { from_step: from_step.map(str::to_owned), failed };
    [
        Command::Start,
        Command::Pause,
        Command::Resume,
        Command::Stop,
        retry(None, false),
        retry(Some("ask"), false),
        retry(None, true),
        Command::Restart,
    ]
}

/// What was done to the processes.
#[derive(Debug, Default)]
struct Disturbances {
    /// Killed, frozen or stopped.
    processes: usize,
    /// Frozen: it may do for a moment what it would have done.
    frozen: usize,
    /// The database failed for a while.
    database: usize,
}

struct History {
    world: Arc<World>,
    workers: Vec<WorkerProcess>,
    front: Process,
    jobs: Vec<Uid>,
    disturbances: Disturbances,
    random: fastrand::Rng,
}

impl History {
    async fn new(seed: u64) -> Result<Self> {
        let world = Arc::new(World::new().await);
        let mut random = fastrand::Rng::with_seed(seed);
        let mut workers = Vec::new();
        for number in 0..random.usize(1..=3) {
            workers.push(world.worker(&format!("worker {number}")).await);
        }
        let front = world.process().await.0;
        let mut jobs = Vec::new();
        for _ in 0..random.usize(1..=2) {
            let (owner, subject) = (Uid::new(), Uid::new());
            let new = NewJob { owner, subject, priority: 0, input: json!({}), details: Map::new(), budget: None };
            jobs.push(front.engine.create(new, "user").await?.uid);
        }
        Ok(Self { world, workers, front, jobs, disturbances: Disturbances::default(), random })
    }

    async fn play(&mut self) -> Result<()> {
        for job in self.jobs.clone() {
            self.command(job, Command::Start).await?;
        }
        for _ in 0..self.random.usize(4..16) {
            sleep(Duration::from_millis(self.random.u64(0..2500))).await;
            let job = self.jobs[self.random.usize(..self.jobs.len())];
            let place = self.random.usize(..self.workers.len());
            match self.random.u8(..20) {
                0..10 => {
                    let chosen = self.any_command();
                    self.command(job, chosen).await?;
                }
                10..12 => self.hint(job),
                12 => self.command_of_a_front_that_dies(job).await,
                13..15 => {
                    self.disturbances.processes += 1;
                    self.workers[place].process.life.send_replace(Life::Dead);
                    sleep(Duration::from_millis(self.random.u64(0..5000))).await;
                    self.workers[place] = self.world.worker(&format!("worker {place}")).await;
                }
                15..17 => {
                    self.disturbances.processes += 1;
                    self.disturbances.frozen += 1;
                    self.workers[place].process.life.send_replace(Life::Frozen);
                    sleep(Duration::from_millis(self.random.u64(0..8000))).await;
                    self.workers[place].process.life.send_replace(Life::Alive);
                }
                17 => {
                    self.disturbances.processes += 1;
                    let next = self.world.worker(&format!("worker {place}")).await;
                    // In good order: the one before is gone before the next begins, as the folder's lock has it.
                    let before = std::mem::replace(&mut self.workers[place], next);
                    before.stop.cancel();
                    before.task.await?;
                }
                _ => {
                    self.disturbances.database += 1;
                    self.world.failing.send_replace(self.random.u8(5..100));
                    sleep(Duration::from_millis(self.random.u64(0..4000))).await;
                    self.world.failing.send_replace(0);
                }
            }
        }
        Ok(())
    }

    fn any_command(&mut self) -> Command {
        let place = self.random.usize(..commands().len());
        commands()[place].clone()
    }

    /// Somebody's command and the hint that follows it: lost, or brought to some worker once or more.
    async fn command(&mut self, job: Uid, command: Command) -> Result<()> {
        let answer = self.front.engine.command(job, &command, "user").await;
        ensure!(
            matches!(answer, Ok(_) | Err(JobError::Illegal(_) | JobError::Store(_))),
            "{command:?} answered {answer:?}"
        );
        for _ in 0..self.random.usize(..4) {
            self.hint(job);
        }
        Ok(())
    }

    fn hint(&mut self, job: Uid) {
        let place = self.random.usize(..self.workers.len());
        let (worker, late) = (self.workers[place].worker.clone(), self.random.u64(0..3000));
        tokio::spawn(async move {
            sleep(Duration::from_millis(late)).await;
            worker.poke(job);
            worker.wake();
        });
    }

    /// A command whose process dies somewhere between taking it and answering.
    async fn command_of_a_front_that_dies(&mut self, job: Uid) {
        let (front, _) = self.world.process().await;
        let (command, engine) = (self.any_command(), front.engine.clone());
        tokio::spawn(async move { engine.command(job, &command, "user").await.map(drop) });
        sleep(Duration::from_millis(self.random.u64(0..40))).await;
        front.life.send_replace(Life::Dead);
    }

    /// Lets everything come to its end: what was begun and nobody stopped is done.
    async fn end(&mut self) -> Result<()> {
        for job in self.jobs.clone() {
            let deadline = Instant::now() + PATIENCE;
            loop {
                let found = self.world.job(job);
                let next = match found.data.control.state {
                    State::Done | State::Stopped => break,
                    State::Added => Some(Command::Start),
                    State::Paused => Some(Command::Resume),
                    State::OnError => {
                        let code = found.data.error.as_ref().map(|error| error.code.as_str());
                        let many = self.disturbances.processes + self.disturbances.database >= 3;
                        ensure!(code == Some("crash_loop") && many, "it was given up: {:?}", found.data.error);
                        Some(Command::Retry { from_step: None, failed: false })
                    }
                    State::InQueue | State::Running => None,
                };
                if let Some(next) = next {
                    self.front.engine.command(job, &next, "user").await?;
                }
                ensure!(Instant::now() < deadline, "it does not come to its end: {:?}", found.data.control);
                sleep(Duration::from_millis(500)).await;
            }
            while self.world.job(job).data.unsent {
                ensure!(Instant::now() < deadline, "its events stay in the outbox");
                sleep(Duration::from_millis(500)).await;
            }
        }
        Ok(())
    }

    async fn check(&self) -> Result<()> {
        let mut writes: BTreeMap<Uid, Vec<Job>> = BTreeMap::new();
        for stored in self.world.database.writes("tasks") {
            writes.entry(stored.uid).or_default().push(job_of(stored));
        }
        let pages = self.pages()?;
        for job in &self.jobs {
            for pair in writes[job].windows(2) {
                explained(&pair[0], &pair[1]).with_context(|| {
                    format!("{:?}\nbecame, by {}, {:?}", pair[0].data, pair[1].updated_by, pair[1].data)
                })?;
            }
            self.check_events(*job).await?;
            Self::check_answers(&self.world.job(*job).data, pages.get(job).map_or(&[], Vec::as_slice))?;
        }
        self.check_calls(&pages)
    }

    /// The pages of each job with their run; none was ever written twice.
    fn pages(&self) -> Result<BTreeMap<Uid, Vec<(i64, PageContent)>>> {
        let mut pages: BTreeMap<Uid, Vec<(i64, PageContent)>> = BTreeMap::new();
        for stored in self.world.database.writes("task_pages") {
            ensure!(stored.revision == 1, "a page was written again");
            let data = stored.data.value()?;
            let job: Uid = serde_json::from_value(data["job"].clone())?;
            let content = decode(vec![data["content"].clone()]).remove(0);
            pages.entry(job).or_default().push((data["run"].as_i64().context("no run")?, content));
        }
        Ok(pages)
    }

    async fn check_events(&self, job: Uid) -> Result<()> {
        let mut events: Vec<TaskEvent> = Vec::new();
        loop {
            let query = EventQuery {
                after: events.last().map_or(0, |event: &TaskEvent| event.seq),
                limit: Limit::coerce(Some(200)),
            };
            let found = self.front.engine.events(job, query).await?;
            if found.is_empty() {
                break;
            }
            events.extend(found);
        }
        let stored = self.world.job(job);
        ensure!(events.iter().zip(1..).all(|(event, seq)| event.seq == seq), "the events have a gap");
        ensure!(i64::try_from(events.len())? == stored.data.seq, "{} events of {}", events.len(), stored.data.seq);
        let last = events.iter().rev().find(|event| event.event != "progress").context("no event")?;
        ensure!(last.event == stored.data.status(), "the last event is {}", last.event);
        Ok(())
    }

    /// In each run every unit is answered once, what failed once more in each later round; and the result of a job that
    /// is done is what its pages say.
    fn check_answers(job: &JobDocument, pages: &[(i64, PageContent)]) -> Result<()> {
        let mut answers: BTreeMap<(i64, i64, u64), (u64, bool)> = BTreeMap::new();
        for (run, page) in pages {
            for (unit, answer) in &page.answers {
                let twice = answers.insert((*run, page.round, *unit), *answer);
                ensure!(twice.is_none(), "unit {unit} has two answers in run {run}, round {}", page.round);
            }
        }
        if job.control.state == State::Done {
            let run = job.control.run;
            let of_run = |unit: u64| {
                let rounds = answers.range((run, 0, 0)..(run + 1, 0, 0)).filter(|((_, _, one), _)| *one == unit);
                rounds.map(|(_, answer)| *answer).next_back()
            };
            let wanted: BTreeMap<u64, _> = (0..UNITS).filter_map(|unit| Some((unit, of_run(unit)?))).collect();
            ensure!(wanted.len() as u64 == UNITS, "units are missing: {wanted:?}");
            ensure!(job.checkpoints["save"] == json!(wanted), "the result is not what the pages say");
        }
        Ok(())
    }

    fn check_calls(&self, pages: &BTreeMap<Uid, Vec<(i64, PageContent)>>) -> Result<()> {
        let calls = self.world.calls.lock().unwrap();
        if self.disturbances.frozen == 0 {
            for call in calls.iter() {
                ensure!(call.forbidden.is_none(), "a model was asked while the job was {:?}", call.forbidden);
            }
        }
        if self.disturbances.database == 0 {
            for job in &self.jobs {
                let (asked, stored) =
                    (calls.iter().filter(|call| call.job == *job).count(), pages.get(job).map_or(0, Vec::len));
                let most = stored + 2 * self.disturbances.processes;
                ensure!(asked <= most, "{asked} questions for {stored} pages, {:?}", self.disturbances);
            }
        }
        Ok(())
    }
}

/// Whether a write is one of those that the design knows.
fn explained(before: &Job, after: &Job) -> Result<()> {
    let (old, new, by) = (&before.data, &after.data, after.updated_by.as_str());
    ensure!(after.revision == before.revision + 1, "a revision is missing");
    let emitted = new.outbox.iter().filter(|event| event.seq > old.seq).count();
    let emitted = i64::try_from(emitted)?;
    ensure!(new.seq == old.seq + emitted, "{emitted} events between {} and {}", old.seq, new.seq);
    let is_final = old.control.state.is_final();
    if old.control == new.control && (is_final || by == "relay") {
        let mut sent = old.clone();
        (sent.outbox, sent.unsent) = (new.outbox.clone(), new.unsent);
        ensure!(sent == *new, "something else than the outbox changed");
        return Ok(());
    }
    if by == "user" {
        let is_so = |command: &Command| old.control.apply(command, &KIND) == Ok(Change::Next(new.control.clone()));
        ensure!(commands().iter().any(is_so), "no command does that");
        return Ok(());
    }
    let holds = old.control.lease.as_ref().is_some_and(|lease| lease.owner == by);
    let changed = |change: &dyn Fn(&mut Control)| {
        let mut control = old.control.clone();
        change(&mut control);
        control
    };
    let claimed = changed(&|control| {
        control.claim(by);
    });
    if matches!(old.control.state, State::InQueue | State::Running) && claimed == new.control {
        let code = new.error.as_ref().map(|error| error.code.as_str());
        ensure!(new.control.state == State::Running || code == Some("crash_loop"), "it was given up: {code:?}");
        return Ok(());
    }
    ensure!(old.control.state == State::Running, "a worker changed what does not run");
    let taken_over = changed(&|control| {
        control.epoch += 1;
        control.put_down();
    });
    if taken_over == new.control {
        return Ok(());
    }
    ensure!(holds, "a worker changed what it does not hold");
    if new.control == changed(&Control::put_down) {
        return Ok(());
    }
    let ended = changed(&|control| {
        control.state = State::Done;
        control.desired = new.control.desired;
        control.lease = None;
    });
    if new.control == ended {
        ensure!(new.control.completed == KIND.steps, "it is done before its steps are");
        return Ok(());
    }
    let worked = changed(&|control| {
        control.step.clone_from(&new.control.step);
        control.completed.clone_from(&new.control.completed);
        control.stalls = control.stalls.min(new.control.stalls);
        control.lease.clone_from(&new.control.lease);
    });
    ensure!(worked == new.control, "no worker does that");
    ensure!(new.control.lease.as_ref().is_some_and(|lease| lease.owner == by), "the lease went elsewhere");
    Ok(())
}

fn simulate(seed: u64) -> Result<Disturbances> {
    fastrand::seed(seed);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    runtime.block_on(async {
        let mut history = History::new(seed).await?;
        history.play().await?;
        history.end().await?;
        history.check().await?;
        Ok(history.disturbances)
    })
}

#[expect(clippy::disallowed_methods, reason = "which histories are played is told by the environment")]
fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn every_random_history_is_explained_by_the_table_and_answers_each_unit_once() -> Result<()> {
    let seeds = match variable("DALLOSH_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..variable("DALLOSH_SEEDS").unwrap_or(400),
    };
    let mut all = Disturbances::default();
    for seed in seeds.clone() {
        let seen = simulate(seed).with_context(|| format!("DALLOSH_SEED={seed} plays it again"))?;
        all.processes += seen.processes;
        all.frozen += seen.frozen;
        all.database += seen.database;
    }
    if seeds.end - seeds.start > 100 {
        ensure!(all.processes > 0 && all.frozen > 0 && all.database > 0, "nothing was disturbed: {all:?}");
    }
    Ok(())
}
