use dallosh_contracts::ModelSnapshot;
use dallosh_failpoints::{Failpoint, Injected};
use dallosh_primitives::Limit;
use dallosh_secrets::{Resealed, Sealer};
use dallosh_store::{Collection, Modified, Store, StoreError};

use crate::{model::Model, state::in_order};

/// Not every key is sealed with the present master key yet.
#[derive(Debug, thiserror::Error)]
pub enum ResealError {
    /// The database failed.
    #[error("the models can't be read or written")]
    Store(#[from] StoreError),
    /// A failpoint.
    #[error(transparent)]
    Failpoint(#[from] Injected),
}

/// Seals the keys of the models with the present master key, beside services that may run.
///
/// # Errors
/// [`ResealError`]; then it may be done again.
pub async fn reseal_models(store: &Store, sealer: &Sealer, by: &str) -> Result<Resealed, ResealError> {
    let models: Collection<Model> = store.collection().await?;
    let (mut resealed, mut cursor) = (Resealed::default(), None);
    loop {
        let page = models.list(&in_order(Limit::coerce(Some(i64::MAX)), cursor)).await?;
        for model in page.items {
            let anew = |sealed: &str| sealer.reseal(sealed, &ModelSnapshot::key_context(model.uid));
            let written = models
                .modify(model.uid, by, |model| match model.data.sealed_key.as_deref().map(anew).transpose() {
                    Ok(Some(Some(anew))) => {
                        model.data.sealed_key = Some(anew);
                        Ok(())
                    }
                    Ok(_) => Err(None),
                    Err(error) => Err(Some(error)),
                })
                .await?;
            match written {
                Modified::Written(_) => {
                    resealed.anew = resealed.anew.saturating_add(1);
                    Failpoint::RotatePostSeal.pass().await?;
                }
                Modified::Refused(Some(_)) => {
                    resealed.lost = resealed.lost.saturating_add(1);
                }
                Modified::Refused(None) | Modified::Absent => {}
            }
        }
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Ok(resealed);
        }
    }
}
