//! Secrets are planted everywhere and looked for everywhere; and what was done is in a log that can be proved.

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};
use dallosh_testkit::{Client, FakeModel, Process, Stack, posts};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{DALLOSH, models::register_with};

const KEY: &str = "sk-canary-of-a-model-4711";
const PASSWORD: &str = "canary horse battery 1";
const WRONG: &str = "canary horse battery 2";
const QUERY: &str = "canary-in-a-query";
const DATABASE: &str = "canary-of-a-database";

/// Every file below a folder, with the folder of keys left out.
fn files(folder: &Path, found: &mut Vec<(String, Vec<u8>)>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() && !path.ends_with("keys") {
            files(&path, found)?;
        } else if path.is_file() {
            found.push((path.display().to_string(), fs::read(&path)?));
        }
    }
    Ok(())
}

fn text<'a>(value: &'a Value, pointer: &str) -> Result<&'a str> {
    value.pointer(pointer).and_then(Value::as_str).with_context(|| format!("no {pointer} in an answer"))
}

#[tokio::test]
async fn no_secret_can_be_read_in_files_logs_events_or_answers_and_the_log_is_proved() -> Result<()> {
    let (mut stack, model) = (Stack::embedded(DALLOSH, &[]).await?, FakeModel::start().await);
    let (admin, anonymous) = (stack.admin().await?, Client::anonymous(&stack.base)?);
    model.key(KEY);
    register_with(&admin, &model, json!({ "apiKey": KEY })).await?;
    let ann = |password: &str| json!({ "email": "ann@example.com", "password": password });
    anonymous.post("/v1/auth/register", &ann(PASSWORD)).await?.expect(201)?;
    anonymous.post("/v1/auth/login", &ann(WRONG)).await?.expect(401)?;
    let session = anonymous.post("/v1/auth/login", &ann(PASSWORD)).await?.expect(200)?;
    anonymous.get(&format!("/v1/files?access_token={QUERY}")).await?.expect(401)?;
    let asked = json!({ "name": "script", "permissions": ["manage_app"] });
    let token = admin.post("/v1/auth/tokens", &asked).await?.expect(201)?;
    let (file, task) = admin.new_task(&posts(60), json!({ "topics": ["panne", "facturation", "autre"] })).await?;
    admin.act(&task, "start").await?.expect(202)?;
    admin.wait_for(&task, "done").await?;

    let keys = stack.data().join("keys");
    let pem = fs::read_to_string(keys.join("auth-ed25519.pem"))?;
    let master = fs::read_to_string(keys.join("master.key"))?;
    let canaries = [
        ("a model's key", KEY),
        ("a password", PASSWORD),
        ("a wrong password", WRONG),
        ("a secret in a query", QUERY),
        ("the signing key", pem.lines().nth(1).context("no key")?),
        ("the master key", master.trim()),
        ("an access token", text(&session, "/access_token")?),
        ("a refresh token", text(&session, "/refresh_token")?),
        ("an API token", text(&token, "/token").or_else(|_| text(&token, "/data/token"))?),
    ];

    let mut places = Vec::new();
    for path in [
        "/v1/logs?limit=200",
        "/v1/logs/export?format=jsonl",
        "/v1/settings/ai/models",
        "/v1/auth/tokens",
        "/v1/auth/me",
        "/metrics",
        &format!("/v1/files/{file}"),
        &format!("/v1/tasks/{task}"),
        &format!("/v1/tasks/{task}/events"),
    ] {
        let answer = admin.get(path).await?;
        ensure!(answer.status == 200, "{path}: {}", answer.summary());
        places.push((path.to_owned(), answer.body.clone()));
    }
    let logged = admin.get("/v1/logs?limit=200&path=/v1/auth/login").await?.expect(200)?;
    ensure!(logged["items"].as_array().is_some_and(|items| items.len() >= 3), "{logged}");
    stack.terminate().await?;
    let folder = stack.data().parent().context("no folder")?.to_owned();
    files(&folder, &mut places)?;
    ensure!(places.iter().any(|(name, _)| name.ends_with("dallosh.db")), "the database is looked into");
    for (what, canary) in canaries {
        let told = places.iter().filter(|(_, bytes)| bytes.windows(canary.len()).any(|part| part == canary.as_bytes()));
        let names: Vec<_> = told.map(|(name, _)| name).collect();
        ensure!(names.is_empty(), "{what} can be read in {names:?}");
    }

    let (code, told, _) = Process::run(DALLOSH, &["logs", "verify", "--json"], &[], &folder).await?;
    let report: Value = serde_json::from_str(&told)?;
    ensure!(code == Some(0) && report["intact"] == true && report["anchors"] == 1, "{code:?} {report}");
    let anchors = stack.data().join("anchors");
    let anchored = fs::read_to_string(&anchors)?;
    fs::write(&anchors, anchored.replace("\"seq\":", "\"seq\":1"))?;
    let (code, told, _) = Process::run(DALLOSH, &["logs", "verify"], &[], &folder).await?;
    ensure!(code == Some(1) && told.contains("line 1 of the anchors was changed"), "{code:?} {told}");
    Ok(())
}

#[tokio::test]
async fn the_password_of_a_database_is_told_by_no_command_and_no_failure() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let url = format!("mongodb://dallosh:{DATABASE}@127.0.0.1:9/dallosh_analysis");
    let environment = [("DALLOSH__DATABASE__URL".to_owned(), url)];
    for command in [&["config"][..], &["init"], &["logs", "verify"]] {
        let (_, told, errors) = Process::run(DALLOSH, command, &environment, folder.path()).await?;
        ensure!(!told.is_empty() || !errors.is_empty(), "{command:?} says nothing");
        ensure!(!told.contains(DATABASE) && !errors.contains(DATABASE), "{command:?} tells the password");
    }
    Ok(())
}

#[tokio::test]
async fn during_maintenance_no_task_is_begun_and_afterwards_it_is() -> Result<()> {
    let stack = Stack::embedded(DALLOSH, &[]).await?;
    let admin = stack.admin().await?;
    let set = async |on: bool| -> Result<()> {
        let change = json!({ "isMaintenance": on });
        let path = "/v1/settings/general";
        admin.send(Method::PATCH, path, &[("if-match", "*")], Some(&change)).await?.expect(200)?;
        Ok(())
    };
    set(true).await?;
    // From when the door refuses, the worker knows at its next look.
    let analyst = stack.analyst().await?;
    while analyst.get("/v1/files").await?.status != 503 {
        tokio::task::yield_now().await;
    }
    let (_, task) = admin.new_task(&posts(20), json!({})).await?;
    admin.act(&task, "start").await?.expect(202)?;
    let seen = tokio::time::timeout(std::time::Duration::from_secs(6), admin.wait_for(&task, "done")).await;
    ensure!(seen.is_err(), "a task was begun during maintenance");
    ensure!(admin.task(&task).await?["status"] == "in_queue", "the task does not wait");
    set(false).await?;
    admin.wait_for(&task, "done").await?;
    Ok(())
}
