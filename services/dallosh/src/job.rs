//! The main job from a terminal: upload, dialect report, start, live progress, the analysed file, a summary.

use std::{
    collections::BTreeMap,
    fs::File,
    io::IsTerminal,
    path::{Path, PathBuf},
};

use dallosh_contracts::{FileData, Resource, TaskData, TaskStatus};
use dallosh_dataset::{Dialect, Limits, Reader, Step};
use dallosh_primitives::Uid;
use futures::StreamExt;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;
use std::pin::pin;
use tokio_util::sync::CancellationToken;

use crate::{
    api::{Api, ApiError},
    stack::Local,
};

/// Topics that a summary names.
const TOP: usize = 5;
/// Rows of a preview that a terminal shows.
const SHOWN_ROWS: usize = 3;
/// Where the pages show the figures of a dataset, to the administrator whose the sample is.
const DASHBOARD: &str = "/admin/analysis";
/// Characters of a text that a terminal shows.
const SHOWN_CHARACTERS: usize = 100;

/// The job did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum JobFailed {
    /// A call failed.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The task ended otherwise than done.
    #[error("the task ended {status}: {reason}")]
    Ended {
        /// Its status.
        status: &'static str,
        /// Why, in words.
        reason: String,
    },
    /// Somebody pressed Ctrl+C.
    #[error("interrupted")]
    Interrupted,
    /// The result can't be read for the summary.
    #[error("the result can't be read")]
    Summary(#[from] dallosh_dataset::DatasetError),
}

/// Enriches a file: `dallosh enrich`.
pub async fn enrich(
    local: &Local,
    file: &Path,
    output: Option<PathBuf>,
    text_column: Option<String>,
    stop: &CancellationToken,
) -> Result<(), JobFailed> {
    let output = output.unwrap_or_else(|| {
        let stem = file.file_stem().map_or_else(|| "posts".to_owned(), |stem| stem.to_string_lossy().into_owned());
        file.with_file_name(format!("{stem}-analysed.csv"))
    });
    let api = &Api::new(local)?;
    let (uploaded, _, done) = run(api, file, text_column, stop).await?;
    let size = api.download(uploaded.uid, "analysed", &output).await?;
    summary(&done.data, &output)?;
    println!("{} ({size} bytes)", output.display());
    Ok(())
}

/// Sends the sample through the job, and says where to look: `dallosh up --sample`.
pub async fn try_sample(local: &Local, sample: &Path, stop: &CancellationToken) -> Result<(), JobFailed> {
    let (api, base) = (&Api::new(local)?, &local.base);
    let (uploaded, task, done) = run(api, sample, None, stop).await?;
    let copy = std::env::temp_dir().join(format!("dallosh-{}.csv", Uid::new()));
    api.download(uploaded.uid, "analysed", &copy).await?;
    let told = summary(&done.data, &copy);
    let _ = std::fs::remove_file(&copy);
    told?;
    println!();
    if api.has_page(DASHBOARD).await {
        println!("  the dashboard  {base}{DASHBOARD}?file={}", uploaded.uid);
    }
    println!("  reference      {base}/docs");
    println!("  the task       {base}/v1/tasks/{task}");
    println!("  analysed file  {base}/v1/files/{}/content?stage=analysed", uploaded.uid);
    if local.has_known_accounts {
        println!(
            "  accounts       admin@free.com / 123456 and user@free.com / 123456 (development profile; change them)"
        );
        println!(
            "  sign in        curl -s {base}/v1/auth/login -H 'content-type: application/json' -d '{{\"email\":\"admin@free.com\",\"password\":\"123456\"}}'"
        );
    }
    println!();
    println!("Ctrl+C stops it; the data stays.");
    Ok(())
}

/// Upload to done.
async fn run(
    api: &Api,
    file: &Path,
    text_column: Option<String>,
    stop: &CancellationToken,
) -> Result<(Resource<FileData>, Uid, Resource<TaskData>), JobFailed> {
    let size =
        std::fs::metadata(file).map_err(|source| ApiError::File { file: file.display().to_string(), source })?.len();
    let bar = bar(size, "  upload  {bar:30} {bytes}/{total_bytes} {bytes_per_sec}");
    let sent = bar.clone();
    let uploaded = tokio::select! {
        uploaded = api.upload(file, move |bytes| sent.inc(bytes)) => uploaded?,
        () = stop.cancelled() => return Err(JobFailed::Interrupted),
    };
    bar.finish_and_clear();
    report(&uploaded.data);
    preview(api, &uploaded, text_column.as_deref()).await?;
    let task = api.start_task(uploaded.uid, text_column).await?.uid;
    tokio::select! {
        followed = follow(api, task) => followed?,
        () = stop.cancelled() => {
            // The task stays in its folder and goes on with the next start, unless it is ended here.
            let _ = api.stop_task(task).await;
            return Err(JobFailed::Interrupted);
        }
    }
    let done: Resource<TaskData> = api.get(&format!("/v1/tasks/{task}")).await?;
    if done.data.status == TaskStatus::Done {
        return Ok((uploaded, task, done));
    }
    let reason = done
        .data
        .error
        .map_or_else(|| "no reason was given".to_owned(), |error| format!("{}: {}", error.code, error.message));
    Err(JobFailed::Ended { status: done.data.status.as_str(), reason })
}

