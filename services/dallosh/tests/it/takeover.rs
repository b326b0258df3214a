//! Two workers on one database: one of them is killed, frozen or stopped, and the other goes on.

use std::{
    fs,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use dallosh_jobs::{Job, JobDocument, State};
use dallosh_primitives::{SystemClock, Uid};
use dallosh_store::{Collection, Store};
use dallosh_testkit::{Client, Process, Stack, posts};
use nix::sys::signal::Signal;
use serde_json::json;
use tempfile::TempDir;
use tokio::time::sleep;

use crate::DALLOSH;

const ROWS: usize = 400;
/// With the pages of 18 texts: 20 pages.
const PAGE_TEXTS: usize = 18;
const PATIENCE: Duration = Duration::from_secs(60);
const LEASE: Duration = Duration::from_secs(2);
/// How late a look into the queue may come, on a busy machine.
const SLACK: Duration = Duration::from_secs(5);

/// A stack in the middle of a task, and a second worker on its data that found nothing to do yet.
struct Pair {
    stack: Stack,
    second: Process,
    jobs: Collection<JobDocument>,
    client: Client,
    file: String,
    task: Uid,
    _folder: TempDir,
}

impl Pair {
    /// `plan`: what holds the first one up in the middle.
    async fn start(lease: Duration, plan: &str) -> Result<Self> {
        let lease = lease.as_secs().to_string();
        let environment = [("DALLOSH__TASKS__LEASE_SECONDS", lease.as_str()), ("FAILPOINTS", plan)];
        let stack = Stack::embedded(DALLOSH, &environment).await?;
        let client = stack.analyst().await?;
        let (file, task) = client.new_task(&posts(ROWS), json!({ "paginate_rows_limit": PAGE_TEXTS })).await?;
        client.act(&task, "start").await?.expect(202)?;
        client.wait_until(&task, |data| data["progress"]["pages_done"].as_u64() >= Some(4)).await?;
        let database = format!("sqlite://{}", stack.data().join("dallosh.db").display());
        let folder = tempfile::tempdir()?;
        let environment = [
            ("DALLOSH__DATABASE__URL", database.clone()),
            ("DALLOSH__STORAGE__URL", format!("file://{}", stack.data().join("storage").display())),
            // Nobody is there: what it has to do it finds by itself.
            ("DALLOSH__BROKER__URL", "amqp://127.0.0.1:1/%2f".to_owned()),
            ("DALLOSH__SERVICES__ENRICHMENT__LISTEN", "127.0.0.1:0".to_owned()),
            ("DALLOSH__TASKS__LEASE_SECONDS", lease),
        ]
        .map(|(name, value)| (name.to_owned(), value));
        let second = Process::start(DALLOSH, &["serve", "enrichment"], &environment, folder.path()).await?;
        let jobs = Store::open(&database, std::sync::Arc::new(SystemClock)).await?.collection().await?;
        Ok(Self { stack, second, jobs, client, file, task: task.parse()?, _folder: folder })
    }

    async fn wait_until(&self, is_so: impl Fn(&Job) -> bool) -> Result<Job> {
        let since = Instant::now();
        loop {
            let job = self.jobs.find(self.task).await?.context("the task is gone")?;
            if is_so(&job) {
                return Ok(job);
            }
            ensure!(since.elapsed() < PATIENCE, "it stays {:?}", job.data.control);
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn epoch(&self) -> Result<i64> {
        Ok(self.wait_until(|_| true).await?.data.control.epoch)
    }

    /// The task's result is the one of an undisturbed run, its history has no gap and one end.
    async fn check(&self) -> Result<()> {
        let client = self.client.at(&self.stack.base);
        let task = self.task.to_string();
        let done = client.wait_for(&task, "done").await?;
        ensure!(done["progress"]["rows_done"] == ROWS && done["progress"]["rows_failed"] == 0, "rows: {done}");
        let history = client.history(&task).await?;
        ensure!(history.iter().zip(1..).all(|(event, seq)| event["seq"] == seq), "the history has a gap");
        ensure!(history.iter().filter(|event| event["event"] == "done").count() == 1, "it is not done exactly once");
        let (file, again) = client.new_task(&posts(ROWS), json!({ "paginate_rows_limit": PAGE_TEXTS })).await?;
        client.act(&again, "start").await?.expect(202)?;
        client.wait_for(&again, "done").await?;
        let (found, wanted) = (client.content(&self.file, "analysed").await?, client.content(&file, "analysed").await?);
        ensure!(found == wanted, "the result is another one");
        Ok(())
    }
}

/// Pages that take their time, and two in the middle that are held up at a point.
fn held(point: &str, milliseconds: u32) -> String {
    let held = [13, 14].map(|pass| format!("{point}=sleep({milliseconds})@{pass};"));
    format!("{}page.pre_llm=sleep(300)", held.concat())
}

#[tokio::test]
async fn a_killed_workers_task_goes_on_elsewhere_when_its_lease_has_run_out() -> Result<()> {
    let mut pair = Pair::start(LEASE, &held("page.pre_llm", 60_000)).await?;
    let epoch = pair.epoch().await?;
    pair.stack.kill().await?;
    let since = Instant::now();
    pair.wait_until(|job| job.data.control.epoch > epoch).await?;
    let taken_over = since.elapsed();
    eprintln!("taken over after {taken_over:?}, with a lease of {LEASE:?}");
    ensure!(taken_over <= LEASE + SLACK, "it took {taken_over:?}");
    pair.wait_until(|job| job.data.control.state == State::Done).await?;
    pair.stack.set("FAILPOINTS", None);
    pair.stack.restart().await?;
    pair.check().await
}

#[tokio::test]
async fn a_stopped_workers_task_goes_on_elsewhere_at_once() -> Result<()> {
    let mut pair = Pair::start(Duration::from_secs(600), "page.pre_llm=sleep(1000)").await?;
    let epoch = pair.epoch().await?;
    pair.stack.signal(Signal::SIGTERM)?;
    pair.wait_until(|job| job.data.control.lease.is_none() || job.data.control.epoch > epoch).await?;
    let since = Instant::now();
    pair.wait_until(|job| job.data.control.epoch > epoch).await?;
    let taken_over = since.elapsed();
    eprintln!("taken over {taken_over:?} after it was put down");
    ensure!(taken_over <= Duration::from_secs(3), "it took {taken_over:?}");
    pair.wait_until(|job| job.data.control.state == State::Done).await?;
    pair.stack.ended().await?;
    pair.stack.set("FAILPOINTS", None);
    pair.stack.restart().await?;
    pair.check().await
}

#[tokio::test]
async fn a_frozen_worker_writes_nothing_more_once_another_one_has_its_task() -> Result<()> {
    let pair = Pair::start(LEASE, &held("page.post_llm", 5_000)).await?;
    let epoch = pair.epoch().await?;
    freeze(&pair).await?;
    let done = pair.wait_until(|job| job.data.control.state == State::Done && !job.data.unsent).await?;
    ensure!(done.data.control.epoch > epoch, "nobody took it over");
    pair.stack.signal(Signal::SIGCONT)?;
    let (since, log) = (Instant::now(), pair.stack.data().with_file_name("log"));
    while !fs::read_to_string(&log)?.contains("nothing more is written") {
        ensure!(since.elapsed() < PATIENCE, "it did not notice");
        sleep(Duration::from_millis(50)).await;
    }
    let after = pair.wait_until(|_| true).await?;
    ensure!(after.data == done.data, "it wrote under an old epoch: {:?} instead of {:?}", after.data, done.data);
    pair.check().await?;
    pair.second.stop().await?;
    Ok(())
}

/// Freezes the first process while it has no lock of the database.
async fn freeze(pair: &Pair) -> Result<()> {
    for _ in 0..10 {
        pair.stack.signal(Signal::SIGSTOP)?;
        if pair.jobs.modify::<()>(pair.task, "test", |_| Ok(())).await.is_ok() {
            return Ok(());
        }
        pair.stack.signal(Signal::SIGCONT)?;
    }
    bail!("the database is locked whenever it is frozen")
}

#[tokio::test]
async fn an_accepted_command_is_carried_out_although_its_process_died_before_it_told_anybody() -> Result<()> {
    const TIMES: usize = 10;
    let mut stack = Stack::embedded(DALLOSH, &[]).await?;
    let client = stack.analyst().await?;
    for time in 0..TIMES {
        let (_, task) = client.at(&stack.base).new_task(&posts(20), json!({})).await?;
        stack.terminate().await?;
        stack.set("FAILPOINTS", Some("ctl.post_cas=kill"));
        stack.restart().await?;
        let answer = client.at(&stack.base).act(&task, "start").await;
        ensure!(answer.is_err(), "it lived to answer {answer:?}");
        stack.ended().await?;
        stack.set("FAILPOINTS", None);
        stack.restart().await?;
        client.at(&stack.base).wait_for(&task, "done").await.with_context(|| format!("time {time}"))?;
    }
    Ok(())
}

#[tokio::test]
async fn an_input_that_brings_its_worker_down_three_times_is_given_up_and_the_next_task_begins() -> Result<()> {
    let environment = [("DALLOSH__TASKS__MAX_PARALLEL", "1"), ("FAILPOINTS", "clean.pre_rename=kill")];
    let mut stack = Stack::embedded(DALLOSH, &environment).await?;
    let client = stack.analyst().await?;
    let (_, next) = client.new_task(&posts(20), json!({})).await?;
    let (_, bad) = client.new_task(&posts(20), json!({})).await?;
    client.act(&bad, "start").await?.expect(202)?;
    stack.ended().await?;
    // The first one read the dataset, which is progress; three come no further.
    for _ in 0..3 {
        // It may die before it is ready.
        let _ = stack.restart().await;
        stack.ended().await?;
    }
    stack.restart().await?;
    let client = client.at(&stack.base);
    let failed = client.wait_for(&bad, "on_error").await?;
    ensure!(failed["error"]["code"] == "crash_loop", "{failed}");
    stack.terminate().await?;
    stack.set("FAILPOINTS", None);
    stack.restart().await?;
    let client = client.at(&stack.base);
    client.act(&next, "start").await?.expect(202)?;
    client.wait_for(&next, "done").await?;
    ensure!(client.task(&bad).await?["status"] == "on_error", "it began again by itself");
    Ok(())
}
