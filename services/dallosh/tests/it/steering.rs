//! Tasks seen and steered from outside, in the middle of their work.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use dallosh_broker::{Broker, Message};
use dallosh_enrichment::QUEUES;
use dallosh_testkit::{Client, FakeModel, Latency, Node, Stack, posts};
use futures::future::try_join_all;
use serde_json::{Value, json};

use crate::{DALLOSH, models::register};

/// Enough that a task whose model takes its time is caught in the middle on any machine.
const ROWS: usize = 6000;

/// A task that asks a model, with some of its answers stored. The model takes its time until it is told not to.
async fn in_the_middle(stack: &Stack, client: &Client) -> Result<(FakeModel, String, String)> {
    let model = FakeModel::start().await;
    model.latency(Latency::Fixed(Duration::from_millis(100)));
    register(&stack.admin().await?, &model).await?;
    let options = json!({ "paginate_rows_limit": 20, "concurrency": 1 });
    let (file, task) = client.new_task(&posts(ROWS), options).await?;
    client.act(&task, "start").await?.expect(202)?;
    let is_in_the_middle =
        |data: &Value| data["status"] == "sending_to_llm" && data["progress"]["pages_done"].as_u64() > Some(0);
    client.wait_until(&task, is_in_the_middle).await?;
    Ok((model, file, task))
}

/// All rows of a task, page by page.
async fn rows(client: &Client, task: &str, filter: &str) -> Result<Vec<Value>> {
    let (mut all, mut path) = (Vec::new(), format!("/v1/tasks/{task}/rows?limit=200{filter}"));
    loop {
        let page = client.get(&path).await?.expect(200)?;
        all.extend(page["items"].as_array().context("no items")?.iter().cloned());
        match page["_links"]["next"].as_str() {
            Some(next) => next.clone_into(&mut path),
            None => return Ok(all),
        }
        ensure!(page["next_cursor"].is_string(), "a next page without a cursor");
    }
}

fn statuses(rows: &[Value]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for row in rows {
        *counts.entry(row["enrichment_status"].as_str().unwrap_or_default()).or_default() += 1;
    }
    counts
}

