//! What each thing that a server can do becomes, for both providers.

use std::error::Error;
use std::time::{Duration, Instant};

use dallosh_llm::{
    AnswerError, ClientOptions, Completion, CompletionRequest, Finish, GuardedClient, Ollama, OpenAi, Provider,
    ProviderError, ProviderErrorKind, RateLimits, RowProblem, Spend, UrlPolicy, Usage, check, labelling_request,
};
use proptest::test_runner::TestRunner;
use secrecy::SecretString;
use tokio::net::TcpListener;

use crate::fake::{FakeModel, Fault};

const KEY: &str = "sk-canary-5913";
const QUICK: ClientOptions = ClientOptions {
    connect_timeout: Duration::from_millis(500),
    timeout: Duration::from_millis(500),
    max_body_bytes: 4 << 20,
};

fn client(origin: &str, options: ClientOptions) -> GuardedClient {
    let policy = UrlPolicy::new(&[origin.to_owned()], false).unwrap();
    GuardedClient::new(origin, Some(&SecretString::from(KEY)), &policy, options).unwrap()
}

fn providers(origin: &str, options: ClientOptions) -> [Box<dyn Provider>; 2] {
    let client = client(origin, options);
    [Box::new(OpenAi::new("fake", client.clone())), Box::new(Ollama::new("fake", client))]
}

fn request() -> CompletionRequest {
    labelling_request(&[(0, "Plus d'internet"), (1, "Merci !")], &["panne".to_owned(), "autre".to_owned()])
}

/// What each provider makes of one fault.
async fn met(fault: Fault) -> [Result<Completion, ProviderError>; 2] {
    let server = FakeModel::start().await;
    server.script([fault.clone(), fault]);
    let [first, second] = providers(&server.origin, QUICK);
    let met = [first.complete(&request()).await, second.complete(&request()).await];
    assert_eq!(server.asked().len(), 2, "one call is one request");
    met
}

async fn kinds(fault: Fault) -> [(ProviderErrorKind, Spend); 2] {
    met(fault).await.map(|result| {
        let error = result.unwrap_err();
        (error.kind, error.spend())
    })
}

