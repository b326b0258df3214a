//! Any server with the chat completions API of `OpenAI`.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::failure::{self, Parameter};
use crate::client::{GuardedClient, Received};
use crate::{
    Completion, CompletionRequest, Finish, Provider, ProviderError, ProviderErrorKind, RateLimits, Spend, Usage,
};

/// A model behind a chat completions URL.
///
/// The answer is limited by `max_tokens`, the older name, which compatible servers know as well. A model that refuses it,
/// or a temperature, is asked without from then on.
#[derive(Debug)]
pub struct OpenAi {
    model: String,
    client: GuardedClient,
    path: String,
    learned: Mutex<Learned>,
}

/// What the server's answers told.
#[derive(Debug, Clone, Copy, Default)]
struct Learned {
    limits: Option<RateLimits>,
    context_tokens: Option<u64>,
    dialect: Dialect,
}

/// The parameters that a model takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Dialect {
    /// `max_completion_tokens` instead of `max_tokens`.
    newer_limit: bool,
    /// No temperature but its own.
    own_temperature: bool,
}

#[derive(Deserialize)]
struct Response {
    #[serde(default)]
    error: Value,
    #[serde(default)]
    choices: Vec<Choice>,
    usage: Option<Tokens>,
}

#[derive(Deserialize)]
struct Choice {
    message: Option<Message>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Message {
    content: Option<String>,
    refusal: Option<String>,
}

#[derive(Deserialize)]
struct Tokens {
    #[serde(default)]
    prompt_tokens: u64,
    #[serde(default)]
    completion_tokens: u64,
}

impl OpenAi {
    /// Makes the model named `model`. The client's base URL may end in `/v1` or not; one with another version in its
    /// path, such as `/v1beta/openai`, is used as it is.
    pub fn new(model: impl Into<String>, client: GuardedClient) -> Self {
        let path = completions_path(client.base_url().path());
        Self { model: model.into(), client, path, learned: Mutex::default() }
    }

    /// Sets the most tokens of prompt and answer together; `None` learns them from the server's first refusal.
    pub fn with_context_tokens(self, context_tokens: Option<u64>) -> Self {
        self.learned().context_tokens = context_tokens;
        self
    }

    fn learned(&self) -> MutexGuard<'_, Learned> {
        self.learned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Provider for OpenAi {
    fn name(&self) -> &str {
        &self.model
    }

    async fn complete(&self, request: &CompletionRequest) -> Result<Completion, ProviderError> {
        let mut dialect = self.learned().dialect;
        loop {
            let received = self.client.post(&self.path, &body(&self.model, request, dialect)).await?;
            let mut learned = self.learned();
            learned.limits = failure::rate_limits(&received.headers).or(learned.limits);
            let told = failure::context_tokens(&received);
            // A setting may be below what the server holds, never above.
            learned.context_tokens = told.into_iter().chain(learned.context_tokens).min();
            match dialect.after(&received) {
                Some(other) => {
                    dialect = other;
                    learned.dialect = other;
                }
                None => break read(&received),
            }
        }
    }

    fn limits(&self) -> Option<RateLimits> {
        self.learned().limits
    }

    fn context_tokens(&self) -> Option<u64> {
        self.learned().context_tokens
    }
}

impl Dialect {
    /// The parameters to ask with again after a refusal of one of these; `None` after any other answer.
    fn after(self, received: &Received) -> Option<Self> {
        match failure::refused_parameter(received)? {
            Parameter::MaxTokens if !self.newer_limit => Some(Self { newer_limit: true, ..self }),
            Parameter::Temperature if !self.own_temperature => Some(Self { own_temperature: true, ..self }),
            _ => None,
        }
    }
}

fn completions_path(base: &str) -> String {
    let base = base.trim_end_matches('/');
    let is_version =
        |segment: &str| segment.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let version = if base.split('/').any(is_version) { "" } else { "/v1" };
    format!("{base}{version}/chat/completions")
}

fn body(model: &str, request: &CompletionRequest, dialect: Dialect) -> Value {
    let limit = if dialect.newer_limit { "max_completion_tokens" } else { "max_tokens" };
    let mut body = json!({
        "model": model,
        "messages": [
            {"role": "system", "content": request.system},
            {"role": "user", "content": request.user},
        ],
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "strict": true, "schema": request.schema},
        },
        limit: request.max_output_tokens,
        "stream": false,
    });
    if let (false, Some(fields)) = (dialect.own_temperature, body.as_object_mut()) {
        fields.insert("temperature".to_owned(), json!(0));
    }
    body
}

