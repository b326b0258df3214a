//! Ollama's own chat API, whose `format` binds the answer to the schema.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::failure;
use crate::client::{GuardedClient, Received};
use crate::{Completion, CompletionRequest, Finish, Provider, ProviderError, ProviderErrorKind, Spend, Usage};

/// The context that a model is loaded with unless its settings say otherwise, in tokens.
pub const DEFAULT_CONTEXT_TOKENS: u32 = 8192;

/// A token of ordinary text has more bytes than this: fewer tokens than a request surely needs.
const BYTES_PER_TOKEN_AT_MOST: usize = 6;

/// A model that an Ollama server runs.
#[derive(Debug)]
pub struct Ollama {
    model: String,
    client: GuardedClient,
    path: String,
    context_tokens: u32,
}

#[derive(Deserialize)]
struct Response {
    #[serde(default)]
    error: Value,
    message: Option<Message>,
    done_reason: Option<String>,
    #[serde(default)]
    done: bool,
    prompt_eval_count: Option<u64>,
    eval_count: Option<u64>,
}

#[derive(Deserialize)]
struct Message {
    content: Option<String>,
}

impl Ollama {
    /// Makes the model named `model`, loaded with a context of [`DEFAULT_CONTEXT_TOKENS`].
    pub fn new(model: impl Into<String>, client: GuardedClient) -> Self {
        let path = format!("{}/api/chat", client.base_url().path().trim_end_matches('/'));
        Self { model: model.into(), client, path, context_tokens: DEFAULT_CONTEXT_TOKENS }
    }

    /// Sets the context. Another one than the server has loaded makes it load the model again.
    pub fn with_context_tokens(mut self, context_tokens: u32) -> Self {
        self.context_tokens = context_tokens;
        self
    }

    /// Says whether a request surely exceeds the context. Ollama would cut its beginning off and say nothing.
    fn is_too_long(&self, request: &CompletionRequest) -> bool {
        let prompt = (request.system.len() + request.user.len()) / BYTES_PER_TOKEN_AT_MOST;
        let answer = usize::try_from(request.max_output_tokens).unwrap_or(usize::MAX);
        prompt.saturating_add(answer) > usize::try_from(self.context_tokens).unwrap_or(usize::MAX)
    }
}

#[async_trait]
impl Provider for Ollama {
    fn name(&self) -> &str {
        &self.model
    }

    async fn complete(&self, request: &CompletionRequest) -> Result<Completion, ProviderError> {
        if self.is_too_long(request) {
            return Err(ProviderErrorKind::ContextTooLong.into());
        }
        let body = body(&self.model, request, self.context_tokens);
        read(&self.client.post(&self.path, &body).await?)
    }

    fn context_tokens(&self) -> Option<u64> {
        Some(u64::from(self.context_tokens))
    }
}

fn body(model: &str, request: &CompletionRequest, context_tokens: u32) -> Value {
    json!({
        "model": model,
        "messages": [
            {"role": "system", "content": request.system},
            {"role": "user", "content": request.user},
        ],
        "format": request.schema,
        "stream": false,
        "options": {"temperature": 0, "num_predict": request.max_output_tokens, "num_ctx": context_tokens},
    })
}

fn read(received: &Received) -> Result<Completion, ProviderError> {
    if !(200..300).contains(&received.status) {
        return Err(failure::refusal(received));
    }
    let unreadable = || ProviderError::new(ProviderErrorKind::BadAnswer);
    // The parser's own words would quote the answer.
    let response: Response = serde_json::from_slice(&received.body).map_err(|_| unreadable())?;
    let usage = Usage {
        prompt_tokens: response.prompt_eval_count.unwrap_or_default(),
        completion_tokens: response.eval_count.unwrap_or_default(),
    };
    let spend = if usage == Usage::default() { Spend::Unknown } else { Spend::Exactly(usage) };
    if !response.error.is_null() || !response.done {
        return Err(unreadable().spending(spend));
    }
    let Message { content } = response.message.ok_or_else(|| unreadable().spending(spend))?;
    let finish = if response.done_reason.as_deref() == Some("length") { Finish::Length } else { Finish::Stop };
    Ok(Completion { text: content.unwrap_or_default(), usage, finish })
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;

    use super::*;
    use crate::{ClientOptions, UrlPolicy, labelling_request};

    fn answer(body: &str) -> Result<Completion, ProviderError> {
        read(&Received { status: 200, headers: HeaderMap::new(), body: body.as_bytes().to_vec() })
    }

    #[test]
    fn a_completion_is_read_with_the_servers_own_figures() {
        let completion = answer(
            r#"{"model":"m","message":{"role":"assistant","content":"{}"},"done":true,"done_reason":"stop",
                "prompt_eval_count":5,"eval_count":2}"#,
        );
        let usage = Usage { prompt_tokens: 5, completion_tokens: 2 };
        assert_eq!(completion.unwrap(), Completion { text: "{}".into(), usage, finish: Finish::Stop });
    }

    #[test]
    fn an_answer_that_the_limit_cut_off_says_so() {
        let body = r#"{"message":{"content":"{\"rows\":"},"done":true,"done_reason":"length"}"#;
        assert_eq!(answer(body).unwrap().finish, Finish::Length);
    }

    #[test]
    fn what_is_not_a_finished_answer_is_unreadable() {
        for body in ["", "{}", r#"{"error":"m"}"#, r#"{"message":{"content":"x"},"done":false}"#, r#"{"done":true}"#] {
            assert_eq!(answer(body).unwrap_err().kind, ProviderErrorKind::BadAnswer, "{body}");
        }
    }

    #[tokio::test]
    async fn a_request_that_cannot_fit_the_context_is_not_sent() {
        let policy = UrlPolicy::new(&[], true).unwrap();
        let client = GuardedClient::new("http://127.0.0.1:11434", None, &policy, ClientOptions::default()).unwrap();
        let model = Ollama::new("m", client).with_context_tokens(1000);
        let long = "x".repeat(10_000);
        let error = model.complete(&labelling_request(&[(0, &long)], &[])).await.unwrap_err();
        assert_eq!(error.kind, ProviderErrorKind::ContextTooLong);
        assert!(!model.is_too_long(&labelling_request(&[(0, "Merci")], &[])));
    }
}
