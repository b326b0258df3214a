//! The engine on a real database: steps, leases, checkpoints, control and events.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that can not go on fails")]

mod bench;
mod money;
mod simulation;

use std::time::Duration;

use anyhow::{Result, ensure};
use bench::{Bench, Step};
use dallosh_contracts::TaskEvent;
use dallosh_jobs::{Command, EventQuery, JobError, Order, Ordered, State};
use dallosh_primitives::{Limit, Uid};
use futures::future::try_join_all;

fn names(events: &[TaskEvent]) -> Vec<&str> {
    events.iter().map(|event| event.event.as_str()).collect()
}

#[tokio::test]
async fn a_job_goes_through_its_steps_and_tells_each_of_them_once_in_order() -> Result<()> {
    let bench = Bench::new().await?;
    let worker = bench.worker("w", Duration::from_secs(30));
    let job = bench.started().await?;
    bench.wait_for(job, State::Done).await?;
    let events = bench.events(job).await?;
    ensure!(names(&events) == ["added", "in_queue", "read", "ask", "save", "done"], "{:?}", names(&events));
    ensure!(events.iter().zip(1..).all(|(event, seq)| event.seq == seq), "seq has a gap");
    worker.stop().await;
    Ok(())
}

#[tokio::test]
async fn two_workers_do_every_step_of_every_job_once() -> Result<()> {
    let bench = Bench::new().await?;
    let workers = [bench.worker("a", Duration::from_secs(30)), bench.worker("b", Duration::from_secs(30))];
    let mut jobs = Vec::new();
    for _ in 0..12 {
        jobs.push(bench.started().await?);
    }
    for job in &jobs {
        bench.wait_for(*job, State::Done).await?;
    }
    for job in jobs {
        ensure!(bench.runs(job) == ["read", "ask", "save"], "{:?}", bench.runs(job));
    }
    for worker in workers {
        worker.stop().await;
    }
    Ok(())
}

