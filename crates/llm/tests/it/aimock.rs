//! Both providers against aimock, a mock of their APIs that others wrote: what we read is no misreading of our own fake.

use std::time::Duration;

use dallosh_llm::{
    ClientOptions, Completion, CompletionRequest, GuardedClient, Ollama, OpenAi, Provider, ProviderError,
    ProviderErrorKind, RateLimits, Spend, UrlPolicy, check, labelling_request,
};
use serde_json::{Value, json};

fn request() -> CompletionRequest {
    labelling_request(&[(0, "Plus d'internet"), (1, "Merci !")], &["panne".to_owned(), "autre".to_owned()])
}

/// Both providers for a model of aimock's that does as `fixture` says.
async fn models(mut fixture: Value) -> [Box<dyn Provider>; 2] {
    let url = dallosh_testkit::aimock_url().unwrap();
    // The server is everybody's; the name is ours alone.
    let name = format!("model-{:032x}", rand::random::<u128>());
    fixture.as_object_mut().unwrap().insert("match".to_owned(), json!({"model": name}));
    let added = reqwest::Client::builder().no_proxy().build().unwrap().post(format!("{url}/__aimock/fixtures"));
    let added = added.json(&json!({"fixtures": [fixture]})).send().await.unwrap();
    assert!(added.status().is_success(), "{}", added.status());
    let policy = UrlPolicy::new(&[], true).unwrap();
    let client = GuardedClient::new(&url, None, &policy, ClientOptions::default()).unwrap();
    [Box::new(OpenAi::new(name.clone(), client.clone())), Box::new(Ollama::new(name, client))]
}

async fn met(fixture: Value) -> [Result<Completion, ProviderError>; 2] {
    let [openai, ollama] = models(fixture).await;
    [openai.complete(&request()).await, ollama.complete(&request()).await]
}

async fn kinds(fixture: Value) -> [(ProviderErrorKind, Spend); 2] {
    met(fixture).await.map(|result| {
        let error = result.unwrap_err();
        (error.kind, error.spend())
    })
}

fn chaos(rate: &str) -> Value {
    json!({"chaos": {rate: 1}, "response": {"content": "never sent"}})
}

fn error(status: u16, kind: &str) -> Value {
    json!({"response": {"error": {"message": "told", "type": kind}, "status": status, "retryAfter": 7}})
}

#[tokio::test]
async fn labels_arrive_over_both_protocols() {
    let row = |id: u32| json!({"id": id, "sentiment": "neutral", "priority": id, "main_topic": "autre"});
    let content = json!({"rows": [row(1), row(0)]}).to_string();
    let [openai, ollama] = met(json!({"response": {"content": content}})).await.map(Result::unwrap);
    for completion in [&openai, &ollama] {
        let checked = check(completion, &[0, 1]).unwrap();
        let priorities: Vec<_> = checked.labels.values().map(|label| label.priority.as_u8()).collect();
        assert_eq!((priorities, checked.problems.len()), (vec![0, 1], 0));
    }
    assert!(openai.usage.prompt_tokens > 0 && openai.usage.completion_tokens > 0, "{:?}", openai.usage);
}

#[tokio::test]
async fn a_rate_limit_tells_its_wait_and_its_figures() {
    for result in met(error(429, "rate_limit_error")).await {
        let error = result.unwrap_err();
        assert!(matches!(error.kind, ProviderErrorKind::RateLimited { .. }), "{:?}", error.kind);
        assert_eq!((error.retry_after(), error.spend()), (Some(Duration::from_secs(7)), Spend::Nothing));
    }
    let [openai, ollama] = models(chaos("rateLimitRate")).await;
    for provider in [&openai, &ollama] {
        let error = provider.complete(&request()).await.unwrap_err();
        assert_eq!(error.kind, ProviderErrorKind::RateLimited { retry_after: Some(Duration::from_secs(1)) });
    }
    let told = RateLimits {
        limit_requests: Some(60),
        remaining_requests: Some(0),
        limit_tokens: Some(150_000),
        remaining_tokens: Some(0),
    };
    assert_eq!(openai.limits(), Some(told));
}

#[tokio::test]
async fn a_malformed_answer_and_a_broken_connection_may_have_been_billed() {
    assert_eq!(kinds(chaos("malformedRate")).await, [(ProviderErrorKind::BadAnswer, Spend::Unknown); 2]);
    assert_eq!(kinds(chaos("disconnectRate")).await, [(ProviderErrorKind::Unavailable, Spend::Unknown); 2]);
}

#[tokio::test]
async fn refusals_have_their_kinds() {
    assert_eq!(kinds(chaos("dropRate")).await, [(ProviderErrorKind::Unavailable, Spend::Nothing); 2]);
    for (status, kind, wanted) in [
        (503, "server_error", ProviderErrorKind::Unavailable),
        (401, "authentication_error", ProviderErrorKind::Unauthorized),
        (404, "invalid_request_error", ProviderErrorKind::NotFound),
        (400, "context_length_exceeded", ProviderErrorKind::ContextTooLong),
    ] {
        assert_eq!(kinds(error(status, kind)).await, [(wanted, Spend::Nothing); 2], "{status}");
    }
}
