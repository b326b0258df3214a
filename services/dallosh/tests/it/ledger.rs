//! Money: nothing is paid for twice, no limit is passed, and the books are the bill.

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Context, Result, ensure};
use dallosh_testkit::{Client, FakeModel, Fault, Latency, Mistake, Stack, posts};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{DALLOSH, models::register_with};

async fn stand(settings: Value) -> Result<(Stack, FakeModel, Client)> {
    let (stack, model) = (Stack::embedded(DALLOSH, &[]).await?, FakeModel::start().await);
    register_with(&stack.admin().await?, &model, settings).await?;
    let analyst = stack.analyst().await?;
    Ok((stack, model, analyst))
}

/// Tokens that the task was billed for, by its own books.
fn booked(task: &Value) -> u64 {
    let of = |name: &str| task["usage"][name].as_u64().unwrap_or(0);
    of("prompt_tokens") + of("completion_tokens")
}

fn billed(model: &FakeModel) -> u64 {
    let billed = model.billed();
    billed.prompt_tokens + billed.completion_tokens
}

async fn adjust(client: &Client, task: &str, change: Value) -> Result<Value> {
    let path = format!("/v1/tasks/{task}");
    client.send(Method::PATCH, &path, &[("if-match", "*")], Some(&change)).await?.expect(200)
}

/// How many texts the model answered again that it had answered before.
fn repeated(model: &FakeModel) -> usize {
    let answered = model.answered_texts();
    answered.len() - answered.iter().collect::<BTreeSet<_>>().len()
}

#[tokio::test]
async fn what_two_tasks_ask_for_at_once_is_paid_for_once_and_a_restart_costs_nothing() -> Result<()> {
    let (_stack, model, analyst) = stand(json!({ "paginateRowsLimit": 20, "concurrency": 4 })).await?;
    model.latency(Latency::Fixed(Duration::from_millis(60)));
    let (first, second) =
        (analyst.new_task(&posts(200), json!({})).await?, analyst.new_task(&posts(210), json!({})).await?);
    for (_, task) in [&first, &second] {
        analyst.act(task, "start").await?.expect(202)?;
    }
    for (_, task) in [&first, &second] {
        let done = analyst.wait_for(task, "done").await?;
        ensure!(done["progress"]["rows_failed"] == 0, "{done}");
    }
    ensure!(repeated(&model) == 0, "{} texts were answered twice", repeated(&model));
    let (calls, before) = (model.calls(), analyst.content(&second.0, "analysed").await?);
    analyst.act(&second.1, "restart").await?.expect(202)?;
    let again = analyst.wait_for(&second.1, "done").await?;
    ensure!(model.calls() == calls, "a restart asked {} times", model.calls() - calls);
    ensure!(analyst.content(&second.0, "analysed").await? == before, "a restart gave another file");
    ensure!(again["progress"]["texts_cached"] == again["counts"]["unique_texts"], "{again}");
    Ok(())
}

#[tokio::test]
async fn a_task_without_the_cache_asks_for_itself_and_still_pays_once() -> Result<()> {
    let (_stack, model, analyst) = stand(json!({ "paginateRowsLimit": 50 })).await?;
    let (_, task) = analyst.new_task(&posts(100), json!({})).await?;
    analyst.act(&task, "start").await?.expect(202)?;
    analyst.wait_for(&task, "done").await?;
    let calls = model.calls();
    let (_, own) = analyst.new_task(&posts(100), json!({ "cache": false })).await?;
    analyst.act(&own, "start").await?.expect(202)?;
    let done = analyst.wait_for(&own, "done").await?;
    ensure!(done["progress"]["texts_cached"] == 0 && model.calls() == 2 * calls, "{} calls: {done}", model.calls());
    Ok(())
}

#[tokio::test]
async fn a_limit_in_tokens_holds_against_mishaps_and_the_task_goes_on_by_itself_when_it_is_raised() -> Result<()> {
    let settings = json!({ "paginateRowsLimit": 10, "concurrency": 4, "retryRequests": 10 });
    let (_stack, model, analyst) = stand(settings).await?;
    model.latency(Latency::Seeded { seed: 7, median: Duration::from_millis(20), sigma: 0.8 });
    let mishaps = [
        Some(Fault::Mistaken(Mistake::OneMissing)),
        None,
        Some(Fault::status(500)),
        None,
        Some(Fault::ResetHalfway),
        None,
    ];
    let script = mishaps.iter().cycle().take(600).map(|fault| fault.clone().unwrap_or(Fault::Headers(Vec::new())));
    model.script(script.collect::<Vec<_>>());
    let (_, task) = analyst.new_task(&posts(600), json!({})).await?;
    adjust(&analyst, &task, json!({ "budget": { "max_tokens": 30_000 } })).await?;
    analyst.act(&task, "start").await?.expect(202)?;
    let mut rows = 0;
    for limit in [30_000_u64, 45_000, 60_000] {
        if limit > 30_000 {
            let adjusted = adjust(&analyst, &task, json!({ "budget": { "max_tokens": limit } })).await?;
            ensure!(adjusted["data"]["status"] != "paused", "a raised limit did not wake it: {adjusted}");
        }
        let paused = analyst.wait_for(&task, "paused").await?;
        ensure!(paused["pause_reason"] == "budget_exhausted", "{paused}");
        let detail = paused["pause_detail"].as_str().unwrap_or_default();
        ensure!(detail.starts_with("the next call may take up to "), "{detail:?}");
        let unconfirmed = paused["usage"]["unconfirmed_tokens"].as_u64().unwrap_or(0);
        ensure!(billed(&model) <= limit, "{} billed of {limit}", billed(&model));
        ensure!(booked(&paused) + unconfirmed <= limit, "{paused}");
        ensure!(billed(&model) >= booked(&paused), "more is booked than billed: {paused}");
        let done = paused["progress"]["rows_done"].as_u64().unwrap_or(0);
        ensure!(done > rows, "no row was finished with {limit}: {paused}");
        rows = done;
    }
    model.script([]);
    adjust(&analyst, &task, json!({ "budget": {} })).await?;
    let done = analyst.wait_for(&task, "done").await?;
    ensure!(done["progress"]["rows_failed"] == 0 && done["pause_reason"].is_null(), "{done}");
    ensure!(repeated(&model) == 0, "{} texts were answered twice", repeated(&model));
    Ok(())
}

