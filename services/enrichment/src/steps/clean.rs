//! Step 2: texts are cleaned beside the untouched originals, duplicates removed, outliers flagged.

use std::sync::Arc;

use dallosh_contracts::Counts;
use dallosh_dataset::{CleanCounts, CleanOptions, Limits, clean};
use dallosh_failpoints::Failpoint;
use dallosh_jobs::{JobContext, StepOutcome};
use dallosh_storage::{BlockingWriter, Key, PutMode, Stage};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{checkpoint, dialect, input, key, read::ReadCheckpoint, required};
use crate::{
    blocking::{self, Gauge, Source, dataset_failed, pass, storage_failed},
    pipeline::{Artefact, Enrichment},
};

/// What the step leaves; the first artefact is the cleaned file.
#[derive(Serialize, Deserialize)]
pub struct CleanCheckpoint {
    pub counts: CleanCounts,
    pub artefacts: Vec<Artefact>,
}

pub async fn run(pipeline: &Enrichment, job: &JobContext) -> StepOutcome {
    let input = input(job)?;
    let ReadCheckpoint { survey, .. } = required(job, "reading_dataset")?;
    let (dialect, source_key, subject) = (dialect(&input)?, key(&input.file_path)?, job.job().data.subject);
    let (cleaned, removed) = (Key::dataset(subject, Stage::Cleaned), Key::removed(subject));
    let gauge = Arc::new(Gauge::default());
    let source = Source::open(&pipeline.storage, &source_key, &gauge).await?;
    let mut writers = Vec::new();
    for key in [&cleaned, &removed] {
        let writer =
            pipeline.storage.writer(key, PutMode::Overwrite).await.map_err(|error| storage_failed(key, error))?;
        writers.push(BlockingWriter::new(writer));
    }
    let options = CleanOptions { text_column: input.text_column.clone(), drop_outliers: input.options.drop_outliers };
    let (rejected, cleaned_key) = (survey.rejected, cleaned.clone());
    let found = blocking::run(job, gauge, input.size, (5.0, 15.0), move || {
        let [mut output, mut leftovers] =
            writers.try_into().map_err(|_| dataset_failed(std::io::Error::other("no writers").into()))?;
        let counts = clean(source, &dialect, &Limits::default(), &survey, &options, &mut output, &mut leftovers)
            .map_err(dataset_failed)?;
        let leftovers = leftovers.commit().map_err(|error| storage_failed(&removed, error))?;
        pass(Failpoint::CleanPreRename)?;
        let output = output.commit().map_err(|error| storage_failed(&cleaned_key, error))?;
        pass(Failpoint::CleanPostRename)?;
        Ok(CleanCheckpoint {
            counts,
            artefacts: vec![Artefact::new(&cleaned_key, output), Artefact::new(&removed, leftovers)],
        })
    })
    .await?;
    let counts = Counts {
        rows_read: found.counts.rows_read,
        rejected,
        duplicates_removed: found.counts.duplicates_removed,
        outliers_flagged: found.counts.outliers_flagged,
        unique_texts: found.counts.unique_texts,
    };
    let rows_total = found.counts.rows_kept.saturating_sub(found.counts.empty_texts);
    job.report(|data| {
        data.progress.percent = 15.0;
        data.progress.rows_total = rows_total;
        data.details.insert("counts".to_owned(), json!(counts));
        data.details.insert("file_cleaned".to_owned(), json!(cleaned.as_str()));
    })
    .await?;
    checkpoint(&found)
}
