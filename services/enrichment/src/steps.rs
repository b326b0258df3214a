//! The five steps, a file each. Every step writes its artefacts whole or not at all, and the same bytes however often.

pub mod append;
pub mod ask;
pub mod clean;
pub mod read;
pub mod save;

use dallosh_contracts::EnrichmentInput;
use dallosh_dataset::Dialect;
use dallosh_jobs::{JobContext, JobError, StepError};
use dallosh_storage::{InvalidKey, Key};
use serde::Serialize;
use serde_json::Value;

/// What the task's record says of its file; never what a message says.
fn input(job: &JobContext) -> Result<EnrichmentInput, StepError> {
    job.input()
}

fn dialect(input: &EnrichmentInput) -> Result<Dialect, StepError> {
    let dallosh_contracts::Dialect { encoding, delimiter, quote, has_header } = &input.dialect;
    Dialect::from_words(encoding, delimiter, quote, *has_header).ok_or_else(|| StepError::Failed {
        code: "csv_encoding",
        message: "the file's dialect is not understood".into(),
    })
}

fn key(text: &str) -> Result<Key, StepError> {
    Key::parse(text).map_err(|error: InvalidKey| StepError::Failed { code: "internal", message: error.to_string() })
}

/// Where the joined rows wait to be saved.
fn appended(job: &JobContext) -> Result<Key, StepError> {
    key(&format!("appended/{}.csv", job.uid()))
}

fn checkpoint(value: &impl Serialize) -> Result<Value, StepError> {
    serde_json::to_value(value).map_err(|error| JobError::from(error).into())
}

/// A checkpoint of an earlier step, which must be there when a later one runs.
fn required<T: serde::de::DeserializeOwned>(job: &JobContext, step: &str) -> Result<T, StepError> {
    let missing = || StepError::Failed { code: "internal", message: format!("step {step} left nothing") };
    job.checkpoint(step)?.ok_or_else(missing)
}
