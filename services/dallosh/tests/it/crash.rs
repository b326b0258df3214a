//! What a crash leaves, and what the next start makes of it.

use anyhow::{Result, ensure};
use dallosh_testkit::{Client, Stack, posts};
use serde_json::json;

use crate::DALLOSH;

const ROWS: usize = 4000;
const ENVIRONMENT: [(&str, &str); 1] = [("DALLOSH__TASKS__LEASE_SECONDS", "2")];

async fn begin(stack: &Stack) -> Result<(Client, String, String)> {
    let client = stack.analyst().await?;
    let (file, task) = client.new_task(&posts(ROWS), json!({ "paginate_rows_limit": 50 })).await?;
    client.act(&task, "start").await?.expect(202)?;
    Ok((client, file, task))
}

async fn undisturbed() -> Result<Vec<u8>> {
    let stack = Stack::embedded(DALLOSH, &ENVIRONMENT).await?;
    let (client, file, task) = begin(&stack).await?;
    client.wait_for(&task, "done").await?;
    client.content(&file, "analysed").await
}

/// Kills the process when the task has `status`, starts it again, and gives the result.
async fn killed_at(status: &str) -> Result<Vec<u8>> {
    let mut stack = Stack::embedded(DALLOSH, &ENVIRONMENT).await?;
    let (client, file, task) = begin(&stack).await?;
    loop {
        let data = client.task(&task).await?;
        if data["status"] == status || data["status"] == "done" {
            break;
        }
    }
    stack.kill().await?;
    stack.restart().await?;
    let client = client.at(&stack.base);
    client.wait_for(&task, "done").await?;
    let history = client.history(&task).await?;
    ensure!(history.iter().zip(1..).all(|(event, seq)| event["seq"] == seq), "the history has a gap");
    ensure!(history.iter().filter(|event| event["event"] == "done").count() == 1, "it is not done exactly once");
    client.content(&file, "analysed").await
}

#[tokio::test]
async fn a_kill_at_any_step_changes_nothing_in_the_result() -> Result<()> {
    let wanted = undisturbed().await?;
    for status in ["reading_dataset", "process_cleaning", "sending_to_llm", "appending_columns", "saving_file"] {
        ensure!(killed_at(status).await? == wanted, "killed at {status}, the result is another one");
    }
    Ok(())
}

#[tokio::test]
async fn a_stop_in_the_middle_puts_the_task_down_and_the_next_start_goes_on_at_once() -> Result<()> {
    let mut stack = Stack::embedded(DALLOSH, &[("DALLOSH__TASKS__LEASE_SECONDS", "600")]).await?;
    let (client, _, task) = begin(&stack).await?;
    client.wait_for(&task, "sending_to_llm").await?;
    let folder_keeps = stack.data();
    stack.terminate().await?;
    ensure!(folder_keeps.join("dallosh.db").exists(), "the data is gone");
    stack.restart().await?;
    // A lease of ten minutes would hold it up if it had not been given back.
    client.at(&stack.base).wait_for(&task, "done").await?;
    Ok(())
}

#[tokio::test]
async fn a_retry_of_failed_rows_after_a_stop_also_asks_for_what_the_stop_left_out() -> Result<()> {
    let stack = Stack::embedded(DALLOSH, &[("FAILPOINTS", "page.pre_llm=sleep(100)")]).await?;
    let client = stack.analyst().await?;
    let (_, task) = client.new_task(&posts(200), json!({ "paginate_rows_limit": 10 })).await?;
    client.act(&task, "start").await?.expect(202)?;
    while client.task(&task).await?["progress"]["pages_done"].as_u64() < Some(2) {}
    client.act(&task, "stop").await?.expect(202)?;
    client.wait_for(&task, "stopped").await?;
    client.post(&format!("/v1/tasks/{task}/retry"), &json!({ "failed_rows": true })).await?.expect(202)?;
    let done = loop {
        let data = client.task(&task).await?;
        if data["status"] == "done" {
            break data;
        }
        ensure!(data["status"] != "on_error", "{data}");
    };
    ensure!(done["progress"]["rows_done"] == 200 && done["progress"]["rows_failed"] == 0, "rows are left out: {done}");
    Ok(())
}
