//! What clients send, judged field by field, so that one answer names everything that is wrong.

use dallosh_contracts::{AiMode, ModelKind, ModelPrice, ModelProvider};
use dallosh_llm::{Price, UrlPolicy, check_base_url};
use dallosh_primitives::Uid;
use dallosh_service_kit::{ErrorCode, Problem};
use reqwest::Url;
use rust_decimal::Decimal;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    ai::Preferences,
    model::{BUILTIN_NAME, DEFAULT_CONCURRENCY, DEFAULT_RETRIES, DEFAULT_ROWS, Model},
};

/// The longest name of a model, in characters.
const LONGEST_NAME: usize = 200;
/// The longest key, in bytes.
const LONGEST_KEY: usize = 4096;
/// The shortest key whose end is shown, in bytes: of a shorter one it would tell too much.
const SHORTEST_SHOWN: usize = 8;
/// The last position.
pub const LAST_POSITION: u32 = 1_000_000;

/// A model. Of a new one `kind`, `provider`, `model` and `baseUrl` are needed (the last two not of `builtin`); of a
/// change, what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ModelInput {
    /// Where it runs.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<ModelKind>)]
    kind: Option<Value>,
    /// Whose protocol it speaks.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<ModelProvider>)]
    provider: Option<Value>,
    /// Its name at the provider.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<String>, max_length = 200, example = "gpt-4o-mini")]
    model: Option<Value>,
    /// Where it is asked. Another origin needs `apiKey` again.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<String>, max_length = 2048, example = "https://api.openai.com/v1")]
    base_url: Option<Value>,
    /// Its key. Nothing but asterisks keeps the one that is there, an empty text removes it.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<String>, write_only, max_length = 4096)]
    api_key: Option<Value>,
    /// How often a call that failed is tried again; 3 unless told.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 10)]
    retry_requests: Option<Value>,
    /// Rows a page; 500 unless told.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 5000)]
    paginate_rows_limit: Option<Value>,
    /// Calls at once; 2 unless told.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 64)]
    concurrency: Option<Value>,
    /// Calls a minute; `null`, as unless told, for what the provider's answers tell.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 1_000_000)]
    requests_per_minute: Option<Value>,
    /// Tokens a minute, those of the answers included; `null`, as unless told, for what the provider's answers tell.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 1_000_000_000)]
    tokens_per_minute: Option<Value>,
    /// The most tokens of prompt and answer together; `null`, as unless told, for what its server is known to hold.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<u32>, minimum = 1024, maximum = 10_000_000)]
    context_tokens: Option<Value>,
    /// What its tokens cost; nothing unless told.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<ModelPrice>)]
    price: Option<Value>,
    /// Smaller ones are asked first, equal ones in the order in which they were added; the last unless told.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<u32>, minimum = 0, maximum = 1_000_000)]
    position: Option<Value>,
}

/// What becomes of a model's key.
pub enum KeyChange {
    Keep,
    Clear,
    Set(SecretString),
}

