//! Limits, books, and results that are paid for once.

use std::{collections::HashMap, time::Duration};

use anyhow::{Result, ensure};
use chrono::TimeDelta;
use dallosh_jobs::State;
use dallosh_primitives::Uid;

use crate::bench::{Bench, Step, results};

const LEASE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_job_whose_limit_is_used_up_pauses_and_goes_on_by_itself_when_it_is_raised() -> Result<()> {
    let bench = Bench::new().await?;
    bench.hold("ask", Step::Pays);
    let job = bench.started().await?;
    bench.limit(job, 75).await?;
    let worker = bench.worker("w", LEASE);
    let paused = bench.wait_for(job, State::Paused).await?;
    ensure!(paused.data.pause_reason.as_deref() == Some("budget_exhausted"), "{:?}", paused.data.pause_reason);
    // Four calls of 10 leave 35, which does not cover one of 40; with two at once 80 would not even begin.
    let detail = paused.data.pause_detail.as_deref();
    ensure!(detail == Some("the next call may take up to 40 tokens and 35 of 75 are left"), "{detail:?}");
    ensure!(
        paused.data.spend().prompt_tokens == 28 && paused.data.spend().unconfirmed_tokens == 0,
        "{:?}",
        paused.data.spend()
    );
    let lowered = bench.limit(job, 70).await?;
    ensure!(lowered.data.control.state == State::Paused, "a lower limit woke it");
    bench.limit(job, 1000).await?;
    let done = bench.wait_for(job, State::Done).await?;
    ensure!(done.data.pause_reason.is_none() && done.data.pause_detail.is_none(), "it still says that it is paused");
    let calls = bench.calls(job).await?;
    let booked: u64 = calls.iter().map(|call| call.prompt_tokens + call.completion_tokens).sum();
    ensure!(booked == done.data.usage.prompt_tokens + done.data.usage.completion_tokens, "{calls:?}");
    let sent = async |within| bench.engine.rows_sent(done.data.owner, within).await;
    ensure!(sent(TimeDelta::days(1)).await? == 14 * 3 && sent(TimeDelta::zero()).await? == 0, "rows of the day");
    ensure!(bench.engine.rows_sent(Uid::new(), TimeDelta::days(1)).await? == 0, "somebody else's rows");
    ensure!(calls.len() == 14 && calls.iter().all(|call| call.owner == done.data.owner && !call.is_unconfirmed));
    bench.engine.delete(job, "test").await?;
    ensure!(sent(TimeDelta::days(1)).await? == 14 * 3, "with the job its rows were forgotten");
    worker.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_call_that_was_dropped_counts_and_nobody_waits_for_its_end() -> Result<()> {
    let bench = Bench::new().await?;
    bench.hold("ask", Step::DropsACall);
    let job = bench.started().await?;
    bench.limit(job, 100).await?;
    let worker = bench.worker("w", LEASE);
    let paused = bench.wait_for(job, State::Paused).await?;
    let spend = paused.data.spend();
    ensure!((spend.unconfirmed_tokens, spend.prompt_tokens) == (40, 21), "{spend:?}");
    worker.stop().await;
    Ok(())
}

#[tokio::test]
async fn what_a_silent_worker_set_aside_counts_as_spent_and_its_late_settlement_changes_nothing() -> Result<()> {
    let bench = Bench::new().await?;
    bench.hold("ask", Step::PaysLate);
    let silent = bench.worker("silent", Duration::from_secs(600));
    let job = bench.started().await?;
    bench.wait_until(job, |job| job.data.spend().unconfirmed_tokens == 40).await?;
    bench.steal(job).await?;
    bench.hold("ask", Step::Pays);
    let other = bench.worker("other", Duration::from_millis(400));
    let done = bench.wait_for(job, State::Done).await?;
    ensure!(done.data.spend().unconfirmed_tokens == 40, "{:?}", done.data.spend());
    bench.let_go("ask");
    bench.late_write().await.map_err(anyhow::Error::msg)?;
    let after = bench.wait_for(job, State::Done).await?;
    ensure!(after.data.spend() == done.data.spend(), "{:?} became {:?}", done.data.spend(), after.data.spend());
    let lost = bench.calls(job).await?.into_iter().filter(|call| call.is_unconfirmed);
    ensure!(lost.map(|call| call.prompt_tokens).eq([40]), "the books have not the one lost call");
    other.stop().await;
    silent.stop().await;
    Ok(())
}

#[tokio::test]
async fn results_that_many_jobs_need_at_once_are_paid_for_once() -> Result<()> {
    let bench = Bench::new().await?;
    bench.hold("ask", Step::Shares);
    let workers = [bench.worker("a", LEASE), bench.worker("b", LEASE)];
    let mut jobs = Vec::new();
    for _ in 0..8 {
        jobs.push(bench.started().await?);
    }
    for job in jobs {
        bench.wait_for(job, State::Done).await?;
    }
    ensure!(bench.paid() == results().into_iter().map(|key| (key, 1)).collect::<HashMap<_, _>>(), "{:?}", bench.paid());
    for worker in workers {
        worker.stop().await;
    }
    Ok(())
}

#[tokio::test]
async fn what_a_job_claimed_that_lost_its_worker_is_free_again() -> Result<()> {
    let bench = Bench::new().await?;
    bench.hold("ask", Step::ClaimsSilently);
    let silent = bench.worker("silent", Duration::from_secs(600));
    let job = bench.started().await?;
    bench.reached(job, "claimed").await;
    bench.hold("ask", Step::Shares);
    let worker = bench.worker("w", LEASE);
    let second = bench.started().await?;
    bench.reached(second, "ask").await;
    ensure!(bench.paid().is_empty(), "claims of a job that runs were taken");
    bench.steal(job).await?;
    bench.wait_for(second, State::Done).await?;
    ensure!(bench.paid().len() == results().len(), "{:?}", bench.paid());
    worker.stop().await;
    bench.let_go("ask");
    silent.stop().await;
    Ok(())
}
