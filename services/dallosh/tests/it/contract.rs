//! What is generated is what the code says.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result, ensure};
use dallosh_testkit::{Process, Stack};

use crate::DALLOSH;

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

async fn drift(command: &[&str], file: &str) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (code, made, errors) = Process::run(DALLOSH, command, &[], folder.path()).await?;
    ensure!(code == Some(0), "{errors}");
    let kept = fs::read_to_string(repository().join(file)).with_context(|| format!("{file} is not there"))?;
    ensure!(kept == made, "{file} is not what the code says; run `make generate`");
    Ok(())
}

#[tokio::test]
async fn the_openapi_document_is_that_of_the_code() -> Result<()> {
    drift(&["openapi"], "proto/openapi.yaml").await
}

#[tokio::test]
async fn the_asyncapi_document_is_that_of_the_code() -> Result<()> {
    drift(&["asyncapi"], "proto/asyncapi.yaml").await?;
    for name in ["proceed_task", "retry_step", "handle_process", "record_activity", "task_event"] {
        drift(&["schema", name], &format!("proto/schemas/{name}.json")).await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_error_codes_are_those_of_the_code() -> Result<()> {
    drift(&["errors"], "docs/errors.md").await
}

#[tokio::test]
async fn what_services_ask_each_other_is_neither_behind_the_door_nor_in_its_contract() -> Result<()> {
    let stack = Stack::embedded(DALLOSH, &[]).await?;
    let admin = stack.admin().await?;
    // What is there holds sealed keys.
    for path in ["/internal/ai/route", "/v1/internal/ai/route", "/v1/settings/ai/route", "//internal/ai/route"] {
        let answer = admin.get(path).await?;
        ensure!(answer.status == 404, "{path}: {}", answer.summary());
    }
    let document = admin.get("/openapi.json").await?.expect(200)?;
    let paths = document["paths"].as_object().context("no paths")?;
    ensure!(paths.keys().all(|path| !path.contains("internal") && !path.contains("route")), "{:?}", paths.keys());
    Ok(())
}
