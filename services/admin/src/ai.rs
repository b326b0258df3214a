use std::cmp::Reverse;

use dallosh_contracts::{AiMode, ModelKind, ModelSnapshot};
use dallosh_primitives::Uid;
use dallosh_store::{Document, Versioned};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::{Model, builtin, snapshot};

/// Which models are asked, and which first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Preferences {
    /// Which kinds of models are asked.
    pub mode: AiMode,
    /// The local model that is asked before the others.
    pub default_local_model_id: Option<Uid>,
    /// The external model that is asked before the others.
    pub default_external_model_id: Option<Uid>,
}

/// How language models are used.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AiSettings {
    /// Which models are asked, and which first.
    pub preferences: Preferences,
}

impl Document for AiSettings {
    const COLLECTION: &'static str = "settings";
}

impl AiSettings {
    /// The id of the one document.
    pub fn uid() -> Uid {
        Uid::only("settings/ai")
    }
}

impl Preferences {
    /// The default model of a kind.
    pub fn default_of(&self, kind: ModelKind) -> Option<Uid> {
        match kind {
            ModelKind::Local => self.default_local_model_id,
            ModelKind::External => self.default_external_model_id,
        }
    }

    /// The models to ask, in their order: those of `first`, then by kind the default and the others as `models` has
    /// them. Where local models may be asked and there is nothing else, the one inside is.
    pub fn route(&self, mode: AiMode, first: Option<Uid>, models: Vec<Versioned<Model>>) -> Vec<ModelSnapshot> {
        let kinds: &[ModelKind] = match mode {
            AiMode::Local => &[ModelKind::Local],
            AiMode::External => &[ModelKind::External],
            AiMode::Automatic => &[ModelKind::External, ModelKind::Local],
        };
        let mut asked: Vec<_> = models
            .into_iter()
            .filter_map(|model| {
                let chosen = first == Some(model.uid);
                let kind = kinds.iter().position(|kind| *kind == model.data.kind);
                let default = self.default_of(model.data.kind) == Some(model.uid);
                (chosen || kind.is_some()).then_some(((Reverse(chosen), kind, Reverse(default)), model))
            })
            .collect();
        asked.sort_by_key(|(rank, _)| *rank);
        let mut route: Vec<_> = asked.into_iter().map(|(_, model)| snapshot(model)).collect();
        if route.is_empty() && mode != AiMode::External {
            route.push(builtin());
        }
        route
    }
}
