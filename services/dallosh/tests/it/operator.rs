//! What an operator can do wrong, and what the process says to it: one clear line, no panic, nothing lost.

use std::{fs, net::TcpListener};

use anyhow::{Result, ensure};
use dallosh_testkit::{Process, Stack};

use crate::{DALLOSH, SAMPLE};

/// Runs a command that must fail; gives its exit code and the one line that it says.
async fn refused(arguments: &[&str], environment: &[(&str, &str)]) -> Result<(Option<i32>, String)> {
    let folder = tempfile::tempdir()?;
    let environment: Vec<_> =
        environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let (code, said, errors) = Process::run(DALLOSH, arguments, &environment, folder.path()).await?;
    ensure!(!errors.contains("panicked") && !said.contains("panicked"), "it panicked: {errors}");
    ensure!(code != Some(0), "it was accepted: {said}");
    Ok((code, errors.lines().filter(|line| line.starts_with("dallosh:")).collect::<Vec<_>>().join("\n")))
}

#[tokio::test]
async fn a_wrong_configuration_is_named_key_by_key_and_ends_with_78() -> Result<()> {
    let environment = [("DALLOSH__TASKS__LEASE_SECONDS", "soon"), ("DALLOSH__COLOUR", "red")];
    let (code, said) = refused(&["up", "--profile", "staging"], &environment).await?;
    ensure!(code == Some(78), "exit code {code:?}");
    for part in [
        "profile: `staging` (flag)",
        "tasks.lease_seconds: `soon` (environment DALLOSH__TASKS__LEASE_SECONDS)",
        "colour",
    ] {
        ensure!(said.contains(part), "{part} is not named: {said}");
    }
    Ok(())
}

#[tokio::test]
async fn the_production_profile_does_not_start_without_an_admin_of_its_own() -> Result<()> {
    for environment in [
        vec![],
        vec![("DALLOSH__AUTH__ADMIN_EMAIL", "admin@free.com"), ("DALLOSH__AUTH__ADMIN_PASSWORD", "123456")],
        vec![("DALLOSH__AUTH__ADMIN_EMAIL", "chief@example.org"), ("DALLOSH__AUTH__ADMIN_PASSWORD", "short")],
    ] {
        let (code, said) = refused(&["up", "--profile", "production", "--listen", "127.0.0.1:0"], &environment).await?;
        ensure!(code == Some(78) && said.contains("auth.admin_"), "{code:?} {said}");
        ensure!(!said.contains("short"), "the password is shown");
    }
    Ok(())
}

#[tokio::test]
async fn services_of_their_own_refuse_a_broker_that_lives_in_one_process() -> Result<()> {
    let (code, said) = refused(&["serve", "tasks"], &[]).await?;
    ensure!(code == Some(78) && said.contains("broker.url"), "{code:?} {said}");
    Ok(())
}

#[tokio::test]
async fn a_taken_port_and_a_taken_folder_are_one_line_each() -> Result<()> {
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?.to_string();
    let (code, said) = refused(&["up", "--listen", &address], &[]).await?;
    ensure!(code == Some(1) && said.contains(&address) && said.lines().count() == 1, "{code:?} {said}");

    let stack = Stack::embedded(DALLOSH, &[]).await?;
    let data = stack.data().display().to_string();
    let (code, said) = refused(&["up", "--listen", "127.0.0.1:0", "--data-dir", &data], &[]).await?;
    ensure!(code == Some(1) && said.contains(&data) && said.lines().count() == 1, "{code:?} {said}");
    stack.admin().await?;
    Ok(())
}

#[tokio::test]
async fn the_log_of_a_folder_without_a_database_is_not_verified_and_no_database_is_made() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let elsewhere = folder.path().join("elsewhere");
    let path = elsewhere.display().to_string();
    let (code, said) = refused(&["logs", "verify", "--data-dir", &path], &[]).await?;
    ensure!(code == Some(78) && said.contains(&path), "{code:?} {said}");
    ensure!(!elsewhere.exists(), "a folder was made");
    Ok(())
}

#[tokio::test]
async fn a_data_folder_that_can_not_be_one_is_named() -> Result<()> {
    let file = tempfile::NamedTempFile::new()?;
    let path = file.path().display().to_string();
    let (code, said) = refused(&["up", "--listen", "127.0.0.1:0", "--data-dir", &path], &[]).await?;
    ensure!(code == Some(1) && said.contains(&path), "{code:?} {said}");
    Ok(())
}

#[tokio::test]
async fn a_database_that_is_none_is_named() -> Result<()> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("dallosh.db"), "this is no database, whatever it is called".repeat(100))?;
    let data = folder.path().display().to_string();
    let (code, said) = refused(&["up", "--listen", "127.0.0.1:0", "--data-dir", &data], &[]).await?;
    ensure!(code == Some(1) && said.lines().count() == 1, "{code:?} {said}");
    Ok(())
}

#[tokio::test]
async fn an_unreachable_broker_is_waited_for_and_named_by_readiness_while_everything_else_works() -> Result<()> {
    let nobody = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("amqp://guest:canary-secret@{}/%2f", nobody.local_addr()?);
    drop(nobody);
    let stack = Stack::embedded(DALLOSH, &[("DALLOSH__BROKER__URL", &url)]).await?;
    let client = stack.analyst().await?;
    let (_, task) = client.new_task(SAMPLE, serde_json::json!({})).await?;
    client.act(&task, "start").await?.expect(202)?;
    client.wait_for(&task, "done").await?;
    ensure!(
        client.stream(&task, 0).await?.last().is_some_and(|event| event.name == "done"),
        "the events did not arrive"
    );
    let log = fs::read_to_string(stack.data().with_file_name("log"))?;
    ensure!(!log.contains("canary-secret"), "the password of the broker is in the log");
    Ok(())
}

#[tokio::test]
async fn a_file_is_enriched_from_the_terminal() -> Result<()> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("posts.csv"), SAMPLE)?;
    let (code, said, errors) =
        Process::run(DALLOSH, &["enrich", "posts.csv", "-o", "out.csv"], &[], folder.path()).await?;
    ensure!(code == Some(0), "{code:?} {said} {errors}");
    for part in ["delimiter ,", "text column: full_text", "coverage", "sentiment", "topics", "out.csv"] {
        ensure!(said.contains(part), "{part} is not said: {said}");
    }
    ensure!(fs::read(folder.path().join("out.csv"))?.len() > SAMPLE.len(), "the result is not there");
    let (code, _, errors) = Process::run(DALLOSH, &["enrich", "no-such-file.csv"], &[], folder.path()).await?;
    ensure!(code == Some(1) && errors.contains("no-such-file.csv"), "{code:?} {errors}");
    Ok(())
}

#[tokio::test]
async fn the_sample_is_sent_through_after_the_start_and_the_process_stays_up() -> Result<()> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("posts.csv"), SAMPLE)?;
    let arguments = ["up", "--listen", "127.0.0.1:0", "--sample", "posts.csv"];
    let mut process = Process::start(DALLOSH, &arguments, &[], folder.path()).await?;
    let mut said = String::new();
    while let Some(line) = process.line().await? {
        said = format!("{said}{line}\n");
        if line.starts_with("Ctrl+C") {
            break;
        }
    }
    for part in ["coverage", "/docs", "/v1/tasks/", "stage=analysed", "admin@free.com"] {
        ensure!(said.contains(part), "{part} is not said: {said}");
    }
    ensure!(process.stop().await? == Some(0), "it did not stop with 0");
    Ok(())
}