fn read(received: &Received) -> Result<Completion, ProviderError> {
    if !(200..300).contains(&received.status) {
        if failure::is_content_filter(received) {
            return Ok(Completion { text: String::new(), usage: Usage::default(), finish: Finish::Refused });
        }
        return Err(failure::refusal(received));
    }
    let unreadable = || ProviderError::new(ProviderErrorKind::BadAnswer);
    // The parser's own words would quote the answer.
    let Response { error, choices, usage } = serde_json::from_slice(&received.body).map_err(|_| unreadable())?;
    let usage =
        usage.map(|tokens| Usage { prompt_tokens: tokens.prompt_tokens, completion_tokens: tokens.completion_tokens });
    let unreadable = || unreadable().spending(usage.map_or(Spend::Unknown, Spend::Exactly));
    if !error.is_null() {
        return Err(unreadable());
    }
    let Choice { message, finish_reason } = choices.into_iter().next().ok_or_else(unreadable)?;
    let Message { content, refusal } = message.ok_or_else(unreadable)?;
    let finish = match finish_reason.as_deref() {
        Some("error") => return Err(unreadable()),
        Some("content_filter" | "refusal" | "safety") => Finish::Refused,
        _ if refusal.is_some_and(|words| !words.is_empty()) => Finish::Refused,
        Some("length" | "max_tokens") => Finish::Length,
        _ => Finish::Stop,
    };
    Ok(Completion { text: content.unwrap_or_default(), usage: usage.unwrap_or_default(), finish })
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;

    use super::*;

    fn answer(body: &str) -> Result<Completion, ProviderError> {
        read(&Received { status: 200, headers: HeaderMap::new(), body: body.as_bytes().to_vec() })
    }

    #[test]
    fn the_base_url_may_end_in_its_version_or_not() {
        for (base, path) in [
            ("/", "/v1/chat/completions"),
            ("/v1", "/v1/chat/completions"),
            ("/v1/", "/v1/chat/completions"),
            ("/api", "/api/v1/chat/completions"),
            ("/api/v1", "/api/v1/chat/completions"),
            ("/v1beta/openai/", "/v1beta/openai/chat/completions"),
            ("/api/paas/v4", "/api/paas/v4/chat/completions"),
            ("/vendor", "/vendor/v1/chat/completions"),
        ] {
            assert_eq!(completions_path(base), path, "{base}");
        }
    }

    #[test]
    fn a_completion_is_read_with_the_providers_own_figures() {
        let completion = answer(
            r#"{"choices":[{"message":{"role":"assistant","content":"{}"},"finish_reason":"stop"}],
                "usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}}"#,
        );
        let usage = Usage { prompt_tokens: 5, completion_tokens: 2 };
        assert_eq!(completion.unwrap(), Completion { text: "{}".into(), usage, finish: Finish::Stop });
    }

    #[test]
    fn the_reason_of_the_end_is_read() {
        for (reason, finish) in [
            (r#""stop""#, Finish::Stop),
            ("null", Finish::Stop),
            (r#""length""#, Finish::Length),
            (r#""content_filter""#, Finish::Refused),
        ] {
            let body = format!(r#"{{"choices":[{{"message":{{"content":null}},"finish_reason":{reason}}}]}}"#);
            assert_eq!(answer(&body).unwrap().finish, finish, "{reason}");
        }
        let refusal = r#"{"choices":[{"message":{"content":null,"refusal":"I can't"},"finish_reason":"stop"}]}"#;
        assert_eq!(answer(refusal).unwrap().finish, Finish::Refused);
    }

    #[test]
    fn an_error_inside_a_success_is_no_completion_and_its_figures_count() {
        let error =
            answer(r#"{"error":{"message":"m"},"usage":{"prompt_tokens":5,"completion_tokens":0}}"#).unwrap_err();
        assert_eq!(error.kind, ProviderErrorKind::BadAnswer);
        assert_eq!(error.spend(), Spend::Exactly(Usage { prompt_tokens: 5, completion_tokens: 0 }));
    }

    #[test]
    fn what_is_not_the_protocol_is_unreadable_and_may_have_been_billed() {
        let reported = r#"{"choices":[{"message":{"content":"x"},"finish_reason":"error"}]}"#;
        for body in ["", "OK", "null", "[]", "{}", r#"{"choices":[]}"#, r#"{"choices":[{}]}"#, reported] {
            let error = answer(body).unwrap_err();
            assert_eq!((error.kind, error.spend()), (ProviderErrorKind::BadAnswer, Spend::Unknown), "{body}");
        }
    }

    #[test]
    fn a_filter_in_front_of_the_model_is_a_refusal_of_the_texts_and_not_of_the_request() {
        let body = br#"{"error":{"code":"content_filter","message":"m"}}"#.to_vec();
        let completion = read(&Received { status: 400, headers: HeaderMap::new(), body }).unwrap();
        assert_eq!((completion.finish, completion.text.as_str()), (Finish::Refused, ""));
    }
}
