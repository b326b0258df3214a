//! What each thing that a server can do becomes, for both providers.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::{Duration, Instant};

use dallosh_llm::{
    AnswerError, Checked, ClientOptions, Completion, CompletionRequest, Finish, GuardedClient, Label, Ollama, OpenAi,
    Priority, Provider, ProviderError, ProviderErrorKind, RateLimits, RowProblem, Spend, UrlPolicy, Usage, check,
    labelling_request,
};
use dallosh_testkit::{Billed, FakeModel, Fault, Mistake, RetryAfter, RightLabel, right_label};
use proptest::test_runner::TestRunner;
use secrecy::SecretString;

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

const TEXTS: [(u32, &str); 2] = [(0, "Plus d'internet"), (1, "Merci !")];
const TOPICS: [&str; 2] = ["panne", "autre"];

fn request() -> CompletionRequest {
    labelling_request(&TEXTS, &TOPICS.map(str::to_owned))
}

/// The labels that are right for [`TEXTS`].
fn right() -> BTreeMap<u32, Label> {
    TEXTS.iter().map(|(id, text)| (*id, label(&right_label(text, &TOPICS)))).collect()
}

fn label(right: &RightLabel) -> Label {
    let priority = Priority::try_from(right.priority).unwrap();
    Label { sentiment: right.sentiment.parse().unwrap(), priority, main_topic: right.main_topic.clone() }
}

/// What each provider makes of one fault.
async fn met(fault: Fault) -> [Result<Completion, ProviderError>; 2] {
    let server = FakeModel::start().await;
    server.script([fault.clone(), fault]);
    let [first, second] = providers(&server.origin(), QUICK);
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
    for provider in providers(&server.origin(), QUICK) {
        let before = server.billed();
        let completion = provider.complete(&request()).await.unwrap();
        let Billed { prompt_tokens, completion_tokens } = server.billed() - before;
        assert!(prompt_tokens > 0 && completion_tokens > 0);
        assert_eq!(completion.usage, Usage { prompt_tokens, completion_tokens });
        assert_eq!(completion.finish, Finish::Stop);
        assert_eq!(check(&completion, &[0, 1]).unwrap().labels, right());
        assert_eq!(provider.name(), "fake");
    }
}