/// What was understood of the file.
fn report(file: &FileData) {
    let FileData { filename, size, dialect, columns, row_count, rejected_rows, text_column, warnings, .. } = file;
    let delimiter = match dialect.delimiter.as_str() {
        "\t" => "tab",
        other => other,
    };
    let header = if dialect.has_header { "with a header" } else { "without a header" };
    println!("{filename}: {size} bytes, {}, delimiter {delimiter}, {header}", dialect.encoding);
    println!("  {row_count} rows, {rejected_rows} that can't be read, {} columns", columns.len());
    println!("  text column: {}", text_column.as_deref().unwrap_or("not clear"));
    for warning in warnings {
        println!("  note: {warning}");
    }
}

async fn preview(api: &Api, file: &Resource<FileData>, chosen: Option<&str>) -> Result<(), ApiError> {
    let Some(column) = chosen.or(file.data.text_column.as_deref()) else { return Ok(()) };
    let preview: Value = api.get(&format!("/v1/files/{}/preview?rows={SHOWN_ROWS}&stage=original", file.uid)).await?;
    for row in preview.get("rows").and_then(Value::as_array).into_iter().flatten() {
        let text = row.get(column).and_then(Value::as_str).unwrap_or_default();
        let line: String =
            text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(SHOWN_CHARACTERS).collect();
        println!("  | {line}");
    }
    Ok(())
}

/// Shows the events of a task until its end.
async fn follow(api: &Api, task: Uid) -> Result<(), ApiError> {
    let bar = bar(100, "  {msg:18} {bar:30} {percent:>3} %  {prefix}");
    let mut events = pin!(api.events(task));
    while let Some(event) = events.next().await {
        let event = event?;
        if event.event != "progress" {
            bar.set_message(event.event.replace('_', " "));
            if !std::io::stderr().is_terminal() {
                eprintln!("  {}", event.event);
            }
        }
        let number =
            |name: &str| event.data.get("progress").and_then(|progress| progress.get(name)).and_then(Value::as_f64);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a percentage, bounded here")]
        bar.set_position(number("percent").unwrap_or_default().clamp(0.0, 100.0) as u64);
        let speed = number("rows_per_second").map(|speed| format!("{speed:.0} rows/s"));
        let left = number("eta_seconds").map(|seconds| format!("{seconds:.0} s left"));
        bar.set_prefix([speed, left].into_iter().flatten().collect::<Vec<_>>().join(", "));
    }
    bar.finish_and_clear();
    Ok(())
}

fn bar(length: u64, template: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

/// Rows, coverage, sentiment, priority and the most frequent topics, counted in the analysed file.
fn summary(task: &TaskData, analysed: &Path) -> Result<(), JobFailed> {
    let file = File::open(analysed).map_err(dallosh_dataset::DatasetError::from)?;
    let limits = Limits { field_bytes: 32 << 20, row_bytes: 64 << 20, columns: usize::MAX, rows: u64::MAX - 1 };
    let mut reader = Reader::new(file, &Dialect::ours(), limits)?;
    let names = ["enrichment_status", "sentiment", "priority", "main_topic"];
    let places = names.map(|name| reader.header().find(name));
    let mut counts: [BTreeMap<String, u64>; 4] = Default::default();
    let mut rows = 0_u64;
    while let Some(step) = reader.read()? {
        let Step::Row(row) = step else { continue };
        rows = rows.saturating_add(1);
        for (place, count) in places.iter().zip(&mut counts) {
            let cell = place.and_then(|place| row.get(place)).unwrap_or_default();
            if !cell.is_empty() {
                let entry = count.entry(cell.into_owned()).or_default();
                *entry = entry.saturating_add(1);
            }
        }
    }
    let [status, sentiment, priority, topics] = counts;
    let of = |name: &str| status.get(name).copied().unwrap_or(0);
    println!(
        "rows       {rows} written, {} read, {} that can't be read, {} duplicates removed",
        task.counts.rows_read, task.counts.rejected, task.counts.duplicates_removed
    );
    println!(
        "coverage   {} labelled, {} failed, {} skipped (model {})",
        of("ok"),
        of("failed"),
        of("skipped"),
        task.models_used.join(", ")
    );
    println!("sentiment  {}", listed(sentiment, usize::MAX));
    println!("priority   {}", listed(priority, usize::MAX));
    println!("topics     {}", listed(topics, TOP));
    Ok(())
}

/// The largest first.
fn listed(counts: BTreeMap<String, u64>, most: usize) -> String {
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    counts.iter().take(most).map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
}