#[tokio::test]
async fn the_rows_of_a_held_task_show_the_answers_so_far_and_those_of_a_done_one_are_the_analysed_file() -> Result<()> {
    let stack = Stack::embedded(DALLOSH, &[]).await?;
    let client = stack.analyst().await?;
    let (model, file, task) = in_the_middle(&stack, &client).await?;
    client.act(&task, "pause").await?.expect(202)?;
    let held = client.wait_for(&task, "paused").await?;
    let shown = rows(&client, &task, "").await?;
    let counts = statuses(&shown);
    ensure!(shown.len() == ROWS && counts.contains_key("pending"), "a held task: {counts:?}");
    ensure!(json!(counts["ok"]) == held["progress"]["rows_done"], "{counts:?}, but {}", held["progress"]);
    let labelled = rows(&client, &task, "&enrichment_status=ok").await?;
    ensure!(labelled.len() == counts["ok"] && statuses(&labelled).len() == 1, "{:?}", statuses(&labelled));
    ensure!(rows(&client, &task, "&enrichment_status=failed").await?.is_empty(), "rows failed");

    model.latency(Latency::Fixed(Duration::ZERO));
    client.act(&task, "resume").await?.expect(202)?;
    client.wait_for(&task, "done").await?;
    let shown = rows(&client, &task, "").await?;
    let analysed = client.content(&file, "analysed").await?;
    let mut reader = csv::Reader::from_reader(analysed.as_slice());
    let header = reader.headers()?.clone();
    for (row, shown) in reader.records().zip(&shown) {
        for (name, cell) in header.iter().zip(&row?) {
            let value = match &shown[name] {
                Value::Null => String::new(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            ensure!(value == cell, "{name} is {value:?} instead of {cell:?}");
        }
    }
    ensure!(shown.len() == ROWS && statuses(&shown) == BTreeMap::from([("ok", ROWS)]), "{:?}", statuses(&shown));
    Ok(())
}

#[tokio::test]
async fn rows_are_listed_for_those_who_may_see_the_task_and_with_a_cursor_of_the_list() -> Result<()> {
    let stack = Stack::embedded(DALLOSH, &[]).await?;
    let (admin, analyst) = (stack.admin().await?, stack.analyst().await?);
    let (_, task) = admin.new_task(&posts(30), json!({})).await?;
    let path = format!("/v1/tasks/{task}/rows");
    ensure!(analyst.get(&path).await?.summary() == "404 not_found", "somebody else's rows are shown");
    ensure!(Client::anonymous(&stack.base)?.get(&path).await?.summary() == "401 unauthorized", "nobody sees rows");
    ensure!(rows(&admin, &task, "").await?.is_empty(), "a task that was not cleaned has rows");
    admin.act(&task, "start").await?.expect(202)?;
    admin.wait_for(&task, "done").await?;
    ensure!(admin.get(&path).await?.expect(200)?["items"].as_array().map(Vec::len) == Some(30), "rows are missing");
    for wrong in ["enrichment_status=good", "cursor=xx", "cursor="] {
        let answer = admin.get(&format!("{path}?{wrong}")).await?;
        ensure!(answer.summary() == "422 validation", "{wrong}: {}", answer.summary());
    }
    Ok(())
}

/// A platform on a RabbitMQ of its own, and somebody else who writes to its queues.
struct Outside {
    node: Node,
    stack: Stack,
    broker: Broker,
}

impl Outside {
    async fn new() -> Result<Self> {
        let node = tokio::task::spawn_blocking(Node::start).await?;
        let stack = Stack::embedded(DALLOSH, &[("DALLOSH__BROKER__URL", &node.url())]).await?;
        let broker = Broker::open(&node.url(), &QUEUES).await?;
        while broker.ping().await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(Self { node, stack, broker })
    }

    async fn send(&self, routing_key: &str, id: &str, body: impl Into<Vec<u8>>) -> Result<()> {
        let (routing_key, id, body) = (routing_key.to_owned(), id.to_owned(), body.into().into());
        Ok(self.broker.publish(&Message { routing_key, body, id, traceparent: None }).await?)
    }
}

fn order(file: &str, task: &str, event: &str) -> String {
    json!({ "task_id": task, "file_id": file, "event": event }).to_string()
}

#[tokio::test]
async fn of_the_tasks_of_one_file_only_one_is_at_work_also_when_several_are_started_at_once() -> Result<()> {
    let stack = Stack::embedded(DALLOSH, &[]).await?;
    let client = stack.analyst().await?;
    let (_model, file, first) = in_the_middle(&stack, &client).await?;
    client.act(&first, "stop").await?.expect(202)?;
    client.wait_for(&first, "stopped").await?;
    let mut others = Vec::new();
    for _ in 0..6 {
        let task = client.post("/v1/tasks", &json!({ "file_id": file, "options": {} })).await?.expect(201)?;
        others.push(task["uid"].as_str().context("no id")?.to_owned());
    }
    let answers = try_join_all(others.iter().map(|task| client.act(task, "start"))).await?;
    let started = answers.iter().filter(|answer| answer.status == 202).count();
    ensure!(started == 1, "{started} of them were started");
    for refused in answers.into_iter().filter(|answer| answer.status != 202) {
        ensure!(refused.expect(409)?["code"] == "in_use");
    }
    ensure!(client.act(&first, "retry").await?.expect(409)?["code"] == "in_use", "a retry began beside it");
    Ok(())
}

#[tokio::test]
async fn a_running_task_is_held_let_go_on_ended_and_retried_by_message() -> Result<()> {
    let outside = Outside::new().await?;
    let client = outside.stack.analyst().await?;
    let (model, file, task) = in_the_middle(&outside.stack, &client).await?;
    outside.send("handle_process", "1", order(&file, &task, "pause")).await?;
    client.wait_for(&task, "paused").await?;
    outside.send("handle_process", "2", order(&file, &task, "resume")).await?;
    client.wait_for(&task, "sending_to_llm").await?;
    // An old message that comes again must not undo what was ordered since.
    outside.send("handle_process", "1", order(&file, &task, "pause")).await?;
    outside.send("handle_process", "3", order(&file, &task, "stop")).await?;
    client.wait_for(&task, "stopped").await?;
    model.latency(Latency::Fixed(Duration::ZERO));
    let retry = json!({ "task_id": task, "file_id": file, "file_path": "", "last_event_step": "appending_collumns" });
    outside.send("retry_step", "4", retry.to_string()).await?;
    let deadline = Instant::now() + Duration::from_secs(30);
    while client.task(&task).await?["status"] == "stopped" {
        ensure!(Instant::now() < deadline, "the retry is not heard");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    client.wait_for(&task, "done").await?;
    let history = client.history(&task).await?;
    let told: Vec<_> =
        history.iter().filter_map(|event| event["event"].as_str()).filter(|one| *one != "progress").collect();
    ensure!(told.iter().filter(|one| **one == "paused").count() == 1, "{told:?}");
    ensure!(
        told.iter().filter(|one| **one == "process_cleaning").count() == 1,
        "a complete step was done again: {told:?}"
    );
    Ok(())
}

#[tokio::test]
async fn a_message_that_can_not_be_read_is_set_aside_after_one_delivery_and_the_next_one_is_served_at_once()
-> Result<()> {
    let outside = Outside::new().await?;
    let client = outside.stack.analyst().await?;
    let (file, task) = client.new_task(&posts(20), json!({})).await?;
    let long = vec![b'x'; 5 << 20];
    let bad: [(&str, Vec<u8>); 14] = [
        ("handle_process", b"stop".to_vec()),
        ("handle_process", long),
        ("handle_process", Vec::new()),
        ("handle_process", b"[]".to_vec()),
        ("handle_process", b"null".to_vec()),
        ("handle_process", json!({ "task_id": task, "event": "stop" }).to_string().into()),
        ("handle_process", order(&file, &task, "explode").into()),
        ("handle_process", order(&file, "../x", "stop").into()),
        (
            "handle_process",
            json!({ "task_id": task, "file_id": file, "event": "stop", "revision": "1" }).to_string().into(),
        ),
        ("handle_process", json!({ "task_id": task, "file_id": file, "file_path": "" }).to_string().into()),
        ("retry_step", order(&file, &task, "stop").into()),
        (
            "retry_step",
            json!({ "task_id": task, "file_id": file, "file_path": "", "last_event_step": "dancing" })
                .to_string()
                .into(),
        ),
        ("proceed_task", order(&file, &task, "stop").into()),
        ("proceed_task", b"\xff\xfe".to_vec()),
    ];
    for (number, (routing_key, body)) in bad.iter().enumerate() {
        outside.send(routing_key, &number.to_string(), body.clone()).await?;
    }
    let deadline = Instant::now() + Duration::from_secs(30);
    let letters = loop {
        let mut letters = Vec::new();
        for queue in QUEUES {
            letters.extend(outside.broker.dead_letters(queue, 100).await?);
        }
        if letters.len() >= bad.len() {
            break letters;
        }
        ensure!(Instant::now() < deadline, "only {} of {} were set aside", letters.len(), bad.len());
    };
    let ids: BTreeSet<_> = letters.iter().map(|(message, _)| message.id.as_str()).collect();
    ensure!(ids.len() == bad.len() && letters.len() == bad.len(), "one was delivered more than once: {ids:?}");
    ensure!(letters.iter().all(|(_, reason)| reason.contains("schema")), "a reason is missing");
    let since = Instant::now();
    outside.send("handle_process", "good", order(&file, &task, "stop")).await?;
    client.wait_for(&task, "stopped").await?;
    ensure!(since.elapsed() < Duration::from_secs(1), "the next message took {:?}", since.elapsed());
    Ok(())
}

/// The events of a task, read by a client that leaves after each piece of `piece` events and comes back.
async fn in_pieces(client: &Client, task: &str, piece: usize) -> Result<(Vec<Value>, usize)> {
    let path = format!("/v1/tasks/{task}/events");
    let (mut all, mut last, mut visits) = (Vec::new(), None, 0);
    loop {
        let (events, id) = client.follow(&path, last.as_deref(), piece).await?;
        visits += 1;
        if events.is_empty() {
            return Ok((all, visits));
        }
        all.extend(events);
        last = id;
    }
}

fn without_gap(events: &[Value]) -> Result<()> {
    let numbers: Vec<_> = events.iter().filter_map(|event| event["seq"].as_i64()).collect();
    let wanted = 1..=i64::try_from(events.len())?;
    ensure!(numbers.iter().copied().eq(wanted), "the numbers are {numbers:?}");
    Ok(())
}

#[tokio::test]
async fn a_client_that_comes_and_goes_sees_every_event_of_a_task_once() -> Result<()> {
    let stack = Stack::embedded(DALLOSH, &[]).await?;
    let client = stack.analyst().await?;
    let (_model, _, task) = in_the_middle(&stack, &client).await?;
    let steering = async {
        for _ in 0..10 {
            client.act(&task, "pause").await?.expect(202)?;
            client.wait_for(&task, "paused").await?;
            client.act(&task, "resume").await?.expect(202)?;
        }
        client.act(&task, "stop").await?.expect(202)?;
        client.wait_for(&task, "stopped").await
    };
    let (steered, watched) = tokio::join!(steering, in_pieces(&client, &task, 1));
    steered?;
    let (events, visits) = watched?;
    ensure!(visits > 20, "only {visits} visits");
    without_gap(&events)?;
    ensure!(client.history(&task).await? == events, "the history is not what was told");
    Ok(())
}

#[tokio::test]
async fn a_broker_that_is_away_holds_up_neither_a_task_nor_its_events() -> Result<()> {
    let mut outside = Outside::new().await?;
    let client = outside.stack.analyst().await?;
    outside.node.crash();
    let (_, task) = client.new_task(&posts(300), json!({ "paginate_rows_limit": 20 })).await?;
    client.act(&task, "start").await?.expect(202)?;
    let (events, _) = in_pieces(&client, &task, 2).await?;
    without_gap(&events)?;
    ensure!(events.last().is_some_and(|event| event["event"] == "done"), "it did not come to its end");
    Ok(())
}

#[tokio::test]
async fn the_events_of_all_tasks_are_followed_without_missing_one_by_those_who_may_see_them() -> Result<()> {
    let stack = Stack::embedded(DALLOSH, &[]).await?;
    let (admin, analyst) = (stack.admin().await?, stack.analyst().await?);
    // Whoever heard nothing yet has a place to come back to.
    let (_, mut place) = analyst.follow("/v1/events", None, 0).await?;
    let first = analyst.new_task(&posts(40), json!({})).await?.1;
    let others = admin.new_task(&posts(50), json!({})).await?.1;
    for (client, task) in [(&analyst, &first), (&admin, &others)] {
        client.act(task, "start").await?.expect(202)?;
        client.wait_for(task, "done").await?;
    }
    let wanted = analyst.history(&first).await?;
    let newest = analyst.get("/v1/events?limit=200").await?.expect(200)?;
    let newest: Vec<_> = newest["items"].as_array().context("no items")?.iter().rev().cloned().collect();
    ensure!(newest == wanted, "the list is another one: {newest:?}");
    let mut seen = Vec::new();
    while seen.len() < wanted.len() {
        let (events, id) = analyst.follow("/v1/events", place.as_deref(), 3.min(wanted.len() - seen.len())).await?;
        seen.extend(events);
        place = id;
    }
    ensure!(seen == wanted, "{seen:?}");
    ensure!(analyst.follow("/v1/events", Some("yesterday"), 1).await.is_err(), "a wrong id is taken");
    Ok(())
}
