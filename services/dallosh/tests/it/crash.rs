//! What a crash leaves, and what the next start makes of it.

use std::time::Duration;

use anyhow::{Result, ensure};
use dallosh_testkit::{Client, Stack, posts};
use futures::{StreamExt as _, stream};
use reqwest::Method;
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

/// Kills the process when the task has `status`, starts it again, and gives the result. The plan holds the task up there.
async fn killed_at(status: &str, plan: &str) -> Result<Vec<u8>> {
    let environment = ENVIRONMENT.into_iter().chain([("FAILPOINTS", plan)]).collect::<Vec<_>>();
    let mut stack = Stack::embedded(DALLOSH, &environment).await?;
    let (client, file, task) = begin(&stack).await?;
    client.wait_for(&task, status).await?;
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
    for (status, plan) in [
        ("reading_dataset", "read.pre_rename=sleep(500)@1"),
        ("process_cleaning", "clean.pre_rename=sleep(500)@1"),
        ("sending_to_llm", "page.post_llm=sleep(500)@3"),
        ("appending_columns", "append.mid=sleep(500)@1"),
        ("saving_file", "save.post_put=sleep(500)@1"),
    ] {
        ensure!(killed_at(status, plan).await? == wanted, "killed at {status}, the result is another one");
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
    client.wait_until(&task, |data| data["progress"]["pages_done"].as_u64() >= Some(2)).await?;
    client.act(&task, "stop").await?.expect(202)?;
    client.wait_for(&task, "stopped").await?;
    client.post(&format!("/v1/tasks/{task}/retry"), &json!({ "failed_rows": true })).await?.expect(202)?;
    let done = client.wait_for(&task, "done").await?;
    ensure!(done["progress"]["rows_done"] == 200 && done["progress"]["rows_failed"] == 0, "rows are left out: {done}");
    Ok(())
}

const TUS: (&str, &str) = ("tus-resumable", "1.0.0");
const PART: (&str, &str) = ("content-type", "application/offset+octet-stream");

/// Where an upload goes on.
async fn offset(client: &Client, upload: &str) -> Result<usize> {
    let answer = client.send(Method::HEAD, upload, &[TUS], None).await?;
    ensure!(answer.status == 200, "{}", answer.summary());
    Ok(answer.headers["upload-offset"].to_str()?.parse()?)
}

#[tokio::test]
async fn an_upload_goes_on_after_a_kill_where_its_bytes_are_safe() -> Result<()> {
    let mut stack = Stack::embedded(DALLOSH, &[]).await?;
    let client = stack.analyst().await?;
    let mut content = b"id,full_text\n".to_vec();
    while content.len() < 12 << 20 {
        content.extend_from_slice(format!("{},{}\n", content.len(), "no network ".repeat(1000)).as_bytes());
    }
    let length = content.len().to_string();
    let begun = client.send(Method::POST, "/v1/uploads", &[TUS, ("upload-length", &length)], None).await?;
    ensure!(begun.status == 201, "{}", begun.summary());
    let upload = begun.headers["location"].to_str()?.to_owned();

    let beginning: Vec<_> = content[..10 << 20].chunks(1 << 20).map(|part| Ok(part.to_vec())).collect();
    let endless = stream::iter(beginning).chain(stream::pending::<Result<Vec<u8>, std::io::Error>>());
    let (sender, path) = (client.clone(), upload.clone());
    let sending = tokio::spawn(async move {
        let headers = [TUS, PART, ("upload-offset", "0")];
        sender.send_bytes(Method::PATCH, &path, &headers, reqwest::Body::wrap_stream(endless)).await
    });
    while offset(&client, &upload).await? < 8 << 20 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stack.kill().await?;
    ensure!(sending.await?.is_err(), "the kill broke the request off");
    stack.restart().await?;
    let client = client.at(&stack.base);
    let safe = offset(&client, &upload).await?;
    ensure!((8 << 20..=10 << 20).contains(&safe), "{safe} bytes are safe");
    let headers = [TUS, PART, ("upload-offset", &safe.to_string())];
    let last = client.send_bytes(Method::PATCH, &upload, &headers, content[safe..].to_vec()).await?;
    ensure!(last.status == 204, "{}", last.summary());
    let file = last.headers["upload-file"].to_str()?;
    ensure!(client.content(file, "original").await? == content, "the file is another one");
    Ok(())
}

#[tokio::test]
async fn a_stored_file_that_somebody_changed_is_not_analysed() -> Result<()> {
    let stack = Stack::embedded(DALLOSH, &[]).await?;
    let client = stack.analyst().await?;
    let (file, task) = client.new_task(&posts(20), json!({})).await?;
    let path = stack.data().join(format!("storage/datasets/{file}.csv"));
    std::fs::write(&path, posts(21))?;
    client.act(&task, "start").await?.expect(202)?;
    let data = client.wait_for(&task, "on_error").await?;
    ensure!(data["error"]["code"] == "input_changed", "{data}");
    ensure!(client.get(&format!("/v1/files/{file}/content?stage=analysed")).await?.status == 404);
    Ok(())
}
