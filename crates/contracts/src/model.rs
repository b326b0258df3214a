use dallosh_primitives::Uid;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where a model runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ModelKind {
    /// On machines of one's own: texts stay there.
    Local,
    /// At somebody else's.
    External,
}

/// Whose protocol a model speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ModelProvider {
    /// Ollama's own API.
    Ollama,
    /// Any server with the chat completions of `OpenAI`.
    Openai,
    /// The classifier inside; it needs no address and no key.
    Builtin,
}

impl ModelProvider {
    /// The word of the contract.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ollama => "ollama",
            Self::Openai => "openai",
            Self::Builtin => "builtin",
        }
    }
}

/// Which kinds of models are asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AiMode {
    /// Local ones alone; no text leaves.
    Local,
    /// External ones alone.
    External,
    /// External ones first, then local ones.
    #[default]
    Automatic,
}

impl AiMode {
    /// The word of the contract.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::External => "external",
            Self::Automatic => "automatic",
        }
    }
}

/// What tokens cost, in US dollars.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelPrice {
    /// A million tokens sent.
    #[schema(value_type = String, example = "0.15")]
    pub input_per_million_tokens: Decimal,
    /// A million tokens received.
    #[schema(value_type = String, example = "0.60")]
    pub output_per_million_tokens: Decimal,
}

/// A model as a task takes it along when it starts: later changes of the settings don't reach it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ModelSnapshot {
    /// The model's id in the settings.
    pub uid: Uid,
    /// Whose protocol it speaks.
    pub provider: ModelProvider,
    /// Its name at the provider.
    #[schema(example = "gpt-4o-mini")]
    pub model: String,
    /// Where it is asked; `null` for the one inside.
    #[serde(rename = "baseUrl")]
    #[schema(example = "https://api.openai.com/v1")]
    pub base_url: Option<String>,
    /// Its key, sealed with the platform's master key and bound to [`ModelSnapshot::key_context`].
    pub sealed_key: Option<String>,
    /// How often a call that failed is tried again.
    pub retry_requests: u32,
    /// Rows a page.
    pub paginate_rows_limit: u32,
    /// Calls at once.
    pub concurrency: u32,
    /// Calls a minute; without it the provider's own figure counts, once its answers tell it.
    #[serde(default)]
    pub requests_per_minute: Option<u32>,
    /// Tokens a minute, those of the answers included; without it the provider's own figure counts, once its answers
    /// tell it.
    #[serde(default)]
    pub tokens_per_minute: Option<u32>,
    /// The most tokens of prompt and answer together; without it what the model's server is known to hold.
    #[serde(default)]
    pub context_tokens: Option<u32>,
    /// What its tokens cost.
    pub price: ModelPrice,
}

impl ModelSnapshot {
    /// What the sealed key of a model is bound to, so that it opens for no other one.
    pub fn key_context(model: Uid) -> String {
        format!("ai_models/{model}/apiKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_written_as_text_and_read_from_text_and_numbers() {
        let price: ModelPrice =
            serde_json::from_str(r#"{"input_per_million_tokens":"1.00","output_per_million_tokens":0.6}"#).unwrap();
        let written = serde_json::to_string(&price).unwrap();
        assert_eq!(written, r#"{"input_per_million_tokens":"1.00","output_per_million_tokens":"0.6"}"#);
    }
}
