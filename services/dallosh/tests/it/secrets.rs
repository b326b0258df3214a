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
    analyst.wait_answer("/v1/files", 503).await?;
    let (_, task) = admin.new_task(&posts(20), json!({})).await?;
    admin.act(&task, "start").await?.expect(202)?;
    let seen = tokio::time::timeout(std::time::Duration::from_secs(6), admin.wait_for(&task, "done")).await;
    ensure!(seen.is_err(), "a task was begun during maintenance");
    ensure!(admin.task(&task).await?["status"] == "in_queue", "the task does not wait");
    set(false).await?;
    admin.wait_for(&task, "done").await?;
    Ok(())
}

/// Runs a command on a stack's data: the exit code, and what it said.
async fn run(stack: &Stack, arguments: &[&str], environment: &[(&str, &str)]) -> Result<(Option<i32>, String)> {
    let (code, said, errors) = stack.command(arguments, environment, "").await?;
    Ok((code, said + &errors))
}

/// Whether the keys of these models open and reach the model's server.
async fn works(admin: &Client, models: &[String]) -> Result<()> {
    for uid in models {
        let tested = admin.post(&format!("/v1/settings/ai/models/{uid}/test"), &json!({})).await?.expect(200)?;
        ensure!(tested["ok"] == true, "a key does not open or not work: {tested}");
    }
    Ok(())
}

/// Two models that want [`KEY`].
async fn two_models(admin: &Client, model: &FakeModel) -> Result<Vec<String>> {
    model.key(KEY);
    let mut models = Vec::new();
    for _ in 0..2 {
        models.push(register_with(admin, model, json!({ "apiKey": KEY })).await?);
    }
    Ok(models)
}

const ROTATE: [&str; 2] = ["secrets", "rotate"];
const VERIFY: [&str; 2] = ["logs", "verify"];

#[tokio::test]
async fn a_rotation_that_is_killed_after_any_write_leaves_every_key_readable_and_the_log_proved() -> Result<()> {
    let (mut stack, model) = (Stack::embedded(DALLOSH, &[]).await?, FakeModel::start().await);
    let admin = stack.admin().await?;
    let models = two_models(&admin, &model).await?;
    // A task that took the keys along, and waits.
    let maintenance = |on: bool| json!({ "isMaintenance": on });
    let general = "/v1/settings/general";
    let headers = [("if-match", "*")];
    admin.send(Method::PATCH, general, &headers, Some(&maintenance(true))).await?.expect(200)?;
    let analyst = stack.analyst().await?;
    analyst.wait_answer("/v1/files", 503).await?;
    let (_, task) = admin.new_task(&posts(20), json!({ "topics": ["panne", "facturation", "autre"] })).await?;
    admin.act(&task, "start").await?.expect(202)?;

    let (code, said) = run(&stack, &ROTATE, &[]).await?;
    ensure!(code == Some(1) && said.contains("another dallosh process"), "it rotates beside a running one: {said}");
    for point in
        ["rotate.post_key=kill", "rotate.post_seal=kill@1", "rotate.post_seal=kill@2", "rotate.post_seal=kill@3"]
    {
        stack.terminate().await?;
        let (code, said) = run(&stack, &ROTATE, &[("FAILPOINTS", point)]).await?;
        ensure!(code.is_none(), "{point}: it was not killed: {code:?} {said}");
        let (_, said) = run(&stack, &VERIFY, &[]).await?;
        ensure!(said.contains("`dallosh secrets rotate` was not finished"), "{point}: {said}");
        ensure!(said.contains("\n1 findings"), "{point}: {said}");
        stack.restart().await?;
        works(&stack.admin().await?, &models).await?;
    }

    stack.terminate().await?;
    let (code, said) = run(&stack, &ROTATE, &[]).await?;
    ensure!(code == Some(0), "{said}");
    ensure!(said.contains("2 models are sealed with it") && said.contains("1 tasks are sealed with it"), "{said}");
    let (code, said) = run(&stack, &VERIFY, &[]).await?;
    ensure!(code == Some(0) && said.matches("entries under the master key").count() >= 2, "{code:?} {said}");

    // What a backup holds is proved and opens elsewhere, too.
    let folder = tempfile::tempdir()?;
    let backup = folder.path().join("backup").display().to_string();
    let (code, said) = run(&stack, &["backup", &backup], &[]).await?;
    ensure!(code == Some(0), "{said}");
    let mut other = Stack::embedded(DALLOSH, &[]).await?;
    other.terminate().await?;
    fs::remove_dir_all(other.data())?;
    let (code, said) = run(&other, &["restore", &backup], &[]).await?;
    ensure!(code == Some(0), "{said}");
    let (code, said) = run(&other, &VERIFY, &[]).await?;
    ensure!(code == Some(0), "{said}");

    // Without the former keys every secret still opens, and the log says what it can't prove.
    let file = other.data().join("keys/master.key");
    let keys = fs::read_to_string(&file)?;
    ensure!(keys.lines().count() == 6, "{} keys", keys.lines().count());
    fs::write(&file, keys.lines().next().context("no key")?)?;
    let (code, said) = run(&other, &VERIFY, &[]).await?;
    ensure!(code == Some(1) && said.contains("can't be checked"), "{code:?} {said}");
    other.restart().await?;
    let admin = other.admin().await?;
    works(&admin, &models).await?;
    admin.send(Method::PATCH, general, &headers, Some(&maintenance(false))).await?.expect(200)?;
    let done = admin.wait_for(&task, "done").await?;
    ensure!(done["models_used"] == json!(["tester"]), "the model was not asked: {done}");
    Ok(())
}

