//! A worker that is killed at any point, with any number of pages behind it: the next start goes on at once, and the
//! result is the one of an undisturbed run, byte for byte.

use std::fs;

use anyhow::{Context, Result, ensure};
use dallosh_testkit::{Client, FakeModel, Stack, posts};
use serde_json::json;

use crate::{DALLOSH, models::register};

/// 360 different texts.
const ROWS: usize = 400;
const PAGE_TEXTS: usize = 18;
/// The first, a middle and the last page.
const PAGES: [usize; 3] = [1, 10, 20];
/// Calls in flight at once.
const CONCURRENCY: usize = 2;
/// Long enough that a run which waited for it would fail.
const LEASE: (&str, &str) = ("DALLOSH__TASKS__LEASE_SECONDS", "600");
const FAILPOINTS: &str = "FAILPOINTS";

/// A kill: where, and what else it takes to come there once the pages before are stored.
struct Kill {
    point: &'static str,
    way: Way,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// The point is passed for each page.
    Page,
    /// The next start passes it by itself.
    Start,
    /// The next start passes it when the cleaned file has to be written again.
    Clean,
    /// The next start passes it when somebody pauses the task.
    Command,
    /// The next start passes it when a page takes its time.
    Beat,
}

async fn begin(stack: &Stack, model: &FakeModel) -> Result<(Client, String, String)> {
    register(&stack.admin().await?, model).await?;
    let client = stack.analyst().await?;
    let options = json!({ "paginate_rows_limit": PAGE_TEXTS, "concurrency": CONCURRENCY });
    let (file, task) = client.new_task(&posts(ROWS), options).await?;
    client.act(&task, "start").await?.expect(202)?;
    Ok((client, file, task))
}

async fn undisturbed() -> Result<Vec<u8>> {
    let (stack, model) = (Stack::embedded(DALLOSH, &[LEASE]).await?, FakeModel::start().await);
    let (client, file, task) = begin(&stack, &model).await?;
    let done = client.wait_for(&task, "done").await?;
    ensure!(model.calls() == PAGES[2], "{} questions", model.calls());
    ensure!(done["progress"]["pages_total"] == PAGES[2], "the last page is another one: {done}");
    client.content(&file, "analysed").await
}

impl Kill {
    /// Runs a task with this kill once `page` was begun; the result.
    async fn at(&self, page: usize) -> Result<Vec<u8>> {
        let Self { point, way } = self;
        let first = if *way == Way::Page { point } else { "page.pre_llm" };
        let mut stack = Stack::embedded(DALLOSH, &[LEASE, (FAILPOINTS, &format!("{first}=kill@{page}"))]).await?;
        let model = FakeModel::start().await;
        let (client, file, task) = begin(&stack, &model).await?;
        stack.ended().await?;
        if *way != Way::Page {
            self.second(&mut stack, &client, &task).await.with_context(|| format!("{point} was not passed"))?;
        }
        stack.set(FAILPOINTS, None);
        stack.restart().await?;
        let client = client.at(&stack.base);
        if *way == Way::Command {
            client.act(&task, "resume").await?.expect(202)?;
        }
        let done = client.wait_for(&task, "done").await?;
        let progress = &done["progress"];
        ensure!(progress["rows_done"] == ROWS && progress["rows_failed"] == 0, "rows are missing: {progress}");
        ensure!(progress["pages_done"] == PAGES[2], "pages are missing: {progress}");
        let kills = if *way == Way::Page { 1 } else { 2 };
        let most = PAGES[2] + kills * CONCURRENCY;
        ensure!(model.calls() <= most, "{} questions after {kills} kills", model.calls());
        eprintln!("{point} at page {page}: {} questions for {} pages", model.calls(), PAGES[2]);
        let history = client.history(&task).await?;
        ensure!(history.iter().zip(1..).all(|(event, seq)| event["seq"] == seq), "the history has a gap");
        ensure!(history.iter().filter(|event| event["event"] == "done").count() == 1, "it is not done exactly once");
        client.content(&file, "analysed").await
    }

    /// The second process of the task, which dies at the point.
    async fn second(&self, stack: &mut Stack, client: &Client, task: &str) -> Result<()> {
        let Self { point, way } = self;
        let slowly = if matches!(way, Way::Beat | Way::Command) { ";page.pre_llm=sleep(5000)" } else { "" };
        stack.set(FAILPOINTS, Some(&format!("{point}=kill{slowly}")));
        if *way == Way::Clean {
            for cleaned in fs::read_dir(stack.data().join("storage/cleaned"))? {
                fs::remove_file(cleaned?.path())?;
            }
        }
        if *way == Way::Beat {
            stack.set(LEASE.0, Some("1"));
        }
        // It may die before it is ready.
        let is_ready = stack.restart().await.is_ok();
        if *way == Way::Command {
            ensure!(is_ready, "it was not ready");
            // The answer may get lost with the process.
            let _ = client.at(&stack.base).act(task, "pause").await;
        }
        stack.set(LEASE.0, Some(LEASE.1));
        stack.ended().await
    }

    async fn changes_nothing(self) -> Result<()> {
        let wanted = undisturbed().await?;
        for page in PAGES {
            let found = self.at(page).await.with_context(|| format!("{} at page {page}", self.point))?;
            ensure!(found == wanted, "killed at {} at page {page}, the result is another one", self.point);
        }
        Ok(())
    }
}

macro_rules! a_kill_changes_nothing {
    ($($test:ident: $point:literal, $way:ident;)*) => {
        $(#[tokio::test]
        async fn $test() -> Result<()> {
            Kill { point: $point, way: Way::$way }.changes_nothing().await
        })*
    };
}

a_kill_changes_nothing! {
    before_a_claim_a_kill_changes_nothing: "claim.pre", Start;
    after_a_claim_a_kill_changes_nothing: "claim.post", Start;
    before_the_cleaned_file_is_renamed_a_kill_changes_nothing: "clean.pre_rename", Clean;
    after_the_cleaned_file_is_renamed_a_kill_changes_nothing: "clean.post_rename", Clean;
    before_a_page_is_asked_a_kill_changes_nothing: "page.pre_llm", Page;
    between_an_answer_and_its_page_a_kill_changes_nothing: "page.post_llm", Page;
    after_a_page_is_stored_a_kill_changes_nothing: "page.post_insert", Page;
    while_rows_are_joined_a_kill_changes_nothing: "append.mid", Start;
    after_the_result_is_in_place_a_kill_changes_nothing: "save.post_put", Start;
    after_done_is_written_a_kill_changes_nothing: "done.post_cas", Start;
    after_an_event_is_published_a_kill_changes_nothing: "outbox.post_publish", Start;
    before_a_message_is_acknowledged_a_kill_changes_nothing: "ack.pre", Command;
    while_a_lease_is_renewed_a_kill_changes_nothing: "lease.renew", Beat;
    after_a_command_is_written_a_kill_changes_nothing: "ctl.post_cas", Command;
}