fn status(status: u16) -> Fault {
    Fault::Status(status, vec![], format!(r#"{{"error": {{"message": "{KEY} is wrong"}}}}"#))
}

#[tokio::test]
async fn a_right_answer_arrives_with_its_labels_and_the_servers_figures() {
    let server = FakeModel::start().await;
    for provider in providers(&server.origin, QUICK) {
        let completion = provider.complete(&request()).await.unwrap();
        assert_eq!(completion.usage, Usage { prompt_tokens: 70, completion_tokens: 30 });
        assert_eq!(completion.finish, Finish::Stop);
        assert_eq!(check(&completion, &[0, 1]).unwrap().labels.len(), 2);
        assert_eq!(provider.name(), "fake");
    }
}

#[tokio::test]
async fn each_provider_sends_the_schema_the_limit_and_the_key_where_its_server_looks_for_them() {
    let server = FakeModel::start().await;
    let request = request();
    for provider in providers(&server.origin, QUICK) {
        provider.complete(&request).await.unwrap();
    }
    let [openai, ollama] = server.asked().try_into().unwrap();
    for asked in [&openai, &ollama] {
        assert_eq!(asked.authorization.as_deref(), Some("Bearer sk-canary-5913"));
        assert_eq!(asked.body["messages"][0]["role"], "system");
        assert_eq!(asked.body["messages"][1]["content"], request.user);
        assert_eq!(asked.body["stream"], false);
    }
    assert_eq!(openai.path, "/v1/chat/completions");
    assert_eq!(openai.body["response_format"]["type"], "json_schema");
    assert_eq!(openai.body["response_format"]["json_schema"]["strict"], true);
    assert_eq!(openai.body["response_format"]["json_schema"]["schema"], request.schema);
    assert_eq!(openai.body["max_tokens"], request.max_output_tokens);
    assert_eq!(openai.body["temperature"], 0);
    assert_eq!(ollama.path, "/api/chat");
    assert_eq!(ollama.body["format"], request.schema);
    assert_eq!(ollama.body["options"]["num_predict"], request.max_output_tokens);
    assert_eq!(ollama.body["options"]["temperature"], 0);
    assert_eq!(ollama.body["options"]["num_ctx"], 8192);
}

#[tokio::test]
async fn every_refusal_has_its_kind_and_costs_nothing() {
    use ProviderErrorKind::{BadRequest, NotFound, RateLimited, Unauthorized, Unavailable};
    for (code, kind) in [
        (400, BadRequest),
        (401, Unauthorized),
        (403, Unauthorized),
        (404, NotFound),
        (429, RateLimited { retry_after: None }),
        (500, Unavailable),
        (503, Unavailable),
        (529, Unavailable),
    ] {
        assert_eq!(kinds(status(code)).await, [(kind, Spend::Nothing); 2], "{code}");
    }
    assert_eq!(kinds(status(408)).await, [(ProviderErrorKind::Timeout, Spend::Unknown); 2]);
}

#[tokio::test]
async fn the_wait_that_a_server_asks_for_is_kept_with_429_and_with_503() {
    for code in [429, 503] {
        for result in met(Fault::Status(code, vec![("Retry-After", "7".into())], String::new())).await {
            assert_eq!(result.unwrap_err().retry_after(), Some(Duration::from_secs(7)), "{code}");
        }
    }
}

#[tokio::test]
async fn a_hang_and_a_drip_end_with_the_time_limit() {
    for fault in [Fault::Hang, Fault::Drip] {
        let begun = Instant::now();
        assert_eq!(kinds(fault).await, [(ProviderErrorKind::Timeout, Spend::Unknown); 2]);
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
}

#[tokio::test]
async fn a_broken_connection_is_an_outage_that_may_have_been_billed() {
    for fault in [Fault::Reset, Fault::ResetHalfway, Fault::NotHttp] {
        assert_eq!(kinds(fault).await, [(ProviderErrorKind::Unavailable, Spend::Unknown); 2]);
    }
}

#[tokio::test]
async fn a_refused_connection_is_an_outage_that_costs_nothing() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for provider in providers(&format!("http://{closed}"), QUICK) {
        let error = provider.complete(&request()).await.unwrap_err();
        assert_eq!((error.kind, error.spend()), (ProviderErrorKind::Unavailable, Spend::Nothing));
    }
}

#[tokio::test]
async fn of_a_huge_answer_no_more_than_the_limit_is_read() {
    for declared in [true, false] {
        let server = FakeModel::start().await;
        server.script([Fault::Huge { declared }, Fault::Huge { declared }]);
        let options = ClientOptions { timeout: Duration::from_secs(30), ..QUICK };
        for provider in providers(&server.origin, options) {
            let error = provider.complete(&request()).await.unwrap_err();
            assert_eq!((error.kind, error.spend()), (ProviderErrorKind::BadAnswer, Spend::Unknown));
        }
        assert!(server.written() < 64 << 20, "{}", server.written());
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_wherever_it_leads() {
    let target = FakeModel::start().await;
    for location in ["http://169.254.169.254/latest/meta-data/", "file:///etc/passwd", target.origin.as_str()] {
        for code in [301, 302, 307, 308] {
            let redirect = Fault::Status(code, vec![("Location", location.to_owned())], String::new());
            assert_eq!(kinds(redirect).await, [(ProviderErrorKind::NotFound, Spend::Nothing); 2]);
        }
    }
    assert!(target.asked().is_empty());
}

#[tokio::test]
async fn words_that_are_no_labels_arrive_as_they_are_and_the_check_refuses_them() {
    for result in met(Fault::Says("Most of these customers are unhappy.".into(), "stop")).await {
        assert_eq!(check(&result.unwrap(), &[0, 1]), Err(AnswerError::NotJson));
    }
    for result in met(Fault::Says(r#"{"rows": [{"id": 0, "senti"#.into(), "length")).await {
        assert_eq!(check(&result.unwrap(), &[0, 1]), Err(AnswerError::Truncated));
    }
    for result in met(Fault::WrongIds).await {
        let checked = check(&result.unwrap(), &[0, 1]).unwrap();
        assert_eq!(checked.problems.values().collect::<Vec<_>>(), [&RowProblem::Missing; 2]);
        assert_eq!(checked.extra, 2);
    }
}

#[tokio::test]
async fn an_error_inside_a_success_is_no_answer() {
    let fault = Fault::Status(200, vec![], r#"{"error": {"message": "overloaded"}}"#.into());
    assert_eq!(kinds(fault).await, [(ProviderErrorKind::BadAnswer, Spend::Unknown); 2]);
}

#[tokio::test]
async fn limits_are_learned_from_an_answer() {
    let server = FakeModel::start().await;
    let headers = [("x-ratelimit-limit-requests", "500"), ("x-ratelimit-remaining-tokens", "1234")];
    server.script([Fault::Headers(headers.map(|(name, value)| (name, value.to_owned())).to_vec())]);
    let [openai, _] = providers(&server.origin, QUICK);
    assert_eq!(openai.limits(), None);
    openai.complete(&request()).await.unwrap();
    let limits = RateLimits { limit_requests: Some(500), remaining_tokens: Some(1234), ..RateLimits::default() };
    assert_eq!(openai.limits(), Some(limits));
}

#[tokio::test]
async fn no_error_and_no_debug_text_holds_the_key_or_what_the_server_wrote() {
    let server = FakeModel::start().await;
    let client = client(&server.origin, QUICK);
    let (openai, ollama) = (OpenAi::new("fake", client.clone()), Ollama::new("fake", client.clone()));
    let mut told = format!("{client:?}{openai:?}{ollama:?}");
    let garbage = Fault::Status(200, vec![], format!("{KEY} <html>"));
    let typed = Fault::Status(200, vec![], format!(r#"{{"choices": "{KEY}", "done": "{KEY}"}}"#));
    for fault in [status(401), status(400), status(500), status(429), garbage, typed, Fault::ResetHalfway, Fault::Hang]
    {
        server.script([fault.clone(), fault]);
        for error in [openai.complete(&request()).await.unwrap_err(), ollama.complete(&request()).await.unwrap_err()] {
            let causes = std::iter::successors(error.source(), |&cause| cause.source());
            told.extend(causes.map(|cause| format!("{cause} {cause:?}")).chain([format!("{error} {error:?}")]));
        }
    }
    assert!(!told.contains("canary"), "{told}");
}

#[test]
fn no_answer_whatever_its_status_and_bytes_panics_or_passes_for_labels() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let server = runtime.block_on(FakeModel::start());
    let providers = runtime.block_on(async { providers(&server.origin, QUICK) });
    let mut runner = TestRunner::new(proptest::test_runner::Config { cases: 64, ..Default::default() });
    let answers = (200_u16..600, "\\PC{0,60}|[{}\\[\\]\":,a-z0-9]{0,60}");
    let property = |(status, body): (u16, String)| {
        // Such statuses have no body.
        let status = if matches!(status, 204 | 304) { 200 } else { status };
        let fault = Fault::Status(status, vec![], body);
        server.script([fault.clone(), fault]);
        for provider in &providers {
            if let Ok(completion) = runtime.block_on(provider.complete(&request())) {
                assert!(check(&completion, &[0, 1]).map_or(true, |checked| checked.labels.is_empty()));
            }
        }
        Ok(())
    };
    runner.run(&answers, property).unwrap();
}