#[tokio::test]
async fn each_provider_sends_the_schema_the_limit_and_the_key_where_its_server_looks_for_them() {
    let server = FakeModel::start().await;
    let request = request();
    for provider in providers(&server.origin(), QUICK) {
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
async fn a_date_to_wait_for_is_kept_as_the_time_until_then_and_no_wait_is_made_up() {
    for result in met(Fault::RateLimited(RetryAfter::Date(Duration::from_secs(90)))).await {
        let wait = result.unwrap_err().retry_after().unwrap();
        // Dates have whole seconds.
        assert!(wait > Duration::from_secs(80) && wait <= Duration::from_secs(90), "{wait:?}");
    }
    for result in met(Fault::RateLimited(RetryAfter::Untold)).await {
        assert_eq!(result.unwrap_err().retry_after(), None);
    }
}

#[tokio::test]
async fn a_hang_and_a_drip_end_with_the_time_limit() {
    for fault in [Fault::Hang, Fault::Drip(Duration::from_millis(20))] {
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
    let server = FakeModel::start().await;
    let providers = providers(&server.origin(), QUICK);
    server.refuse().await;
    for provider in &providers {
        let error = provider.complete(&request()).await.unwrap_err();
        assert_eq!((error.kind, error.spend()), (ProviderErrorKind::Unavailable, Spend::Nothing));
    }
    assert_eq!(server.calls(), 0);
    server.accept().await;
    for provider in providers {
        assert!(provider.complete(&request()).await.is_ok(), "it is back at the same address");
    }
}

#[tokio::test]
async fn of_a_huge_answer_no_more_than_the_limit_is_read() {
    for declared in [true, false] {
        let server = FakeModel::start().await;
        server.script([Fault::Huge { declared }, Fault::Huge { declared }]);
        let options = ClientOptions { timeout: Duration::from_secs(30), ..QUICK };
        for provider in providers(&server.origin(), options) {
            let error = provider.complete(&request()).await.unwrap_err();
            assert_eq!((error.kind, error.spend()), (ProviderErrorKind::BadAnswer, Spend::Unknown));
        }
        assert!(server.written() < 64 << 20, "{}", server.written());
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_wherever_it_leads() {
    let target = FakeModel::start().await;
    for location in ["http://169.254.169.254/latest/meta-data/", "file:///etc/passwd", target.origin().as_str()] {
        for code in [301, 302, 307, 308] {
            let redirect = Fault::Redirect(code, location.to_owned());
            assert_eq!(kinds(redirect).await, [(ProviderErrorKind::NotFound, Spend::Nothing); 2]);
        }
    }
    assert!(target.asked().is_empty());
}

/// What the check makes of one answer: its labels and problems with the topics of the request, or why none of it counts.
fn checked(completion: &Completion) -> Result<Checked, AnswerError> {
    let mut checked = check(completion, &[0, 1])?;
    checked.restrict_topics(&TOPICS.map(str::to_owned));
    Ok(checked)
}

#[tokio::test]
async fn of_a_mistaken_answer_only_right_labels_are_kept_and_the_rest_has_its_reason() {
    use Mistake as M;
    use RowProblem::{BadPriority, BadSentiment, BadTopic, Duplicate, Missing};
    for mistake in Mistake::ALL {
        // Which of the two texts lacks its label and why, or why both do.
        let wanted: Result<[Option<RowProblem>; 2], AnswerError> = match mistake {
            M::ProseAround | M::CodeFence | M::OneMore | M::IdsAsText | M::SentimentSynonyms | M::ExtraKeys => {
                Ok([None, None])
            }
            M::PriorityWords | M::PriorityTexts | M::PriorityFloats | M::TopicHtml => Ok([None, None]),
            M::OneMissing => Ok([None, Some(Missing)]),
            M::DuplicateId => Ok([Some(Duplicate), None]),
            M::ForeignIds => Ok([Some(Missing); 2]),
            M::UnknownSentiment => Ok([Some(BadSentiment); 2]),
            M::PriorityOutside | M::PriorityNull => Ok([Some(BadPriority); 2]),
            M::TopicHuge | M::TopicFormula | M::TopicLines | M::TopicNew => Ok([Some(BadTopic); 2]),
            M::Prose | M::TrailingComma | M::SingleQuotes => Err(AnswerError::NotJson),
            M::UnequalLists => Err(AnswerError::Shape),
            M::EmptyObject | M::EmptyText | M::Null | M::ReasoningOnly | M::ToolCall => Err(AnswerError::Empty),
            M::CutOff | M::CutOffRepairable => Err(AnswerError::Truncated),
            M::Refusal | M::ContentFilter => Err(AnswerError::Refused),
            // Of the one nothing is read at all, see below; the other stands for what only a person can tell.
            M::InvalidUtf8 | M::Uniform => continue,
        };
        let [openai, ollama] = met(mistake.into()).await.map(|result| checked(&result.unwrap()));
        let is_openai_alone = matches!(mistake, M::Refusal | M::ContentFilter);
        if is_openai_alone {
            // Ollama has no word for it: these are words, or none.
            assert!(matches!(ollama, Err(AnswerError::NotJson | AnswerError::Empty)), "{mistake:?}: {ollama:?}");
        } else {
            assert_eq!(openai, ollama, "{mistake:?}");
        }
        match (openai, wanted) {
            (Ok(checked), Ok(problems)) => {
                let problems: BTreeMap<u32, RowProblem> =
                    (0..).zip(problems).filter_map(|(id, problem)| Some((id, problem?))).collect();
                let mut labels = right();
                labels.retain(|id, _| !problems.contains_key(id));
                assert_eq!((checked.labels, checked.problems), (labels, problems), "{mistake:?}");
            }
            (found, wanted) => assert_eq!(found.err(), wanted.err(), "{mistake:?}"),
        }
    }
    assert_eq!(kinds(Mistake::InvalidUtf8.into()).await, [(ProviderErrorKind::BadAnswer, Spend::Unknown); 2]);
}

#[tokio::test]
async fn an_error_inside_a_success_is_no_answer() {
    assert_eq!(kinds(Fault::ErrorInside).await, [(ProviderErrorKind::BadAnswer, Spend::Unknown); 2]);
}

#[tokio::test]
async fn limits_are_learned_from_an_answer() {
    let server = FakeModel::start().await;
    let headers = [("x-ratelimit-limit-requests", "500"), ("x-ratelimit-remaining-tokens", "1234")];
    server.script([Fault::Headers(headers.map(|(name, value)| (name, value.to_owned())).to_vec())]);
    let [openai, _] = providers(&server.origin(), QUICK);
    assert_eq!(openai.limits(), None);
    openai.complete(&request()).await.unwrap();
    let limits = RateLimits { limit_requests: Some(500), remaining_tokens: Some(1234), ..RateLimits::default() };
    assert_eq!(openai.limits(), Some(limits));
}

#[tokio::test]
async fn a_model_that_refuses_the_older_parameters_is_asked_without_them_from_then_on() {
    let server = FakeModel::start().await;
    server.newer();
    let [openai, _] = providers(&server.origin(), QUICK);
    for calls in [3, 4] {
        let completion = openai.complete(&request()).await.unwrap();
        assert_eq!(check(&completion, &[0, 1]).unwrap().labels, right());
        assert_eq!(server.calls(), calls, "each refusal is met once");
    }
    let body = server.asked().pop().unwrap().body;
    assert_eq!(body["max_completion_tokens"], request().max_output_tokens);
    assert_eq!((body.get("max_tokens"), body.get("temperature")), (None, None));
}

#[tokio::test]
async fn a_model_that_refuses_whatever_it_is_asked_with_is_not_asked_for_ever() {
    let server = FakeModel::start().await;
    let error = r#"{"error": {"param": "max_tokens", "code": "unsupported_parameter", "message": "m"}}"#;
    server.always(Some(Fault::Status(400, vec![], error.to_owned())));
    let [openai, ollama] = providers(&server.origin(), QUICK);
    assert_eq!(openai.complete(&request()).await.unwrap_err().kind, ProviderErrorKind::BadRequest);
    assert_eq!(server.calls(), 2);
    assert_eq!(ollama.complete(&request()).await.unwrap_err().kind, ProviderErrorKind::BadRequest);
    assert_eq!(server.calls(), 3);
}

#[tokio::test]
async fn the_context_is_known_from_the_settings_or_learned_from_the_first_refusal() {
    let server = FakeModel::start().await;
    server.context_tokens(2000);
    let client = client(&server.origin(), QUICK);
    let long = labelling_request(&[(0, &"panne ".repeat(2000))], &[]);
    for (setting, known) in [(None, 2000), (Some(1500), 1500), (Some(9000), 2000)] {
        let openai = OpenAi::new("fake", client.clone()).with_context_tokens(setting);
        assert!(openai.complete(&request()).await.is_ok());
        assert_eq!(openai.context_tokens(), setting);
        assert_eq!(openai.complete(&long).await.unwrap_err().kind, ProviderErrorKind::ContextTooLong);
        assert_eq!(openai.context_tokens(), Some(known));
    }
    let ollama = Ollama::new("fake", client).with_context_tokens(4096);
    assert_eq!(ollama.context_tokens(), Some(4096));
    ollama.complete(&request()).await.unwrap();
    assert_eq!(server.asked().pop().unwrap().body["options"]["num_ctx"], 4096);
}

#[tokio::test]
async fn no_error_and_no_debug_text_holds_the_key_or_what_the_server_wrote() {
    let server = FakeModel::start().await;
    let client = client(&server.origin(), QUICK);
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
    let providers = runtime.block_on(async { providers(&server.origin(), QUICK) });
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
