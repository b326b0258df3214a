use std::sync::Arc;

use dallosh_llm::UrlPolicy;
use dallosh_primitives::{Limit, Uid};
use dallosh_secrets::Sealer;
use dallosh_service_kit::{Config, ErrorCode, Problem, Profile};
use dallosh_store::{Collection, Document, Filter, ListQuery, Sort, Store, StoreError, StoreErrorKind, Versioned};
use secrecy::ExposeSecret as _;

use crate::{
    StartError,
    activity::{ActivityLog, chain_key},
    ai::AiSettings,
    error,
    general::GeneralSettings,
    input::{KeyChange, last4},
    model::Model,
};

/// What the handlers share.
pub struct State {
    pub settings: Collection<AiSettings>,
    pub general: Collection<GeneralSettings>,
    pub models: Collection<Model>,
    pub log: Arc<ActivityLog>,
    pub sealer: Sealer,
    pub urls: UrlPolicy,
}

impl State {
    /// Opens the collections and the key, and stores the settings of a new platform.
    pub async fn new(config: &Config, store: &Store) -> Result<Self, StartError> {
        Ok(Self {
            settings: opened(store, AiSettings::uid()).await?,
            general: opened(store, GeneralSettings::uid()).await?,
            models: store.collection().await?,
            log: Arc::new(ActivityLog::open(store, chain_key(config)?).await?),
            sealer: Sealer::new(&config.master_keys()?)?,
            urls: UrlPolicy::new(&config.allowed_origins, config.profile == Profile::Development)?,
        })
    }

    /// The settings as they are.
    pub async fn ai(&self) -> Result<Versioned<AiSettings>, Problem> {
        let found = self.settings.find(AiSettings::uid()).await.map_err(error::problem)?;
        found.ok_or_else(gone)
    }

    /// The general settings as they are.
    pub async fn general(&self) -> Result<Versioned<GeneralSettings>, Problem> {
        self.general.find(GeneralSettings::uid()).await.map_err(error::problem)?.ok_or_else(gone)
    }

    /// A model as it is.
    pub async fn model(&self, uid: Uid) -> Result<Versioned<Model>, Problem> {
        self.models.find(uid).await.map_err(error::problem)?.ok_or_else(error::no_model)
    }

    /// All models, in the order in which they are asked.
    pub async fn all(&self) -> Result<Vec<Versioned<Model>>, Problem> {
        let page = self.models.list(&in_order(Limit::coerce(Some(i64::MAX)), None)).await;
        Ok(page.map_err(error::problem)?.items)
    }

    /// Refuses what would leave the preferences without their default.
    pub async fn refuse_default(&self, model: &Versioned<Model>) -> Result<(), Problem> {
        let default = self.ai().await?.data.preferences.default_of(model.data.kind);
        if default == Some(model.uid) {
            return Err(Problem::new(ErrorCode::InUse, "it is a default model; choose another one first"));
        }
        Ok(())
    }

    /// Gives a model its key as it is to be.
    pub fn change_key(&self, model: &mut Model, change: KeyChange, context: &str) -> Result<(), Problem> {
        (model.sealed_key, model.last4) = match change {
            KeyChange::Keep => return Ok(()),
            KeyChange::Clear => (None, None),
            KeyChange::Set(key) => {
                let sealed = self.sealer.seal(&key, context).map_err(Problem::internal)?;
                (Some(sealed), last4(key.expose_secret()))
            }
        };
        Ok(())
    }
}

fn gone() -> Problem {
    Problem::internal(std::io::Error::other("the settings are gone"))
}

/// The collection of settings of one kind, with the document that a new platform has.
async fn opened<T: Document + Default>(store: &Store, uid: Uid) -> Result<Collection<T>, StoreError> {
    let settings = store.collection::<T>().await?;
    match settings.insert_as(uid, T::default(), "dallosh").await {
        Err(error) if error.kind != StoreErrorKind::Duplicate => Err(error),
        _ => Ok(settings),
    }
}

/// Models in the order in which they are asked: by their positions, then in the order in which they were added.
pub fn in_order(limit: Limit, cursor: Option<String>) -> ListQuery {
    ListQuery { filter: Filter::All, sort: Sort::ascending("position"), limit, cursor }
}
