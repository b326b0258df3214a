//! A backup taken while the platform works, and what comes back from it.

use std::{fs, net::TcpListener, path::Path};

use anyhow::{Context as _, Result, ensure};
use dallosh_testkit::{Process, Stack, posts};
use serde_json::json;

use crate::DALLOSH;

const ENVIRONMENT: [(&str, &str); 1] = [("DALLOSH__TASKS__LEASE_SECONDS", "2")];

/// Runs `backup` or `restore` between a folder and the data of a stack: the exit code, and what it said.
async fn run(command: &str, folder: &Path, data: &Path) -> Result<(Option<i32>, String)> {
    let (folder, data) = (folder.to_str().context("a path")?, data.to_str().context("a path")?);
    let elsewhere = tempfile::tempdir()?;
    let (code, said, errors) =
        Process::run(DALLOSH, &[command, folder, "--data-dir", data], &[], elsewhere.path()).await?;
    Ok((code, said + &errors))
}

#[tokio::test]
async fn a_backup_taken_in_mid_task_comes_back_with_its_sign_ins_and_keys_and_the_task_goes_on() -> Result<()> {
    let stack = Stack::embedded(DALLOSH, &ENVIRONMENT).await?;
    let admin = stack.admin().await?;
    let client = stack.analyst().await?;
    let (file, task) = client.new_task(&posts(4000), json!({ "paginate_rows_limit": 50 })).await?;
    client.act(&task, "start").await?.expect(202)?;
    client.wait_for(&task, "sending_to_llm").await?;
    // After the start: a task asks the models that were there then.
    let nobody = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let model = json!({"kind": "external", "provider": "openai", "model": "m", "baseUrl": format!("http://{nobody}/v1"),
        "apiKey": "sk-canary-0123456789"});
    let model = admin.post("/v1/settings/ai/models", &model).await?.expect(201)?["uid"].clone();
    let folder = tempfile::tempdir()?;
    let backup = folder.path().join("backup");
    let (code, said) = run("backup", &backup, &stack.data()).await?;
    ensure!(code == Some(0) && said.contains("files"), "{code:?} {said}");
    client.wait_for(&task, "done").await?;
    let wanted = client.content(&file, "analysed").await?;

    let mut other = Stack::embedded(DALLOSH, &ENVIRONMENT).await?;
    other.terminate().await?;
    let (code, said) = run("restore", &backup, &other.data()).await?;
    ensure!(code == Some(1) && said.contains("nothing is overwritten"), "{code:?} {said}");
    fs::remove_dir_all(other.data())?;
    let (code, said) = run("restore", &backup, &other.data()).await?;
    ensure!(code == Some(0), "{code:?} {said}");
    other.restart().await?;
    // The token is of the first platform: its signing key came back too.
    let (client, admin) = (client.at(&other.base), admin.at(&other.base));
    client.wait_for(&task, "done").await?;
    ensure!(client.content(&file, "analysed").await? == wanted, "the result is another one");
    let tested = admin
        .post(&format!("/v1/settings/ai/models/{}/test", model.as_str().context("an id")?), &json!({}))
        .await?
        .expect(200)?;
    ensure!(tested["error"]["code"] == "unavailable", "the sealed key does not open: {tested}");
    Ok(())
}

#[tokio::test]
async fn a_backup_that_was_changed_or_never_finished_is_refused_and_nothing_is_put_in_place() -> Result<()> {
    let stack = Stack::embedded(DALLOSH, &[]).await?;
    let folder = tempfile::tempdir()?;
    let (backup, empty) = (folder.path().join("backup"), folder.path().join("empty"));
    let (code, said) = run("backup", &backup, &stack.data()).await?;
    ensure!(code == Some(0), "{code:?} {said}");
    let (code, said) = run("backup", &backup, &stack.data()).await?;
    ensure!(code == Some(1) && said.contains("nothing is overwritten"), "{code:?} {said}");
    let database = backup.join("dallosh.db");
    let mut bytes = fs::read(&database)?;
    *bytes.last_mut().context("an empty database")? ^= 1;
    fs::write(&database, bytes)?;
    let (code, said) = run("restore", &backup, &empty).await?;
    ensure!(code == Some(1) && said.contains("dallosh.db") && said.contains("not as it was taken"), "{code:?} {said}");
    fs::remove_file(backup.join("backup.json"))?;
    let (code, said) = run("restore", &backup, &empty).await?;
    ensure!(code == Some(1) && said.contains("is no backup"), "{code:?} {said}");
    ensure!(!empty.join("dallosh.db").exists() && !empty.join("keys").exists(), "something was put in place");
    Ok(())
}

#[tokio::test]
async fn what_servers_of_their_own_keep_is_left_to_their_own_tools() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let environment = [("DALLOSH__DATABASE__URL".to_owned(), "mongodb://127.0.0.1:9/x".to_owned())];
    let (code, _, errors) = Process::run(DALLOSH, &["backup", "copy"], &environment, folder.path()).await?;
    ensure!(code == Some(78) && errors.contains("docs/operations.md"), "{code:?} {errors}");
    Ok(())
}