#[tokio::test]
async fn a_job_whose_worker_fell_silent_goes_on_elsewhere_and_the_silent_one_writes_nothing_more() -> Result<()> {
    let bench = Bench::new().await?;
    bench.hold("ask", Step::Silent);
    let silent = bench.worker("silent", Duration::from_secs(600));
    let job = bench.started().await?;
    bench.reached(job, "ask").await;
    bench.steal(job).await?;
    bench.let_go("ask");
    let late = bench.late_write().await;
    ensure!(late.as_ref().is_err_and(|error| error.contains("lease was lost")), "an old epoch wrote: {late:?}");
    // The thief says nothing either: it is watched for one whole lease, and then loses the job.
    let other = bench.worker("other", Duration::from_millis(400));
    let done = bench.wait_for(job, State::Done).await?;
    ensure!(bench.runs(job) == ["read", "ask", "ask", "save"], "{:?}", bench.runs(job));
    ensure!(done.data.priority == 0, "the late write is in the document");
    other.stop().await;
    silent.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_worker_that_stops_in_good_order_gives_its_job_back_at_once() -> Result<()> {
    let bench = Bench::new().await?;
    bench.hold("ask", Step::Waits);
    let first = bench.worker("first", Duration::from_secs(600));
    let job = bench.started().await?;
    bench.reached(job, "ask").await;
    first.stop().await;
    bench.let_go("ask");
    // With a lease of ten minutes only a job that was given back can end in time.
    let second = bench.worker("second", Duration::from_secs(600));
    bench.wait_for(job, State::Done).await?;
    ensure!(bench.runs(job) == ["read", "ask", "ask", "save"], "a complete step was done again: {:?}", bench.runs(job));
    second.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_pause_is_written_when_nothing_runs_and_lasts_until_somebody_resumes() -> Result<()> {
    let bench = Bench::new().await?;
    bench.hold("ask", Step::Waits);
    let worker = bench.worker("w", Duration::from_secs(30));
    let job = bench.started().await?;
    bench.reached(job, "ask").await;
    bench.engine.command(job, &Command::Pause, "test").await?;
    bench.wait_for(job, State::Paused).await?;
    worker.stop().await;
    let worker = bench.worker("w", Duration::from_secs(30));
    let next = bench.started().await?;
    bench.let_go("ask");
    bench.wait_for(next, State::Done).await?;
    ensure!(bench.state(job).await? == State::Paused, "a pause did not outlive the worker");
    bench.engine.command(job, &Command::Resume, "test").await?;
    bench.wait_for(job, State::Done).await?;
    ensure!(bench.runs(job) == ["read", "ask", "ask", "save"], "{:?}", bench.runs(job));
    worker.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_job_that_waits_or_is_at_work_has_its_subject_for_itself_whoever_starts_another_one() -> Result<()> {
    let bench = Bench::new().await?;
    let (owner, subject) = (Uid::new(), Uid::new());
    let (first, second) = (bench.made(owner, subject).await?, bench.made(owner, subject).await?);
    let act = async |job, command: Command| bench.engine.command(job, &command, "test").await;
    let retry = || Command::Retry { from_step: None, failed: false };
    act(first, Command::Start).await?;
    for again in [Command::Pause, Command::Resume] {
        ensure!(matches!(act(second, Command::Start).await, Err(JobError::Occupied)), "before {again:?}");
        act(first, again).await?;
    }
    act(first, Command::Stop).await?;
    act(second, Command::Start).await?;
    ensure!(matches!(act(first, retry()).await, Err(JobError::Occupied)), "a retry began beside it");
    let order = Order { id: "1", subject, revision: None };
    ensure!(bench.engine.order(first, &retry(), &order).await? == Ordered::Occupied, "and one by message");
    ensure!(bench.state(first).await? == State::Stopped, "the first one changed");
    act(second, Command::Stop).await?;
    ensure!(bench.engine.order(first, &retry(), &order).await? == Ordered::Done, "the order is not lost");
    Ok(())
}

#[tokio::test]
async fn a_stopped_job_stays_stopped_and_a_retry_goes_on_where_it_was() -> Result<()> {
    let bench = Bench::new().await?;
    bench.hold("ask", Step::Waits);
    let worker = bench.worker("w", Duration::from_secs(30));
    let job = bench.started().await?;
    bench.reached(job, "ask").await;
    bench.engine.command(job, &Command::Stop, "test").await?;
    bench.wait_for(job, State::Stopped).await?;
    bench.let_go("ask");
    bench.engine.command(job, &Command::Retry { from_step: None, failed: false }, "test").await?;
    bench.wait_for(job, State::Done).await?;
    ensure!(bench.runs(job) == ["read", "ask", "ask", "save"], "{:?}", bench.runs(job));
    worker.stop().await;
    Ok(())
}

#[tokio::test]
async fn the_first_writer_of_a_page_wins_and_the_second_is_given_its_content() -> Result<()> {
    let bench = Bench::new().await?;
    bench.hold("ask", Step::WritesPageTwice);
    let worker = bench.worker("w", Duration::from_secs(30));
    let job = bench.started().await?;
    bench.wait_for(job, State::Done).await?;
    ensure!(bench.pages(job) == [serde_json::json!("first")], "{:?}", bench.pages(job));
    worker.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_step_that_lacks_a_part_is_tried_again_and_its_job_says_that_it_waits() -> Result<()> {
    let bench = Bench::new().await?;
    bench.hold("ask", Step::Lacks);
    let worker = bench.worker("w", Duration::from_secs(30));
    let job = bench.started().await?;
    bench.wait_until(job, |job| job.data.waiting.is_some()).await?;
    bench.let_go("ask");
    let done = bench.wait_for(job, State::Done).await?;
    ensure!(done.data.waiting.is_none(), "it still waits");
    worker.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_failed_step_ends_the_job_with_its_code() -> Result<()> {
    let bench = Bench::new().await?;
    bench.hold("ask", Step::Fails);
    let worker = bench.worker("w", Duration::from_secs(30));
    let job = bench.started().await?;
    let failed = bench.wait_for(job, State::OnError).await?;
    let error = failed.data.error.as_ref().map(|error| (error.code.as_str(), error.step.as_deref()));
    ensure!(error == Some(("broken", Some("ask"))), "{error:?}");
    worker.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_job_that_is_deleted_while_it_runs_is_stopped_and_leaves_nothing() -> Result<()> {
    let bench = Bench::new().await?;
    bench.hold("ask", Step::Waits);
    let worker = bench.worker("w", Duration::from_secs(30));
    let job = bench.started().await?;
    bench.reached(job, "ask").await;
    bench.engine.delete(job, "test").await?;
    ensure!(bench.engine.find(job).await?.is_none(), "a deleted job is found");
    bench.gone(job).await?;
    worker.stop().await;
    Ok(())
}

#[tokio::test]
async fn with_one_slot_the_next_job_begins_after_the_one_before_and_the_larger_priority_goes_first() -> Result<()> {
    let bench = Bench::new().await?;
    let (low, high) = (bench.started().await?, bench.started().await?);
    bench.engine.adjust(high, None, Some(5), "test").await?;
    let worker = bench.single("w");
    bench.wait_for(low, State::Done).await?;
    bench.wait_for(high, State::Done).await?;
    ensure!(bench.order() == [high, high, high, low, low, low], "{:?}", bench.order());
    worker.stop().await;
    Ok(())
}

#[tokio::test]
async fn an_owner_with_as_many_running_jobs_as_may_be_waits_and_others_do_not() -> Result<()> {
    let bench = Bench::new().await?;
    bench.hold("ask", Step::Waits);
    let (ann, bob) = (Uid::new(), Uid::new());
    let first = bench.started_of(ann).await?;
    // More than are looked at in one go.
    let mut waiting = try_join_all((0..201).map(|_| bench.started_of(ann))).await?;
    let others = bench.started_of(bob).await?;
    let worker = bench.fair("w");
    for job in [first, others] {
        bench.reached(job, "ask").await;
    }
    bench.engine.command(first, &Command::Stop, "test").await?;
    let next = bench.reached_one_of(&waiting, "ask").await;
    waiting.retain(|job| *job != next);
    ensure!(waiting.iter().all(|job| bench.runs(*job).is_empty()), "more of them ran at once");
    worker.stop().await;
    Ok(())
}

#[tokio::test]
async fn whoever_reads_while_a_job_tells_hundreds_of_events_sees_each_once_and_in_order() -> Result<()> {
    let bench = Bench::new().await?;
    bench.hold("ask", Step::Reports(600));
    let worker = bench.worker("w", Duration::from_secs(30));
    let job = bench.started().await?;
    let (mut after, mut turn) = (0, 0);
    loop {
        // Sometimes one, sometimes many: as clients do that come and go.
        turn += 1;
        let limit = Limit::coerce(Some([1, 200, 7, 50][turn % 4]));
        let done = bench.state(job).await?.is_final();
        let events = bench.engine.events(job, EventQuery { after, limit }).await?;
        for event in &events {
            ensure!(event.seq == after + 1, "{} comes after {after}", event.seq);
            after = event.seq;
        }
        if done && events.is_empty() {
            break;
        }
    }
    ensure!(after == 606, "{after} events");
    worker.stop().await;
    Ok(())
}

#[tokio::test]
async fn the_log_of_all_jobs_tells_every_event_once_from_any_place_on_and_to_each_user_his_own() -> Result<()> {
    let bench = Bench::new().await?;
    let begin = bench.engine.log_end();
    let worker = bench.worker("w", Duration::from_secs(30));
    let (one, other) = (bench.started().await?, bench.started().await?);
    let owner = bench.wait_for(one, State::Done).await?.data.owner;
    bench.wait_for(other, State::Done).await?;
    let (mut after, mut seen) = (begin, Vec::new());
    let all = async {
        while seen.len() < 12 {
            for (position, event) in bench.engine.log_after(None, after, Limit::coerce(Some(1))).await? {
                after = position;
                seen.push((position, event));
            }
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(Duration::from_secs(30), all).await??;
    for job in [one, other] {
        let told: Vec<_> = seen.iter().filter(|(_, event)| event.task_id == job).map(|(_, event)| event.seq).collect();
        ensure!(told == [1, 2, 3, 4, 5, 6], "{told:?}");
    }
    let many = Limit::coerce(Some(200));
    for (place, (position, _)) in seen.iter().enumerate() {
        let rest = bench.engine.log_after(None, *position, many).await?;
        ensure!(rest == seen[place + 1..], "from {place} on there are {} events", rest.len());
    }
    let own = bench.engine.log_after(Some(owner), begin, many).await?;
    ensure!(own.len() == 6 && own.iter().all(|(_, event)| event.task_id == one), "{own:?}");
    let newest = bench.engine.log_newest(Some(owner), many, None).await?;
    ensure!(newest.items.iter().map(|event| event.seq).eq([6, 5, 4, 3, 2, 1]), "{:?}", newest.items);
    worker.stop().await;
    Ok(())
}
