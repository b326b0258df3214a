use std::time::{Duration, Instant};

use dallosh_contracts::{ModelProvider, ModelSnapshot};
use dallosh_llm::{
    Builtin, ClientError, ClientOptions, GuardedClient, Ollama, OpenAi, Price, Provider, ProviderErrorKind, Spend,
    TOPICS, Usage, check, labelling_request,
};
use dallosh_secrets::SealError;
use dallosh_store::Versioned;
use rust_decimal::Decimal;
use secrecy::SecretString;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{model::Model, state::State};

/// How long a test may take: less than the door waits for an answer.
const LIMIT: Duration = Duration::from_secs(25);
/// What is asked about.
const TEXT: &str = "Panne de fibre depuis deux jours, personne ne répond au service client.";

/// What a call brought.
#[derive(Debug, Serialize, ToSchema)]
pub struct ModelTest {
    /// Whether the model answered, and made sense.
    pub ok: bool,
    /// How long it took.
    #[schema(example = 420)]
    pub latency_ms: u64,
    /// The tokens that the provider counted; `null` when it told none.
    pub usage: Option<TestUsage>,
    /// US dollars; `null` when it can't be known.
    #[schema(value_type = Option<String>, example = "0.000042")]
    pub cost: Option<Decimal>,
    /// What went wrong; `null` when nothing did.
    pub error: Option<TestError>,
}

/// Tokens of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct TestUsage {
    /// Tokens sent.
    pub prompt_tokens: u64,
    /// Tokens received.
    pub completion_tokens: u64,
}

/// Why a call brought no answer that counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TestError {
    /// `rate_limited`, `unavailable`, `timeout`, `unauthorized`, `not_found`, `bad_request`, `context_too_long`,
    /// `bad_answer`, `url_not_allowed`, `key_unusable` or `internal`.
    #[schema(example = "unauthorized")]
    pub code: &'static str,
    /// The same in words; nothing of what the provider wrote.
    #[schema(example = "model refused the credentials")]
    pub detail: String,
}

impl TestError {
    fn new(code: &'static str, detail: impl ToString) -> Self {
        Self { code, detail: detail.to_string() }
    }
}

/// Asks the model for the labels of one short text.
pub async fn test(state: &State, model: &Versioned<Model>) -> ModelTest {
    let begin = Instant::now();
    let (spend, error) = match provider(state, model) {
        Ok(provider) => ask(provider.as_ref()).await,
        Err(error) => (Spend::Nothing, Some(error)),
    };
    let latency_ms = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX);
    let usage = match spend {
        Spend::Nothing => Some(Usage::default()),
        Spend::Exactly(usage) => Some(usage),
        Spend::Unknown => None,
    };
    let price = &model.data.price;
    let price = Price::new(price.input_per_million_tokens, price.output_per_million_tokens).ok();
    ModelTest {
        ok: error.is_none(),
        latency_ms,
        usage: usage.map(|Usage { prompt_tokens, completion_tokens }| TestUsage { prompt_tokens, completion_tokens }),
        cost: usage.zip(price).map(|(usage, price)| price.cost(usage)),
        error,
    }
}

/// One call: what was spent, and what went wrong with it.
async fn ask(provider: &dyn Provider) -> (Spend, Option<TestError>) {
    let topics: Vec<_> = TOPICS.iter().map(|topic| (*topic).to_owned()).collect();
    match provider.complete(&labelling_request(&[(1, TEXT)], &topics)).await {
        Ok(completion) => {
            let error = match check(&completion, &[1]) {
                Ok(checked) => checked.problems.values().next().map(|problem| TestError::new("bad_answer", problem)),
                Err(error) => Some(TestError::new("bad_answer", error)),
            };
            (Spend::Exactly(completion.usage), error)
        }
        Err(error) => (error.spend(), Some(TestError::new(code(error.kind), error.kind))),
    }
}

/// The model, ready to be asked.
fn provider(state: &State, model: &Versioned<Model>) -> Result<Box<dyn Provider>, TestError> {
    let Model { provider, name, base_url, sealed_key, .. } = &model.data;
    if *provider == ModelProvider::Builtin {
        return Ok(Box::new(Builtin));
    }
    let context = ModelSnapshot::key_context(model.uid);
    let key =
        sealed_key.as_deref().map(|sealed| state.sealer.unseal(sealed, &context)).transpose().map_err(unusable)?;
    let client = client(state, base_url.as_deref().unwrap_or_default(), key.as_ref())?;
    Ok(match provider {
        ModelProvider::Ollama => Box::new(Ollama::new(name, client)),
        ModelProvider::Openai | ModelProvider::Builtin => Box::new(OpenAi::new(name, client)),
    })
}

fn unusable(error: SealError) -> TestError {
    TestError::new("key_unusable", format!("the stored key can't be opened, send it again: {error}"))
}

fn client(state: &State, url: &str, key: Option<&SecretString>) -> Result<GuardedClient, TestError> {
    let options = ClientOptions { timeout: LIMIT, ..ClientOptions::default() };
    GuardedClient::new(url, key, &state.urls, options).map_err(|error| match error {
        ClientError::Url(refused) => TestError::new("url_not_allowed", refused),
        ClientError::InvalidKey => TestError::new("key_unusable", error),
        ClientError::Tls(_) => TestError::new("internal", error),
    })
}

fn code(kind: ProviderErrorKind) -> &'static str {
    match kind {
        ProviderErrorKind::RateLimited { .. } => "rate_limited",
        ProviderErrorKind::Unavailable => "unavailable",
        ProviderErrorKind::Timeout => "timeout",
        ProviderErrorKind::Unauthorized => "unauthorized",
        ProviderErrorKind::NotFound => "not_found",
        ProviderErrorKind::BadRequest => "bad_request",
        ProviderErrorKind::ContextTooLong => "context_too_long",
        ProviderErrorKind::BadAnswer => "bad_answer",
    }
}