impl ModelInput {
    /// The model as it is to be, with the key still to be changed. `before` is the one that is changed, `position` where a
    /// new one goes.
    ///
    /// # Errors
    /// `validation`, or `url_not_allowed` when nothing else is wrong.
    pub fn check(self, before: Option<&Model>, position: u32, urls: &UrlPolicy) -> Result<(Model, KeyChange), Problem> {
        let mut wrong = Wrong::default();
        let kind = wrong.take("/kind", self.kind, before.map(|model| model.kind), "`local` or `external`", json);
        let provider = wrong.take(
            "/provider",
            self.provider,
            before.map(|model| model.provider),
            "`ollama`, `openai` or `builtin` (`bedrock` is not available yet)",
            json,
        );
        let is_builtin = provider == Some(ModelProvider::Builtin);
        if is_builtin && kind == Some(ModelKind::External) {
            wrong.add("/kind", "`local`, since `builtin` runs here");
        }
        let name = before.map(|model| model.name.clone()).or_else(|| is_builtin.then(|| BUILTIN_NAME.to_owned()));
        let name = wrong.take("/model", self.model, name, "1 to 200 characters without control characters", name_of);

        let old_url = before.and_then(|model| model.base_url.as_deref());
        let base_url = if is_builtin {
            if self.base_url.is_some_and(|url| !url.is_null()) {
                wrong.add("/baseUrl", "absent, since `builtin` is asked here");
            }
            None
        } else {
            let text = |value: &Value| value.as_str().map(str::to_owned);
            wrong.take("/baseUrl", self.base_url, old_url.map(str::to_owned), "a URL", text)
        };
        let mut key = wrong
            .take("/apiKey", self.api_key, Some(KeyChange::Keep), "a text without spaces", key_of)
            .unwrap_or(KeyChange::Keep);
        if is_builtin {
            if matches!(key, KeyChange::Set(_)) {
                wrong.add("/apiKey", "absent, since `builtin` needs none");
            }
            key = KeyChange::Clear;
        }
        let keyed_before = before.is_some_and(|model| model.sealed_key.is_some());
        if keyed_before
            && matches!(key, KeyChange::Keep)
            && base_url.is_some()
            && origin(base_url.as_deref()) != origin(old_url)
        {
            wrong.add("/apiKey", "the key was given for another address: send it again, or an empty text");
        }
        let keyed = match key {
            KeyChange::Keep => keyed_before,
            KeyChange::Clear => false,
            KeyChange::Set(_) => true,
        };
        if let Some(url) = &base_url
            && (old_url != Some(url) || (keyed && !keyed_before))
            && let Err(refused) = check_base_url(url, keyed, urls)
        {
            wrong.add_url(refused.to_string());
        }

        let retry_requests = wrong.number("/retryRequests", self.retry_requests, 1, 10, || {
            before.map_or(DEFAULT_RETRIES, |model| model.retry_requests)
        });
        let paginate_rows_limit = wrong.number("/paginateRowsLimit", self.paginate_rows_limit, 1, 5000, || {
            before.map_or(DEFAULT_ROWS, |model| model.paginate_rows_limit)
        });
        let concurrency = wrong.number("/concurrency", self.concurrency, 1, 64, || {
            before.map_or(DEFAULT_CONCURRENCY, |model| model.concurrency)
        });
        let of_before = |limit: fn(&Model) -> Option<u32>| before.and_then(limit);
        let requests_per_minute = wrong.limit(
            "/requestsPerMinute",
            self.requests_per_minute,
            1,
            1_000_000,
            of_before(|model| model.requests_per_minute),
        );
        let tokens_per_minute = wrong.limit(
            "/tokensPerMinute",
            self.tokens_per_minute,
            1,
            1_000_000_000,
            of_before(|model| model.tokens_per_minute),
        );
        let context_tokens = wrong.limit(
            "/contextTokens",
            self.context_tokens,
            1024,
            10_000_000,
            of_before(|model| model.context_tokens),
        );
        let position = wrong
            .number("/position", self.position, 0, LAST_POSITION, || before.map_or(position, |model| model.position));
        let price = Some(before.map(|model| model.price).unwrap_or_default());
        let wanted = "both figures, each from 0 to 1000000 with at most nine decimals";
        let price = wrong.take("/price", self.price, price, wanted, price_of);
        wrong.judge()?;
        let (Some(kind), Some(provider), Some(name), Some(price)) = (kind, provider, name, price) else {
            return Err(Problem::field("", "the model is incomplete"));
        };
        let model = Model {
            kind,
            provider,
            name,
            base_url,
            sealed_key: before.and_then(|model| model.sealed_key.clone()),
            last4: before.and_then(|model| model.last4.clone()),
            retry_requests,
            paginate_rows_limit,
            concurrency,
            requests_per_minute,
            tokens_per_minute,
            context_tokens,
            price,
            position,
        };
        Ok((model, key))
    }
}

/// What is to be different in the AI settings; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AiChange {
    /// Which models are asked, and which first.
    pub preferences: PreferencesChange,
}

/// What is to be different in the preferences; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PreferencesChange {
    /// Which kinds of models are asked.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<AiMode>)]
    mode: Option<Value>,
    /// The local model that is asked before the others; `null` for none.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<Uid>)]
    default_local_model_id: Option<Value>,
    /// The external model that is asked before the others; `null` for none.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<Uid>)]
    default_external_model_id: Option<Value>,
}

impl PreferencesChange {
    /// The preferences as they are to be. `known` are the models' ids and kinds.
    ///
    /// # Errors
    /// `validation`.
    pub fn check(self, before: &Preferences, known: &[(Uid, ModelKind)]) -> Result<Preferences, Problem> {
        let mut wrong = Wrong::default();
        let modes = "`local`, `external` or `automatic`";
        let mode = wrong.take("/preferences/mode", self.mode, Some(before.mode), modes, json);
        let mut chosen = |pointer: &str, sent: Option<Value>, kind: ModelKind, wanted: &str| {
            wrong.take(pointer, sent, Some(before.default_of(kind)), wanted, |value| {
                let uid: Option<Uid> = json(value)?;
                let fits = uid.is_none_or(|uid| known.contains(&(uid, kind)));
                fits.then_some(uid)
            })
        };
        let local = chosen(
            "/preferences/default_local_model_id",
            self.default_local_model_id,
            ModelKind::Local,
            "the id of a local model, or null",
        );
        let external = chosen(
            "/preferences/default_external_model_id",
            self.default_external_model_id,
            ModelKind::External,
            "the id of an external model, or null",
        );
        wrong.judge()?;
        Ok(Preferences {
            mode: mode.unwrap_or_default(),
            default_local_model_id: local.flatten(),
            default_external_model_id: external.flatten(),
        })
    }
}

