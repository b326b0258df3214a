use dallosh_contracts::{ModelKind, ModelPrice, ModelProvider, ModelSnapshot};
use dallosh_primitives::Uid;
use dallosh_store::{Document, Index, Versioned};
use serde::{Deserialize, Serialize};

/// A language model as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Model {
    pub kind: ModelKind,
    pub provider: ModelProvider,
    #[serde(rename = "model")]
    pub name: String,
    pub base_url: Option<String>,
    pub sealed_key: Option<String>,
    /// The end of the key, for people to know it by.
    pub last4: Option<String>,
    pub retry_requests: u32,
    pub paginate_rows_limit: u32,
    pub concurrency: u32,
    #[serde(default)]
    pub requests_per_minute: Option<u32>,
    #[serde(default)]
    pub tokens_per_minute: Option<u32>,
    #[serde(default)]
    pub context_tokens: Option<u32>,
    pub price: ModelPrice,
    pub position: u32,
}

impl Document for Model {
    const COLLECTION: &'static str = "ai_models";
    const INDEXES: &'static [Index] = &[Index { fields: &["position"], unique: false }];
}

/// The model as a task takes it along.
pub fn snapshot(model: Versioned<Model>) -> ModelSnapshot {
    let Versioned { uid, data, .. } = model;
    ModelSnapshot {
        uid,
        provider: data.provider,
        model: data.name,
        base_url: data.base_url,
        sealed_key: data.sealed_key,
        retry_requests: data.retry_requests,
        paginate_rows_limit: data.paginate_rows_limit,
        concurrency: data.concurrency,
        requests_per_minute: data.requests_per_minute,
        tokens_per_minute: data.tokens_per_minute,
        context_tokens: data.context_tokens,
        price: data.price,
    }
}

/// The model that is there when no other one is.
pub fn builtin() -> ModelSnapshot {
    ModelSnapshot {
        uid: Uid::only("ai_models/builtin"),
        provider: ModelProvider::Builtin,
        model: BUILTIN_NAME.to_owned(),
        base_url: None,
        sealed_key: None,
        retry_requests: DEFAULT_RETRIES,
        paginate_rows_limit: DEFAULT_ROWS,
        concurrency: DEFAULT_CONCURRENCY,
        requests_per_minute: None,
        tokens_per_minute: None,
        context_tokens: None,
        price: ModelPrice::default(),
    }
}

pub const BUILTIN_NAME: &str = "builtin";
pub const DEFAULT_RETRIES: u32 = 3;
pub const DEFAULT_ROWS: u32 = 500;
pub const DEFAULT_CONCURRENCY: u32 = 2;
