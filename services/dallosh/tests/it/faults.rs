//! A broker and a database that fail while tasks run: tasks end, commands are answered, no event is lost or comes twice.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use dallosh_broker::{Broker, Queue};
use dallosh_testkit::{Client, FakeModel, Latency, Node, Proxy, Stack, Wire, mongodb_url, posts};
use serde_json::json;
use tokio::{task::block_in_place, time::sleep};

use crate::{DALLOSH, models::register};

const ROWS: usize = 200;
const PAGE_TEXTS: usize = 10;
/// How long the door may take to say that the database is away, on a busy machine.
const TOLD: Duration = Duration::from_secs(6);

async fn begin(client: &Client) -> Result<String> {
    let (_, task) = client.new_task(&posts(ROWS), json!({ "paginate_rows_limit": PAGE_TEXTS })).await?;
    client.act(&task, "start").await?.expect(202)?;
    client.wait_until(&task, |data| data["progress"]["pages_done"].as_u64() >= Some(2)).await?;
    Ok(task)
}

/// The task ends with every row, and a client that reconnects in the middle sees each event once.
async fn ends_well(client: &Client, task: &str) -> Result<()> {
    let done = client.wait_for(task, "done").await?;
    ensure!(done["progress"]["rows_done"] == ROWS && done["progress"]["rows_failed"] == 0, "rows: {done}");
    let all = client.stream(task, 0).await?;
    ensure!(all.iter().zip(1..).all(|(event, seq)| event.id == seq), "the events have a gap");
    ensure!(all.iter().filter(|event| event.name == "done").count() == 1, "it is not done exactly once");
    let middle = all.len() / 2;
    ensure!(client.stream(task, i64::try_from(middle)?).await? == all[middle..], "the rest is another one");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_run_and_obey_while_the_broker_is_killed_alarmed_or_forgets() -> Result<()> {
    let mut node = block_in_place(Node::start);
    let environment = [("DALLOSH__BROKER__URL", node.url()), ("FAILPOINTS", "page.pre_llm=sleep(200)".to_owned())];
    let stack = Stack::embedded(DALLOSH, &environment.each_ref().map(|(name, value)| (*name, value.as_str()))).await?;
    let client = stack.analyst().await?;
    for fault in ["killed", "alarmed", "queues deleted", "connections closed"] {
        block_in_place(|| match fault {
            "killed" => node.crash(),
            "alarmed" => node.control(&["set_vm_memory_high_watermark", "0"]),
            "queues deleted" => {
                for queue in ["worker.commands", "worker.control"] {
                    node.control(&["delete_queue", queue]);
                }
            }
            _ => node.control(&["close_all_connections", "maintenance"]),
        });
        let task = begin(&client).await?;
        for (action, status) in [("pause", "paused"), ("resume", "")] {
            let since = Instant::now();
            client.act(&task, action).await?.expect(202)?;
            ensure!(since.elapsed() < Duration::from_secs(2), "{fault}: {action} took {:?}", since.elapsed());
            if !status.is_empty() {
                client.wait_for(&task, status).await?;
            }
        }
        ends_well(&client, &task).await.map_err(|error| error.context(fault))?;
        block_in_place(|| match fault {
            "killed" => node.boot(),
            "alarmed" => node.control(&["set_vm_memory_high_watermark", "absolute", "512MB"]),
            _ => {}
        });
        let task = begin(&client).await?;
        ends_well(&client, &task).await.map_err(|error| error.context(format!("after it was {fault}")))?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_of_the_broker_with_the_rights_of_the_guide_is_enough_and_reaches_no_other_queue() -> Result<()> {
    let guide = include_str!("../../../../docs/operations.md");
    let names = guide.lines().find(|line| line.starts_with("^(tasks|")).context("the guide names no rights")?;
    let node = block_in_place(Node::start);
    block_in_place(|| {
        node.control(&["add_user", "dallosh", "a-word-of-its-own"]);
        node.control(&["set_permissions", "dallosh", names, names, names]);
    });
    let url = node.url().replace("guest:guest", "dallosh:a-word-of-its-own");
    let environment = [("DALLOSH__BROKER__URL", url.as_str()), ("FAILPOINTS", "page.pre_llm=sleep(200)")];
    let stack = Stack::embedded(DALLOSH, &environment).await?;
    let client = stack.analyst().await?;
    let task = begin(&client).await?;
    client.act(&task, "pause").await?.expect(202)?;
    client.wait_for(&task, "paused").await?;
    client.act(&task, "resume").await?.expect(202)?;
    ends_well(&client, &task).await?;
    ensure!(block_in_place(|| node.ask(&["list_queues", "name"])).contains("admin.activity.dead"), "not all is there");

    let other = Broker::open(&url, &[Queue { name: "payroll", bindings: &["payroll"] }]).await?;
    let since = Instant::now();
    while !other.ping().await.is_err_and(|error| format!("{error:?}").contains("ACCESS_REFUSED")) {
        ensure!(since.elapsed() < Duration::from_secs(15), "it is not refused");
        sleep(Duration::from_millis(50)).await;
    }
    other.close().await;
    ensure!(!block_in_place(|| node.ask(&["list_queues", "name"])).contains("payroll"), "it made another queue");
    Ok(())
}

#[tokio::test]
async fn a_frozen_database_is_told_within_seconds_and_no_model_is_asked_without_a_lease() -> Result<()> {
    let (proxy, url) = Proxy::before_url(&mongodb_url()?).await?;
    let environment = [("DALLOSH__DATABASE__URL", url.as_str()), ("DALLOSH__TASKS__LEASE_SECONDS", "3")];
    let (stack, model) = (Stack::embedded(DALLOSH, &environment).await?, FakeModel::start().await);
    register(&stack.admin().await?, &model).await?;
    model.latency(Latency::Fixed(Duration::from_millis(400)));
    let client = stack.analyst().await?;
    let task = begin(&client).await?;
    proxy.set(Wire::Swallows);
    let mut asked = Vec::new();
    for _ in 0..2 {
        for path in [format!("/v1/tasks/{task}"), "/v1/tasks".to_owned(), "/v1/files".to_owned()] {
            let since = Instant::now();
            let answer = client.get(&path).await?;
            let told = since.elapsed();
            eprintln!("{path}: {} after {told:?}", answer.summary());
            ensure!(answer.status == 503 && told < TOLD, "{path}: {} after {told:?}", answer.summary());
        }
        // Several leases have passed by now.
        asked.push(model.calls());
    }
    ensure!(asked[0] == asked[1], "models were asked without a lease: {asked:?}");
    let since = Instant::now();
    proxy.set(Wire::Passes);
    while model.calls() == asked[1] {
        ensure!(since.elapsed() < Duration::from_secs(15), "it does not go on");
        sleep(Duration::from_millis(50)).await;
    }
    eprintln!("asked again {:?} after the database was back", since.elapsed());
    ends_well(&client, &task).await
}

#[tokio::test]
async fn a_database_whose_connections_break_in_the_middle_of_writes_loses_nothing() -> Result<()> {
    let (proxy, url) = Proxy::before_url(&mongodb_url()?).await?;
    let environment = [("DALLOSH__DATABASE__URL", url.as_str()), ("FAILPOINTS", "page.pre_llm=sleep(200)")];
    let stack = Stack::embedded(DALLOSH, &environment).await?;
    let client = stack.analyst().await?;
    let task = begin(&client).await?;
    for limit in [50, 500, 3_000, 10_000, 30_000, 90_000] {
        for wire in [Wire::ClosesAfter(limit), Wire::Breaks, Wire::Delays(Duration::from_millis(50)), Wire::Passes] {
            proxy.set(wire);
            sleep(Duration::from_millis(150)).await;
        }
    }
    ends_well(&client, &task).await
}
