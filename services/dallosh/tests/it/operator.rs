//! What an operator can do wrong, and what the process says to it: one clear line, no panic, nothing lost.

use std::{fs, net::TcpListener};

use anyhow::{Context as _, Result, ensure};
use dallosh_testkit::{Client, Process, Stack};
use serde_json::{Value, json};

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

/// Runs `dallosh user` on a stack's data, with this on its standard input.
async fn user(stack: &Stack, arguments: &[&str], input: &str) -> Result<(Option<i32>, String, String)> {
    stack.command(&[&["user"], arguments].concat(), &[], input).await
}

/// The one-time password in what a command said.
fn made(said: &str) -> Result<&str> {
    let line = said.lines().find_map(|line| line.strip_prefix("password: ")).context("no password is shown")?;
    line.split_whitespace().next().context("an empty password")
}

#[tokio::test]
async fn an_operator_makes_accounts_beside_the_running_platform_and_the_log_says_so() -> Result<()> {
    makes_accounts(Stack::embedded(DALLOSH, &[]).await?).await
}

#[tokio::test]
async fn an_operator_makes_accounts_in_mongodb_just_as_well() -> Result<()> {
    makes_accounts(Stack::with_servers(DALLOSH, &[]).await?).await
}

async fn makes_accounts(stack: Stack) -> Result<()> {
    let add = ["add", "Ann@Example.com", "--name", "Ann Lee", "--role", "admin"];
    let (code, said, errors) = user(&stack, &add, "a horse of my own\n").await?;
    ensure!(code == Some(0) && said.contains("ann@example.com is made, with the role admin"), "{said} {errors}");
    ensure!(!said.contains("a horse of my own"), "the password is shown");
    let ann = Client::login(&stack.base, "ann@example.com", "a horse of my own").await?;
    let me = ann.get("/v1/auth/me").await?.expect(200)?;
    ensure!(me["user"]["data"]["name"] == "Ann Lee" && me["must_change_password"] == true, "{me}");

    let logged = ann.get("/v1/logs?method=OPERATOR").await?.expect(200)?;
    let path = format!("/v1/users/{}/add", me["user"]["uid"].as_str().context("no id")?);
    ensure!(logged["items"].as_array().is_some_and(|items| items.len() == 1), "{logged}");
    ensure!(logged["items"][0]["data"]["path"] == path.as_str(), "{logged}");

    for (arguments, input, why) in [
        (&["add", "ANN@example.com"][..], "another horse of mine", "another account has this e-mail address"),
        (&["add", "bob@example.com", "--role", "boss"], "another horse of mine", "the roles are admin, analyst"),
        (&["add", "bob@example.com"], "password1", "the password is one of the most common ones\n"),
        (&["add", "bob@example.com"], "", "at least 8 characters"),
        (&["add", "bob"], "another horse of mine", "no e-mail address"),
        (&["passwd", "bob@example.com"], "another horse of mine", "no account has this e-mail address"),
    ] {
        let (code, said, errors) = user(&stack, arguments, input).await?;
        ensure!(code == Some(1) && errors.contains(why) && errors.lines().count() == 1, "{arguments:?} {said}{errors}");
    }
    let (code, said, errors) = user(&stack, &["list", "--json"], "").await?;
    ensure!(code == Some(0), "{errors}");
    let listed: Value = serde_json::from_str(&said)?;
    let emails: Vec<_> = listed.as_array().into_iter().flatten().map(|one| one["email"].as_str()).collect();
    ensure!(emails == [Some("admin@free.com"), Some("ann@example.com"), Some("user@free.com")], "{listed}");
    ensure!(!said.contains("argon2"), "a hash is listed");
    let (_, said, _) = user(&stack, &["list"], "").await?;
    let ann = said.lines().find(|line| line.starts_with("ann@example.com")).context("she is not listed")?;
    ensure!(ann.contains("Ann Lee") && ann.contains("admin") && ann.contains("password to be changed"), "{said}");
    Ok(())
}

#[tokio::test]
async fn another_password_from_the_terminal_ends_the_sessions_of_a_running_platform() -> Result<()> {
    ends_sessions(Stack::embedded(DALLOSH, &[]).await?).await
}

#[tokio::test]
async fn another_password_from_the_terminal_ends_the_sessions_that_mongodb_knows() -> Result<()> {
    ends_sessions(Stack::with_servers(DALLOSH, &[]).await?).await
}

async fn ends_sessions(stack: Stack) -> Result<()> {
    let analyst = stack.analyst().await?;
    analyst.get("/v1/files").await?.expect(200)?;
    let (code, said, errors) = user(&stack, &["passwd", "user@free.com"], "another horse of mine\r\n").await?;
    ensure!(code == Some(0), "{said}{errors}");
    analyst.wait_answer("/v1/files", 401).await?;
    ensure!(stack.analyst().await.is_err(), "the old password is good still");
    Client::login(&stack.base, "user@free.com", "another horse of mine").await?;
    Ok(())
}

#[tokio::test]
async fn the_last_administrator_comes_back_in_by_a_password_that_a_stopped_platform_was_given() -> Result<()> {
    comes_back_in(Stack::embedded(DALLOSH, &[]).await?).await
}

#[tokio::test]
async fn the_last_administrator_comes_back_in_by_a_password_that_mongodb_was_given() -> Result<()> {
    comes_back_in(Stack::with_servers(DALLOSH, &[]).await?).await
}

async fn comes_back_in(mut stack: Stack) -> Result<()> {
    stack.terminate().await?;
    let (code, said, errors) = user(&stack, &["passwd", "admin@free.com", "--generate"], "").await?;
    ensure!(code == Some(0), "{said}{errors}");
    stack.restart().await?;
    let session = json!({ "email": "admin@free.com", "password": made(&said)? });
    let session = Client::anonymous(&stack.base)?.post("/v1/auth/login", &session).await?.expect(200)?;
    ensure!(session["must_change_password"] == true, "the password is not to be changed");
    stack.terminate().await?;
    let (code, said, _) = stack.command(&["logs", "verify"], &[], "").await?;
    ensure!(code == Some(0) && said.contains("intact"), "{code:?} {said}");
    Ok(())
}

#[tokio::test]
async fn an_operator_with_another_master_key_or_folder_makes_nothing() -> Result<()> {
    let stack = Stack::embedded(DALLOSH, &[("DALLOSH__AUTH__MASTER_KEY", "a long master key 1")]).await?;
    let add = ["add", "ann@example.com", "--generate"];
    let other = [("DALLOSH__AUTH__MASTER_KEY", "a long master key 2")];
    let (code, _, errors) = stack.command(&[&["user"][..], &add].concat(), &other, "").await?;
    ensure!(code == Some(1) && errors.contains("auth.master_key"), "{code:?} {errors}");
    let (_, said, _) = user(&stack, &["list"], "").await?;
    ensure!(said.contains("admin@free.com") && !said.contains("ann@example.com"), "{said}");
    let folder = tempfile::tempdir()?.path().join("elsewhere").display().to_string();
    let (code, said) = refused(&["user", "add", "ann@example.com", "--generate", "--data-dir", &folder], &[]).await?;
    ensure!(code == Some(78) && said.contains(&folder), "{code:?} {said}");
    Ok(())
}
