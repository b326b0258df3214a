use dallosh_contracts::{EnrichmentInput, ModelSnapshot};
use dallosh_jobs::{JobError, change_inputs};
use dallosh_secrets::{Resealed, SealError, Sealer};
use dallosh_store::Store;
use serde_json::Value;

use crate::KIND;

/// Seals the keys of the models that tasks took along with the present master key, beside services that may run.
///
/// # Errors
/// When the database fails; then it may be done again.
pub async fn reseal(store: &Store, sealer: &Sealer, by: &str) -> Result<Resealed, JobError> {
    let mut resealed = Resealed::default();
    let change = |input: &mut Value| {
        let outcome = reseal_input(input, sealer);
        if outcome.is_err() {
            resealed.lost = resealed.lost.saturating_add(1);
        }
        outcome.unwrap_or(false)
    };
    resealed.anew = change_inputs(&KIND, store, by, change).await?;
    Ok(resealed)
}

/// Whether there was something to do.
fn reseal_input(input: &mut Value, sealer: &Sealer) -> Result<bool, SealError> {
    let Ok(mut known) = serde_json::from_value::<EnrichmentInput>(input.clone()) else { return Ok(false) };
    let mut changed = false;
    for model in &mut known.models {
        let Some(key) = &model.sealed_key else { continue };
        if let Some(anew) = sealer.reseal(key, &ModelSnapshot::key_context(model.uid))? {
            model.sealed_key = Some(anew);
            changed = true;
        }
    }
    if changed {
        *input = serde_json::to_value(known).map_err(|_| SealError::Failed)?;
    }
    Ok(changed)
}
