//! The models of a task: providers with their limits and circuit breakers, shared by all tasks of this worker.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use dallosh_contracts::{ModelPrice, ModelProvider, ModelSnapshot};
use dallosh_llm::{
    Breaker, BreakerConfig, Builtin, ClientOptions, DEFAULT_CONTEXT_TOKENS, GuardedClient, Limiter, LimiterConfig,
    Ollama, OpenAi, Price, Provider, Route, RoutedModel, Unmetered, UrlPolicy,
};
use dallosh_secrets::Sealer;
use tokio_util::sync::CancellationToken;

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

/// Opens keys and makes providers; a model that was made is kept, so that its limits and its circuit are known to all.
pub struct Models {
    sealer: Sealer,
    policy: UrlPolicy,
    known: Mutex<HashMap<String, RoutedModel>>,
}

impl Models {
    pub fn new(sealer: Sealer, policy: UrlPolicy) -> Self {
        Self { sealer, policy, known: Mutex::default() }
    }

    /// The route over the models of a task, in their order. One that can't be asked is left out; with none that can be,
    /// there is no route. A task without models has the one inside.
    pub fn route(&self, snapshots: &[ModelSnapshot], stop: CancellationToken) -> Option<Route> {
        let mut models: Vec<_> = snapshots.iter().filter_map(|snapshot| self.model(snapshot)).collect();
        if snapshots.is_empty() {
            let limits = LimiterConfig { concurrency: 2, requests_per_minute: None, tokens_per_minute: None };
            models.push(routed("builtin", Arc::new(Builtin), limits, 0, Price::default()));
        }
        (!models.is_empty()).then(|| Route::new(models, Arc::new(Unmetered), stop))
    }

    fn model(&self, snapshot: &ModelSnapshot) -> Option<RoutedModel> {
        // Every setting is part of the name: an edited model is another one.
        let name = serde_json::to_string(snapshot).ok()?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(model) = known.get(&name) {
            return Some(model.clone());
        }
        match self.make(snapshot) {
            Ok(model) => {
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