#[tokio::test]
async fn a_limit_in_money_below_one_call_asks_nothing_and_says_what_a_call_may_cost() -> Result<()> {
    let (_stack, model, analyst) = stand(json!({})).await?;
    let file = analyst.upload("posts.csv", &posts(50)).await?.expect(201)?;
    let body = json!({ "file_id": file["uid"], "budget": { "max_cost": "0.000001" }, "start": true });
    let made = analyst.post("/v1/tasks", &body).await?.expect(201)?;
    let task = made["uid"].as_str().context("no uid")?;
    let paused = analyst.wait_for(task, "paused").await?;
    ensure!(paused["pause_reason"] == "budget_exhausted" && model.calls() == 0, "{paused}");
    let detail = paused["pause_detail"].as_str().unwrap_or_default();
    ensure!(
        detail.starts_with("the next call may cost up to 0.0") && detail.ends_with(" of 0.000001 are left"),
        "{detail}"
    );
    Ok(())
}

#[tokio::test]
async fn an_estimate_is_near_the_bill_and_asks_no_model() -> Result<()> {
    let (stack, model) = (Stack::embedded(DALLOSH, &[]).await?, FakeModel::start().await);
    let analyst = stack.analyst().await?;
    let (file, task) = analyst.new_task(&posts(400), json!({})).await?;
    let body = json!({ "file_id": file, "options": {} });
    let free = analyst.post("/v1/tasks/estimate", &body).await?.expect(200)?;
    ensure!(free["prompt_tokens"] == 0 && free["models"][0]["provider"] == "builtin", "{free}");
    register_with(&stack.admin().await?, &model, json!({ "paginateRowsLimit": 50 })).await?;
    let told = analyst.post("/v1/tasks/estimate", &body).await?.expect(200)?;
    ensure!(model.calls() == 0, "an estimate asked a model");
    analyst.act(&task, "start").await?.expect(202)?;
    let done = analyst.wait_for(&task, "done").await?;
    let number = |value: &Value| value.as_str().and_then(|text| text.parse::<f64>().ok()).unwrap_or(f64::NAN);
    ensure!(told["unique_texts"] == done["counts"]["unique_texts"] && told["cached_texts"] == 0, "{told} {done}");
    let (cost, low, high) =
        (number(&done["usage"]["cost"]), number(&told["range"]["cost"][0]), number(&told["range"]["cost"][1]));
    ensure!(low <= cost && cost <= high && high < 10.0 * low, "{cost} is not from {low} to {high}");
    let again = analyst.post("/v1/tasks/estimate", &body).await?.expect(200)?;
    ensure!(again["cached_texts"] == again["unique_texts"] && number(&again["cost"]) == 0.0, "{again}");
    Ok(())
}

#[tokio::test]
async fn after_a_kill_nothing_that_was_answered_is_paid_for_again_and_the_lost_calls_count() -> Result<()> {
    let (mut stack, model, analyst) = stand(json!({ "paginateRowsLimit": 10, "concurrency": 2 })).await?;
    model.latency(Latency::Fixed(Duration::from_millis(40)));
    let (_, task) = analyst.new_task(&posts(400), json!({})).await?;
    analyst.act(&task, "start").await?.expect(202)?;
    while model.calls() < 10 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stack.kill().await?;
    let asked_before = model.asked_texts().len();
    stack.restart().await?;
    let analyst = stack.analyst().await?;
    let done = analyst.wait_for(&task, "done").await?;
    ensure!(repeated(&model) <= 2 * 10, "{} texts of two calls in flight were asked again", repeated(&model));
    ensure!(model.asked_texts().len() >= asked_before, "the model lost its memory");
    let unconfirmed = done["usage"]["unconfirmed_tokens"].as_u64().unwrap_or(0);
    ensure!(booked(&done) <= billed(&model) && billed(&model) <= booked(&done) + unconfirmed, "{done}");
    Ok(())
}

#[tokio::test]
async fn the_figures_at_metrics_are_those_of_the_bill() -> Result<()> {
    let (stack, model, analyst) = stand(json!({ "paginateRowsLimit": 50 })).await?;
    for _ in 0..2 {
        let (_, task) = analyst.new_task(&posts(100), json!({})).await?;
        analyst.act(&task, "start").await?.expect(202)?;
        analyst.wait_for(&task, "done").await?;
    }
    let text = reqwest::get(format!("{}/metrics", stack.base)).await?.error_for_status()?.text().await?;
    let figure = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).with_context(|| format!("no {name}"))
    };
    let (billed, texts) = (model.billed(), u64::try_from(model.asked_texts().len())?);
    let prompt = figure("dallosh_model_tokens_total{model=\"tester\",kind=\"prompt\"}")?;
    let completion = figure("dallosh_model_tokens_total{model=\"tester\",kind=\"completion\"}")?;
    ensure!(
        (prompt, completion) == (billed.prompt_tokens, billed.completion_tokens),
        "{prompt} {completion} {billed:?}"
    );
    ensure!(
        figure("dallosh_rows_labelled_total")? == 200 && figure("dallosh_answer_cache_hits_total")? == texts,
        "{text}"
    );
    Ok(())
}
