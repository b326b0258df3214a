//! Step 1: every row is looked at; what can't be read is set aside, and the file must be the one that was uploaded.

use std::sync::Arc;

use dallosh_dataset::{Limits, Survey, survey};
use dallosh_failpoints::Failpoint;
use dallosh_jobs::{JobContext, StepError, StepOutcome};
use dallosh_storage::{BlockingWriter, Key, PutMode};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{checkpoint, dialect, input, key};
use crate::{
    blocking::{self, Gauge, Source, dataset_failed, pass, storage_failed},
    pipeline::{Artefact, Enrichment},
};

/// What the step leaves.
#[derive(Serialize, Deserialize)]
pub struct ReadCheckpoint {
    pub survey: Survey,
    pub artefacts: Vec<Artefact>,
}

pub async fn run(pipeline: &Enrichment, job: &JobContext) -> StepOutcome {
    let input = input(job)?;
    let (dialect, key) = (dialect(&input)?, key(&input.file_path)?);
    let rejects = Key::rejects(job.job().data.subject);
    let gauge = Arc::new(Gauge::default());
    let source = Source::open(&pipeline.storage, &key, &gauge).await?.hashed();
    let writer =
        pipeline.storage.writer(&rejects, PutMode::Overwrite).await.map_err(|error| storage_failed(&rejects, error))?;
    let mut writer = BlockingWriter::new(writer);
    let (sha256, rejects_key) = (input.sha256.clone(), rejects.clone());
    let found = blocking::run(job, gauge, input.size, (0.0, 5.0), move || {
        let mut source = source;
        let found = survey(&mut source, &dialect, &Limits::default(), &mut writer).map_err(dataset_failed);
        let hash = source.finish_hash().map_err(|error| dataset_failed(error.into()))?;
        if hash != sha256 {
            return Err(StepError::Failed {
                code: "input_changed",
                message: "the stored file is not the one that was uploaded".into(),
            });
        }
        let survey = found?;
        pass(Failpoint::ReadPreRename)?;
        let info = writer.commit().map_err(|error| storage_failed(&rejects_key, error))?;
        Ok(ReadCheckpoint { survey, artefacts: vec![Artefact::new(&rejects_key, info)] })
    })
    .await?;
    if found.survey.rows_read == 0 {
        return Err(StepError::Failed { code: "no_rows", message: "the file has no rows that can be read".into() });
    }
    let (rows_read, rejected, warnings) =
        (found.survey.rows_read, found.survey.rejected, found.survey.warnings.clone());
    let model = input.models.first().map_or_else(|| "builtin".to_owned(), |model| model.model.clone());
    job.report(|data| {
        data.progress.percent = 5.0;
        let counts = json!({ "rows_read": rows_read, "rejected": rejected });
        data.details.insert("counts".to_owned(), counts);
        data.details.insert("model".to_owned(), json!(model));
        data.details.insert("warnings".to_owned(), json!(warnings));
    })
    .await?;
    checkpoint(&found)
}
