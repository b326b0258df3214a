//! Step 4: each row gets the answer to its own text, by the text's key and never by its place.

use std::sync::Arc;

use dallosh_contracts::figures;
use dallosh_dataset::{AppendCounts, CLEAN_TEXT, Label, append};
use dallosh_failpoints::Failpoint;
use dallosh_jobs::{JobContext, StepOutcome};
use dallosh_storage::{BlockingWriter, Key, PutMode, Stage};
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use super::{appended, checkpoint, clean::CleanCheckpoint, required};
use crate::{
    blocking::{self, Gauge, Source, dataset_failed, pass, storage_failed},
    paging::{Answer, PageResult, key_of},
    pipeline::{Artefact, Enrichment},
};

/// What the step leaves; the artefact is the joined file.
#[derive(Serialize, Deserialize)]
pub struct AppendCheckpoint {
    pub counts: AppendCounts,
    pub artefacts: Vec<Artefact>,
}

pub async fn run(pipeline: &Enrichment, job: &JobContext) -> StepOutcome {
    let CleanCheckpoint { artefacts, .. } = required(job, "process_cleaning")?;
    let size = artefacts.first().map_or(0, |artefact| artefact.size);
    let mut answers: HashMap<u128, Answer> = HashMap::new();
    for page in job.pages().await? {
        let page: PageResult = serde_json::from_value(page).map_err(dallosh_jobs::JobError::from)?;
        answers.extend(page.answers.into_iter().filter_map(|(key, answer)| Some((key_of(&key)?, answer))));
    }
    let (cleaned, output) = (Key::dataset(job.job().data.subject, Stage::Cleaned), appended(job)?);
    let gauge = Arc::new(Gauge::default());
    let source = Source::open(&pipeline.storage, &cleaned, &gauge).await?;
    let writer =
        pipeline.storage.writer(&output, PutMode::Overwrite).await.map_err(|error| storage_failed(&output, error))?;
    let mut writer = BlockingWriter::new(writer);
    let found = blocking::run(job, gauge, size, (90.0, 95.0), move || {
        let look_up = |key: u128| {
            Some(match answers.get(&key)? {
                Answer::Ok { sentiment, priority, main_topic, note } => {
                    let note = note.as_deref().unwrap_or_default();
                    Label::Ok { sentiment, priority: *priority, main_topic, note }
                }
                Answer::Failed { reason } => Label::Failed { reason },
            })
        };
        let counts = append(source, CLEAN_TEXT, look_up, &mut writer).map_err(dataset_failed)?;
        pass(Failpoint::AppendMid)?;
        let info = writer.commit().map_err(|error| storage_failed(&output, error))?;
        Ok(AppendCheckpoint { counts, artefacts: vec![Artefact::new(&output, info)] })
    })
    .await?;
    let (labelled, failed) = (found.counts.ok, found.counts.failed);
    metrics::counter!(figures::ROWS_LABELLED).increment(labelled);
    metrics::counter!(figures::ROWS_FAILED).increment(failed);
    job.report(|data| {
        data.progress.percent = 95.0;
        data.progress.rows_total = labelled.saturating_add(failed);
        data.progress.rows_done = labelled.saturating_add(failed);
        data.progress.rows_failed = failed;
        data.progress.rows_per_second = None;
        data.progress.eta_seconds = None;
    })
    .await?;
    checkpoint(&found)
}