/// The master key before the rotation.
const OLD: (&str, &str) = ("DALLOSH__AUTH__MASTER_KEY", "canary of an old master key");

#[tokio::test]
async fn a_master_key_of_the_configuration_is_rotated_beside_running_services() -> Result<()> {
    is_rotated(Stack::embedded(DALLOSH, &[OLD]).await?).await
}

#[tokio::test]
async fn what_mongodb_holds_under_a_master_key_is_sealed_anew_as_well() -> Result<()> {
    is_rotated(Stack::with_servers(DALLOSH, &[OLD]).await?).await
}

async fn is_rotated(mut stack: Stack) -> Result<()> {
    let ((set, old), new) = (OLD, "canary of a new master key");
    let (previous, model) = ("DALLOSH__AUTH__PREVIOUS_MASTER_KEYS", FakeModel::start().await);
    let models = two_models(&stack.admin().await?, &model).await?;
    let (code, said) = run(&stack, &ROTATE, &[(set, old)]).await?;
    ensure!(code == Some(78) && said.contains("auth.previous_master_keys"), "{code:?} {said}");
    let (code, said) = run(&stack, &ROTATE, &[(set, new), (previous, "some other master key")]).await?;
    ensure!(code == Some(1) && said.contains("another master key"), "it wrote under a wrong key: {said}");

    stack.terminate().await?;
    stack.set(set, Some(new));
    stack.set(previous, Some(old));
    stack.restart().await?;
    works(&stack.admin().await?, &models).await?;
    let (code, said) = run(&stack, &ROTATE, &[(set, new), (previous, old)]).await?;
    ensure!(code == Some(0) && said.contains("2 models are sealed with it"), "{code:?} {said}");
    ensure!(!said.contains("canary"), "a key is told: {said}");
    works(&stack.admin().await?, &models).await?;
    let (code, said) = run(&stack, &VERIFY, &[(set, new), (previous, old)]).await?;
    ensure!(code == Some(0), "{said}");
    stack.terminate().await?;
    stack.set(previous, None);
    stack.restart().await?;
    works(&stack.admin().await?, &models).await
}
