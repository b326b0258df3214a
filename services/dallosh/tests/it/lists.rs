//! What every list does with the query of a clumsy client.

use anyhow::{Context, Result, ensure};
use dallosh_testkit::{Stack, posts};
use serde_json::{Value, json};

use crate::DALLOSH;

#[tokio::test]
async fn a_list_coerces_any_number_and_refuses_an_order_that_it_does_not_have() -> Result<()> {
    let stack = Stack::embedded(DALLOSH, &[]).await?;
    let client = stack.admin().await?;
    let (file, task) = client.new_task(&posts(20), json!({})).await?;
    let sorted = ["/v1/users", "/v1/roles", "/v1/files", "/v1/tasks"].map(str::to_owned);
    let others = [
        "/v1/auth/sessions".to_owned(),
        "/v1/logs".to_owned(),
        "/v1/events".to_owned(),
        "/v1/settings/ai/models".to_owned(),
        format!("/v1/files/{file}/rejects"),
        format!("/v1/tasks/{task}/events"),
        format!("/v1/tasks/{task}/rows"),
    ];
    for path in sorted.iter().chain(&others) {
        for limit in ["0", "-1", "99999999999999999999"] {
            client.get(&format!("{path}?limit={limit}")).await?.expect(200).context(format!("{path} {limit}"))?;
        }
        let answer = client.get(&format!("{path}?limit=many")).await?;
        ensure!(answer.summary() == "422 validation", "{path}: {}", answer.summary());
    }
    for path in &sorted {
        let answer = client.get(&format!("{path}?sort=password")).await?;
        ensure!(answer.summary() == "422 validation", "{path}: {}", answer.summary());
        ensure!(answer.json()["errors"][0]["pointer"] == "/sort", "{}", answer.json());
    }
    Ok(())
}

#[tokio::test]
async fn tasks_are_listed_oldest_first_when_asked_and_the_next_page_goes_on_so() -> Result<()> {
    let stack = Stack::embedded(DALLOSH, &[]).await?;
    let client = stack.analyst().await?;
    let (file, first) = client.new_task(&posts(20), json!({})).await?;
    let mut made = vec![first];
    for _ in 0..2 {
        let task = client.post("/v1/tasks", &json!({ "file_id": file })).await?.expect(201)?;
        made.push(task["uid"].as_str().context("no uid")?.to_owned());
    }
    let mut path = Some(format!("/v1/tasks?file_id={file}&status=added&sort=createdAt&limit=2"));
    let mut listed = Vec::new();
    while let Some(at) = path {
        let page = client.get(&at).await?.expect(200)?;
        let items = page["items"].as_array().context("no items")?;
        listed.extend(items.iter().filter_map(|task| task["uid"].as_str().map(str::to_owned)));
        path = page["_links"]["next"].as_str().map(str::to_owned);
    }
    ensure!(listed == made, "{listed:?} instead of {made:?}");
    let newest: Value = client.get("/v1/tasks").await?.expect(200)?;
    ensure!(newest["items"][0]["uid"] == made[2], "{newest}");
    Ok(())
}
