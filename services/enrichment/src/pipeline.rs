use std::sync::Arc;

use async_trait::async_trait;
use dallosh_jobs::{JobContext, Pipeline, StepError, StepOutcome};
use dallosh_service_kit::SettingsReader;
use dallosh_storage::{Key, ObjectInfo, Storage};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{blocking::storage_failed, models::Models, steps};

/// The enrichment of a dataset.
pub struct Enrichment {
    pub storage: Storage,
    pub models: Models,
    pub settings: SettingsReader,
}

/// An object that a step wrote, as it was then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artefact {
    pub key: String,
    pub size: u64,
    pub etag: String,
}

impl Artefact {
    pub fn new(key: &Key, info: ObjectInfo) -> Self {
        Self { key: key.to_string(), size: info.size, etag: info.etag }
    }
}

impl Enrichment {
    pub fn new(storage: Storage, models: Models, settings: SettingsReader) -> Self {
        Self { storage, models, settings }
    }
}

#[async_trait]
impl Pipeline for Enrichment {
    async fn run(&self, step: &'static str, job: &Arc<JobContext>) -> StepOutcome {
        match step {
            "reading_dataset" => steps::read::run(self, job).await,
            "process_cleaning" => steps::clean::run(self, job).await,
            "sending_to_llm" => steps::ask::run(self, job).await,
            "appending_columns" => steps::append::run(self, job).await,
            "saving_file" => steps::save::run(self, job).await,
            _ => Err(StepError::Failed { code: "internal", message: format!("there is no step {step}") }),
        }
    }

    /// None during maintenance.
    async fn begins_jobs(&self) -> bool {
        !self.settings.is_maintenance().await
    }

    /// A step's artefacts are intact when the store still has exactly what the step wrote.
    async fn is_intact(&self, _: &'static str, checkpoint: &Value, _: &JobContext) -> Result<bool, StepError> {
        let Some(artefacts) = checkpoint.get("artefacts") else { return Ok(true) };
        let Ok(artefacts) = serde_json::from_value::<Vec<Artefact>>(artefacts.clone()) else { return Ok(false) };
        for artefact in artefacts {
            let Ok(key) = Key::parse(artefact.key) else { return Ok(false) };
            let found = self.storage.head(&key).await.map_err(|error| storage_failed(&key, error))?;
            if found.is_none_or(|found| (found.size, found.etag) != (artefact.size, artefact.etag)) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
