//! Step 5: the result becomes visible: the analysed file, the columnar table that queries read, and the index from which
//! its figures are computed.

use std::{
    io::{self, Write},
    sync::Arc,
};

use dallosh_analysis::{Columns, IndexBuilder};
use dallosh_dataset::{table_schema, write_table};
use dallosh_failpoints::Failpoint;
use dallosh_jobs::{JobContext, StepOutcome};
use dallosh_storage::{BlockingWriter, Key, PutMode, Stage};
use serde_json::json;

use super::{append::AppendCheckpoint, appended, input, required};
use crate::{
    blocking::{self, Gauge, Source, dataset_failed, pass, storage_failed},
    pipeline::Enrichment,
};

pub async fn run(pipeline: &Enrichment, job: &JobContext) -> StepOutcome {
    let AppendCheckpoint { counts, artefacts } = required(job, "appending_columns")?;
    let size = artefacts.first().map_or(0, |artefact| artefact.size);
    let (from, subject) = (appended(job)?, job.job().data.subject);
    let (analysed, table) = (Key::dataset(subject, Stage::Analysed), Key::table(subject, Stage::Analysed));
    let (index, text_column) = (Key::index(subject), input(job)?.text_column);
    let gauge = Arc::new(Gauge::default());
    let (first, second, mut copy) = (
        Source::open(&pipeline.storage, &from, &gauge).await?,
        Source::open(&pipeline.storage, &from, &gauge).await?,
        Source::open(&pipeline.storage, &from, &gauge).await?,
    );
    let open = async |key: &Key| {
        let writer =
            pipeline.storage.writer(key, PutMode::Overwrite).await.map_err(|error| storage_failed(key, error))?;
        Ok::<_, dallosh_jobs::StepError>(BlockingWriter::new(writer))
    };
    let (mut columns, mut counted, mut output) = (open(&table).await?, open(&index).await?, open(&analysed).await?);
    let (table_key, analysed_key) = (table.clone(), analysed.clone());
    let summary = blocking::run(job, gauge, size.saturating_mul(3), (95.0, 99.0), move || {
        let schema = table_schema(first).map_err(dataset_failed)?;
        let mut posts = IndexBuilder::new(Columns::find(&schema.columns, Some(&text_column)));
        let summary = write_table(second, &schema, &mut columns, |batch| posts.push(batch)).map_err(dataset_failed)?;
        let bytes = posts.finish().to_bytes().map_err(|error| dataset_failed(io::Error::other(error).into()))?;
        counted.write_all(&bytes).map_err(|error| dataset_failed(error.into()))?;
        io::copy(&mut copy, &mut output).map_err(|error| dataset_failed(error.into()))?;
        columns.commit().map_err(|error| storage_failed(&table_key, error))?;
        counted.commit().map_err(|error| storage_failed(&index, error))?;
        output.commit().map_err(|error| storage_failed(&analysed_key, error))?;
        pass(Failpoint::SavePostPut)?;
        Ok(json!({ "table": summary, "schema": schema }))
    })
    .await?;
    job.update(|data| {
        data.progress.percent = 100.0;
        data.details.insert("file_analysed".to_owned(), json!(analysed.as_str()));
        data.details
            .insert("rows".to_owned(), json!({ "ok": counts.ok, "failed": counts.failed, "skipped": counts.skipped }));
    })
    .await?;
    // The joined rows were only on their way; a copy that stays is removed with the next run.
    if let Err(error) = pipeline.storage.delete(&from).await {
        tracing::warn!(error = %error, "the joined rows were not removed");
    }
    Ok(summary)
}