/// The end of a key that may be shown.
pub fn last4(key: &str) -> Option<String> {
    let at = key.len().checked_sub(4).filter(|_| key.len() >= SHORTEST_SHOWN)?;
    key.get(at..).map(str::to_owned)
}

/// What is wrong with an input.
#[derive(Default)]
pub struct Wrong {
    fields: Vec<(String, String)>,
    url: Option<String>,
}

impl Wrong {
    fn add(&mut self, pointer: &str, detail: impl Into<String>) {
        self.fields.push((pointer.to_owned(), detail.into()));
    }

    fn add_url(&mut self, detail: String) {
        self.url = Some(detail);
    }

    /// The value of a field that was sent, or else `otherwise`; `None` when there is none that will do.
    pub fn take<T>(
        &mut self,
        pointer: &str,
        sent: Option<Value>,
        otherwise: Option<T>,
        wanted: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Option<T> {
        let taken = match &sent {
            Some(value) => read(value),
            None => otherwise,
        };
        if taken.is_none() {
            let missing = if sent.is_none() { "is needed: " } else { "" };
            self.add(pointer, format!("{missing}{wanted}"));
        }
        taken
    }

    pub fn number(
        &mut self,
        pointer: &str,
        sent: Option<Value>,
        least: u32,
        most: u32,
        otherwise: impl FnOnce() -> u32,
    ) -> u32 {
        let otherwise = otherwise();
        let wanted = format!("a whole number from {least} to {most}");
        self.take(pointer, sent, Some(otherwise), &wanted, |value| {
            value.as_u64().and_then(|number| u32::try_from(number).ok()).filter(|one| (least..=most).contains(one))
        })
        .unwrap_or(otherwise)
    }

    /// A number that may be `null` for none.
    fn limit(
        &mut self,
        pointer: &str,
        sent: Option<Value>,
        least: u32,
        most: u32,
        otherwise: Option<u32>,
    ) -> Option<u32> {
        match sent {
            Some(Value::Null) => None,
            None => otherwise,
            sent => Some(self.number(pointer, sent, least, most, || least)),
        }
    }

    pub fn judge(self) -> Result<(), Problem> {
        let url = self.url.into_iter().map(|detail| ("/baseUrl".to_owned(), detail));
        let problem = match (self.fields.is_empty(), url.len()) {
            (true, 0) => return Ok(()),
            (true, _) => Problem::new(ErrorCode::UrlNotAllowed, "no model may be asked at this address"),
            (false, _) => Problem::new(ErrorCode::Validation, "a value is not allowed"),
        };
        Err(self
            .fields
            .into_iter()
            .chain(url)
            .fold(problem, |problem, (pointer, detail)| problem.with_error(pointer, detail)))
    }
}

/// Keeps `null` apart from what is absent.
pub fn sent<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// The value as a type of the contract.
pub fn json<T: DeserializeOwned>(value: &Value) -> Option<T> {
    T::deserialize(value).ok()
}

fn name_of(value: &Value) -> Option<String> {
    let name = value.as_str().filter(|name| name.chars().take(LONGEST_NAME + 1).count() <= LONGEST_NAME)?;
    let fits = !name.trim().is_empty() && !name.chars().any(char::is_control);
    fits.then(|| name.trim().to_owned())
}

fn key_of(value: &Value) -> Option<KeyChange> {
    let key = value.as_str()?.trim();
    if key.is_empty() {
        return Some(KeyChange::Clear);
    }
    if key.bytes().all(|byte| byte == b'*') {
        return Some(KeyChange::Keep);
    }
    let fits = key.len() <= LONGEST_KEY && key.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then(|| KeyChange::Set(key.into()))
}

fn price_of(value: &Value) -> Option<ModelPrice> {
    let fields = value.as_object().filter(|fields| fields.len() == 2)?;
    let price = ModelPrice {
        input_per_million_tokens: decimal(fields.get("input_per_million_tokens")?)?,
        output_per_million_tokens: decimal(fields.get("output_per_million_tokens")?)?,
    };
    Price::new(price.input_per_million_tokens, price.output_per_million_tokens).ok().map(|_| price)
}

fn decimal(value: &Value) -> Option<Decimal> {
    match value {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => {
            let text = number.to_string();
            text.parse().ok().or_else(|| Decimal::from_scientific(&text).ok())
        }
        _ => None,
    }
}

fn origin(url: Option<&str>) -> Option<Url> {
    let mut url = Url::parse(url?).ok()?;
    url.set_path("");
    url.set_query(None);
    url.set_fragment(None);
    Some(url)
}
