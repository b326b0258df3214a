//! What every list does with the query of a clumsy client.

use anyhow::{Context, Result, anyhow, ensure};
use dallosh_testkit::{Stack, posts};
use proptest::{
    collection::vec,
    prelude::*,
    sample::Index,
    strategy::ValueTree as _,
    test_runner::{Config, TestRunner},
};
use serde_json::{Value, json};

use crate::DALLOSH;

/// Every list that an administrator can ask for, of a file and of a task with rows.
fn lists(file: &str, task: &str) -> [String; 11] {
    [
        "/v1/users".to_owned(),
        "/v1/roles".to_owned(),
        "/v1/files".to_owned(),
        "/v1/tasks".to_owned(),
        "/v1/auth/sessions".to_owned(),
        "/v1/logs".to_owned(),
        "/v1/events".to_owned(),
        "/v1/settings/ai/models".to_owned(),
        format!("/v1/files/{file}/rejects"),
        format!("/v1/tasks/{task}/events"),
        format!("/v1/tasks/{task}/rows"),
    ]
}

#[tokio::test]
async fn a_list_coerces_any_number_and_refuses_an_order_that_it_does_not_have() -> Result<()> {
    let stack = Stack::embedded(DALLOSH, &[]).await?;
    let client = stack.admin().await?;
    let me = client.get("/v1/auth/me").await?.expect(200)?["user"]["uid"].as_str().context("no uid")?.to_owned();
    let (file, task) = client.new_task(&posts(20), json!({})).await?;
    for path in lists(&file, &task).into_iter().chain([format!("/v1/users/{me}/sessions")]) {
        for limit in ["0", "-1", "99999999999999999999"] {
            client.get(&format!("{path}?limit={limit}")).await?.expect(200).context(format!("{path} {limit}"))?;
        }
        let answer = client.get(&format!("{path}?limit=many")).await?;
        ensure!(answer.summary() == "422 validation", "{path}: {}", answer.summary());
        let answer = client.get(&format!("{path}?sort=password")).await?;
        ensure!(answer.summary() == "422 validation", "{path}: {}", answer.summary());
        ensure!(answer.json()["errors"][0]["pointer"] == "/sort", "{}", answer.json());
    }
    Ok(())
}

/// What a client may send instead of a cursor that it got.
fn cursors(known: &str) -> impl Strategy<Value = String> {
    let known = known.to_owned();
    prop_oneof![
        "\\PC{0,40}",
        "[0-9a-f]{0,80}",
        "-?[0-9]{1,25}",
        vec(any::<u8>(), 0..40).prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
        (any::<Index>(), any::<char>()).prop_map(move |(place, other)| {
            let mut cursor: Vec<_> = known.chars().collect();
            if !cursor.is_empty() {
                let place = place.index(cursor.len());
                cursor[place] = other;
            }
            cursor.into_iter().collect()
        }),
    ]
}

#[tokio::test]
async fn any_cursor_gets_a_page_or_is_named_as_the_mistake() -> Result<()> {
    let stack = Stack::embedded(DALLOSH, &[]).await?;
    let client = stack.admin().await?;
    let (file, task) = client.new_task(&posts(20), json!({})).await?;
    client.post("/v1/tasks", &json!({ "file_id": file })).await?.expect(201)?;
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    for path in lists(&file, &task) {
        let first = client.get(&format!("{path}?limit=1")).await?.expect(200)?;
        let known = first["next_cursor"].as_str().unwrap_or_default().to_owned();
        if !known.is_empty() {
            client.get(&format!("{path}?limit=1&cursor={known}")).await?.expect(200).context(path.clone())?;
        }
        let strategy = cursors(&known);
        for _ in 0..40 {
            let cursor = strategy.new_tree(&mut runner).map_err(|reason| anyhow!("{reason}"))?.current();
            let query = escaped(&cursor);
            let answer = client.get(&format!("{path}?limit=1&cursor={query}")).await?;
            ensure!(["200", "422 validation"].contains(&&*answer.summary()), "{path} {cursor:?}: {}", answer.summary());
        }
    }
    Ok(())
}

#[tokio::test]
async fn an_id_that_is_none_is_never_found_whatever_it_is() -> Result<()> {
    let stack = Stack::embedded(DALLOSH, &[]).await?;
    let client = stack.admin().await?;
    let (file, task) = client.new_task(&posts(5), json!({})).await?;
    let long = "a".repeat(10_000);
    let ids = ["1%20OR%201%3D1", "..%2Fx", "%00", &long, "%27%22%3B--", "%7B%22%24gt%22%3A%22%22%7D", "%ff%fe"];
    let document = client.get("/openapi.json").await?.expect(200)?;
    let paths = document["paths"].as_object().context("no paths")?;
    let mut asked = 0;
    for (path, operations) in paths.iter().filter(|(path, _)| path.contains('{')) {
        let (before, rest) = path.split_once('{').context("no parameter")?;
        let (_, behind) = rest.split_once('}').context("no end")?;
        if behind.contains('{') || operations.get("get").is_none() {
            continue;
        }
        // What is there under another kind of path, is not there under this one.
        let foreign = if before.contains("files") || before.contains("analysis") { &task } else { &file };
        for id in ids.iter().copied().chain([foreign.as_str()]) {
            let answer = client.get(&format!("{before}{id}{behind}")).await?;
            let named = answer.json()["code"].is_string();
            ensure!(matches!(answer.status.as_u16(), 400 | 404 | 422) && named, "{path} {id}: {}", answer.summary());
            asked += 1;
        }
    }
    ensure!(asked > 80, "{asked}");
    Ok(())
}

fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat()
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
