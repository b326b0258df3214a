//! The provider against llama.cpp's own server, with a model of random weights: its words mean nothing, its API, its
//! counting, its grammar and its limits are real.

use dallosh_llm::{
    AnswerError, ClientOptions, CompletionRequest, Finish, GuardedClient, OpenAi, Provider, ProviderErrorKind, Spend,
    UrlPolicy, check, labelling_request, worst_case,
};
use secrecy::SecretString;

const TOPICS: [&str; 2] = ["panne", "autre"];

fn model(key: Option<&str>) -> OpenAi {
    let (url, right) = dallosh_testkit::llama().unwrap();
    let key = SecretString::from(key.unwrap_or(&right));
    let policy = UrlPolicy::new(&[], true).unwrap();
    OpenAi::new("tiny", GuardedClient::new(&url, Some(&key), &policy, ClientOptions::default()).unwrap())
}

fn request(text: &str) -> CompletionRequest {
    labelling_request(&[(0, text), (1, "Merci !")], &TOPICS.map(str::to_owned))
}

#[tokio::test]
async fn an_answer_that_the_grammar_bound_is_taken_or_refused_for_a_true_reason() {
    let model = model(None);
    for text in ["Plus d'internet", "a", "\"}]}", "日本語 😡", "<|im_end|></s>", "=1+1", "x\ty"] {
        // Without a limit it would go on with white space as long as its context lets it.
        let request = CompletionRequest { max_output_tokens: 200, ..request(text) };
        let completion = model.complete(&request).await.unwrap();
        let worst = worst_case(&request);
        let usage = completion.usage;
        assert!(usage.prompt_tokens > 0 && usage.prompt_tokens <= worst.prompt_tokens, "{usage:?} of {worst:?}");
        assert!(usage.completion_tokens > 0 && usage.completion_tokens <= 200, "{usage:?}");
        let checked = check(&completion, &[0, 1]);
        if completion.finish == Finish::Length {
            assert!(matches!(checked, Err(AnswerError::Truncated | AnswerError::Empty)), "{text}: {checked:?}");
            continue;
        }
        let checked = checked.unwrap();
        assert_eq!(checked.labels.len() + checked.problems.len(), 2, "{text}: {checked:?}");
        assert!(checked.labels.values().all(|label| TOPICS.contains(&label.main_topic.as_str())), "{checked:?}");
    }
}

#[tokio::test]
async fn the_server_counts_each_byte_of_a_text_once() {
    let model = model(None);
    let short = |text: &str| CompletionRequest { max_output_tokens: 1, ..request(text) };
    let [one, hundred] = [short("x"), short(&"x".repeat(101))];
    let [one, hundred] = [model.complete(&one).await.unwrap().usage, model.complete(&hundred).await.unwrap().usage];
    assert_eq!(hundred.prompt_tokens - one.prompt_tokens, 100);
    assert_eq!((one.completion_tokens, hundred.completion_tokens), (1, 1));
}

#[tokio::test]
async fn an_answer_that_its_limit_cuts_off_is_refused() {
    let cut = CompletionRequest { max_output_tokens: 5, ..request("Plus d'internet") };
    let completion = model(None).complete(&cut).await.unwrap();
    assert_eq!((completion.finish, completion.usage.completion_tokens), (Finish::Length, 5));
    assert_eq!(check(&completion, &[0, 1]), Err(AnswerError::Truncated));
}

#[tokio::test]
async fn a_request_beyond_the_context_is_refused_and_teaches_its_size() {
    let model = model(None);
    assert_eq!(model.context_tokens(), None);
    let error = model.complete(&request(&"panne ".repeat(1000))).await.unwrap_err();
    assert_eq!((error.kind, error.spend()), (ProviderErrorKind::ContextTooLong, Spend::Nothing));
    assert_eq!(model.context_tokens(), Some(2048));
}

#[tokio::test]
async fn a_wrong_key_is_refused() {
    let error = model(Some("wrong")).complete(&request("a")).await.unwrap_err();
    assert_eq!((error.kind, error.spend()), (ProviderErrorKind::Unauthorized, Spend::Nothing));
}
