//! The models of a task: providers with their limits and circuit breakers, shared by all tasks of this worker.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use dallosh_contracts::{ModelPrice, ModelProvider, ModelSnapshot};
use dallosh_llm::{
    AnswerKeys, Breaker, BreakerConfig, Builtin, ClientOptions, DEFAULT_CONTEXT_TOKENS, GuardedClient, Limiter,
    LimiterConfig, Ollama, OpenAi, Price, Provider, Route, RoutedModel, Unmetered, UrlPolicy,
};
use dallosh_secrets::Sealer;
use tokio_util::sync::CancellationToken;

use crate::sizing::Sizing;

/// Failures in a row that open a circuit, and how often an open one is tried.
const CIRCUIT: BreakerConfig = BreakerConfig { failures: 5, probe_interval: Duration::from_secs(30) };

/// A model of a snapshot can't be asked.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    #[error("its key can't be opened")]
    Key(#[from] dallosh_secrets::SealError),
    #[error("its address can't be used")]
    Address(#[from] dallosh_llm::ClientError),
    #[error("it has no address")]
    NoAddress,
    #[error("its price is none")]
    Price(#[from] dallosh_llm::InvalidPrice),
}

/// The models of a task, ready to be asked.
pub struct AskedModels {
    /// In the task's order.
    pub route: Route,
    /// What is known of each model of the route, in the same order.
    pub models: Vec<AskedModel>,
}

/// What is known of a model beside how it is asked.
#[derive(Clone)]
pub struct AskedModel {
    /// Names its answers; absent for one that costs nothing, which is asked again at once.
    pub answers: Option<AnswerKeys>,
    /// What one request to it may hold.
    pub sizing: Arc<Sizing>,
}

/// A model that was made, as it is shared by all tasks of this worker.
#[derive(Clone)]
struct Known {
    routed: RoutedModel,
    sizing: Arc<Sizing>,
}

/// Opens keys and makes providers; a model that was made is kept, so that its limits and its circuit are known to all.
pub struct Models {
    sealer: Sealer,
    policy: UrlPolicy,
    known: Mutex<HashMap<String, Known>>,
}

impl Models {
    pub fn new(sealer: Sealer, policy: UrlPolicy) -> Self {
        Self { sealer, policy, known: Mutex::default() }
    }

    /// The models of a task in their order. One that can't be asked is left out; `None` when no one is left. A task
    /// without models has the one inside. Calls are made until `stop`.
    pub fn of_task(
        &self,
        snapshots: &[ModelSnapshot],
        topics: &[String],
        stop: CancellationToken,
    ) -> Option<AskedModels> {
        let mut routed_models = Vec::new();
        let mut models = Vec::new();
        for snapshot in snapshots {
            let Some(Known { routed, sizing }) = self.model(snapshot) else { continue };
            let ModelSnapshot { provider, model, base_url, .. } = snapshot;
            let keys = AnswerKeys::new(provider.as_str(), base_url.as_deref().unwrap_or_default(), model, topics);
            models.push(AskedModel { answers: routed.provider.is_metered().then_some(keys), sizing });
            routed_models.push(routed);
        }
        if snapshots.is_empty() {
            let limits = LimiterConfig { concurrency: 2, requests_per_minute: None, tokens_per_minute: None };
            routed_models.push(routed("builtin", Arc::new(Builtin), limits, 0, Price::default()));
            models.push(AskedModel { answers: None, sizing: Arc::default() });
        }
        let route = Route::new(routed_models, Arc::new(Unmetered), stop);
        (!models.is_empty()).then_some(AskedModels { route, models })
    }

    fn model(&self, snapshot: &ModelSnapshot) -> Option<Known> {
        // Every setting is part of the name: an edited model is another one.
        let name = serde_json::to_string(snapshot).ok()?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(model) = known.get(&name) {
            return Some(model.clone());
        }
        match self.make(snapshot) {
            Ok(routed) => {
                let model = Known { routed, sizing: Arc::default() };
                known.insert(name, model.clone());
                Some(model)
            }
            Err(error) => {
                tracing::warn!(model.id = %snapshot.uid, error = %error, "a model can't be asked");
                None
            }
        }
    }

    fn make(&self, snapshot: &ModelSnapshot) -> Result<RoutedModel, Unusable> {
        let ModelSnapshot { uid, provider, model, base_url, sealed_key, retry_requests, price, .. } = snapshot;
        let ModelPrice { input_per_million_tokens, output_per_million_tokens } = *price;
        let price = Price::new(input_per_million_tokens, output_per_million_tokens)?;
        let client = || {
            let context = ModelSnapshot::key_context(*uid);
            let key = sealed_key.as_ref().map(|sealed| self.sealer.unseal(sealed, &context)).transpose()?;
            let base = base_url.as_deref().ok_or(Unusable::NoAddress)?;
            Ok::<_, Unusable>(GuardedClient::new(base, key.as_ref(), &self.policy, ClientOptions::default())?)
        };
        let provider: Arc<dyn Provider> = match provider {
            ModelProvider::Builtin => Arc::new(Builtin),
            ModelProvider::Ollama => {
                let context = snapshot.context_tokens.unwrap_or(DEFAULT_CONTEXT_TOKENS);
                Arc::new(Ollama::new(model.clone(), client()?).with_context_tokens(context))
            }
            ModelProvider::Openai => {
                let context = snapshot.context_tokens.map(u64::from);
                Arc::new(OpenAi::new(model.clone(), client()?).with_context_tokens(context))
            }
        };
        let limits = LimiterConfig {
            concurrency: snapshot.concurrency,
            requests_per_minute: snapshot.requests_per_minute.map(u64::from),
            tokens_per_minute: snapshot.tokens_per_minute.map(u64::from),
        };
        Ok(routed(model, provider, limits, *retry_requests, price))
    }
}

fn routed(name: &str, provider: Arc<dyn Provider>, limits: LimiterConfig, retries: u32, price: Price) -> RoutedModel {
    RoutedModel {
        name: name.to_owned(),
        provider,
        limiter: Arc::new(Limiter::new(limits)),
        breaker: Arc::new(Breaker::new(CIRCUIT)),
        price,
        retries,
    }
}
