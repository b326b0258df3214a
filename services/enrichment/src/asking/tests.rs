use std::sync::{Arc, Mutex};

use dallosh_llm::{
    Breaker, BreakerConfig, Completion, CompletionRequest, Finish, Limiter, LimiterConfig, Price, Provider,
    ProviderError, ProviderErrorKind, RoutedModel, Unmetered, Usage,
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::*;

/// What a model says to texts: its words, or why it says nothing.
type Say = fn(call: usize, texts: &[(u32, String)]) -> Result<String, ProviderErrorKind>;

/// Answers as a script says, and writes down what it was asked.
struct Scripted {
    asked: Mutex<Vec<Vec<(u32, String)>>>,
    say: Say,
}

impl Scripted {
    fn new(say: Say) -> Arc<Self> {
        Arc::new(Self { asked: Mutex::default(), say })
    }

    fn asked(&self) -> Vec<Vec<u32>> {
        let asked = self.asked.lock().unwrap();
        asked.iter().map(|texts| texts.iter().map(|(id, _)| *id).collect()).collect()
    }
}

#[async_trait]
impl Provider for Scripted {
    fn name(&self) -> &'static str {
        "scripted"
    }

    async fn complete(&self, request: &CompletionRequest) -> Result<Completion, ProviderError> {
        let rows: Value = serde_json::from_str(&request.user).unwrap();
        let row = |row: &Value| {
            (u32::try_from(row["id"].as_u64().unwrap()).unwrap(), row["text"].as_str().unwrap().to_owned())
        };
        let texts: Vec<(u32, String)> = rows.as_array().unwrap().iter().map(row).collect();
        let mut asked = self.asked.lock().unwrap();
        let said = (self.say)(asked.len(), &texts);
        asked.push(texts);
        Ok(Completion { text: said?, usage: Usage { prompt_tokens: 10, completion_tokens: 1 }, finish: Finish::Stop })
    }
}

#[expect(clippy::unnecessary_wraps, reason = "what a model says may be nothing")]
fn rows(ids: impl IntoIterator<Item = u32>) -> Result<String, ProviderErrorKind> {
    let row = |id: u32| json!({"id": id, "sentiment": "neutral", "priority": id % 3, "main_topic": "autre"});
    Ok(json!({ "rows": ids.into_iter().map(row).collect::<Vec<_>>() }).to_string())
}

fn all(texts: &[(u32, String)]) -> impl Iterator<Item = u32> {
    texts.iter().map(|(id, _)| *id)
}

fn page(texts: u32) -> PagePlan {
    PagePlan { number: 0, round: 0, texts: (0..texts).map(|id| (u128::from(id) + 1, format!("text {id}"))).collect() }
}

/// What happens while the page waits.
#[derive(Default)]
struct Waiting {
    reasons: Mutex<Vec<String>>,
    /// Done at the first wait.
    then: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

#[async_trait]
impl Outage for Waiting {
    async fn wait(&self, reason: String, _: Duration) -> Result<(), StepError> {
        self.reasons.lock().unwrap().push(reason);
        Err(StepError::Interrupted)
    }

    async fn linger(&self, _: Duration) -> Result<(), StepError> {
        if let Some(then) = self.then.lock().unwrap().take() {
            then();
        }
        Ok(())
    }

    async fn over(&self) -> Result<(), StepError> {
        Ok(())
    }
}

/// What was paid for; some of it is somebody else's for a while.
#[derive(Default)]
struct Paid {
    answers: Mutex<HashMap<Uid, Value>>,
    elsewhere: Mutex<HashSet<Uid>>,
    released: Mutex<u32>,
}

#[async_trait]
impl PaidAnswers for Paid {
    async fn recall(&self, keys: &[Uid]) -> Result<HashMap<Uid, Value>, StepError> {
        let answers = self.answers.lock().unwrap();
        Ok(keys.iter().filter_map(|key| Some((*key, answers.get(key)?.clone()))).collect())
    }

    async fn claim(&self, keys: &[Uid]) -> Result<HashSet<Uid>, StepError> {
        let elsewhere = self.elsewhere.lock().unwrap();
        Ok(keys.iter().copied().filter(|key| !elsewhere.contains(key)).collect())
    }

    async fn remember(&self, answers: Vec<(Uid, Value)>) -> Result<(), StepError> {
        self.answers.lock().unwrap().extend(answers);
        Ok(())
    }

    async fn release(&self) -> Result<(), StepError> {
        *self.released.lock().unwrap() += 1;
        Ok(())
    }
}

fn routed(provider: Arc<dyn Provider>) -> RoutedModel {
    let limits = LimiterConfig { concurrency: 1, requests_per_minute: None, tokens_per_minute: None };
    RoutedModel {
        name: "scripted".to_owned(),
        provider,
        limiter: Arc::new(Limiter::new(limits)),
        breaker: Arc::new(Breaker::new(BreakerConfig { failures: 5, probe_interval: Duration::from_secs(30) })),
        price: Price::default(),
        retries: 0,
    }
}

fn keys(model: usize) -> AnswerKeys {
    AnswerKeys::new("test", "", &model.to_string(), &[])
}

/// Asks models for a page, with what was paid for and what happens meanwhile.
async fn ask_models(
    models: &[&Arc<Scripted>],
    page: &PagePlan,
    paid: &Paid,
    waiting: &Waiting,
) -> Result<PageResult, StepError> {
    let routed = models.iter().map(|model| routed((*model).clone())).collect();
    let route = Route::new(routed, Arc::new(Unmetered), CancellationToken::new());
    let models: Vec<AskedModel> =
        (0..models.len()).map(|place| AskedModel { answers: Some(keys(place)), sizing: Arc::default() }).collect();
    let topics = ["autre".to_owned()];
    let questions =
        Questions { route: &route, models: &models, topics: &topics, retries: RETRIES, outage: waiting, paid };
    ask(&questions, page).await
}

async fn asked_with(texts: u32, say: Say) -> (PageResult, Vec<Vec<u32>>) {
    let model = Scripted::new(say);
    let result = ask_models(&[&model], &page(texts), &Paid::default(), &Waiting::default()).await.unwrap();
    (result, model.asked())
}

fn are_ok(result: &PageResult) -> Vec<bool> {
    result.answers.iter().map(|(_, answer)| matches!(answer, Answer::Ok { .. })).collect()
}

#[tokio::test]
async fn answers_in_another_order_reach_their_own_texts() {
    let (result, asked) = asked_with(4, |_, texts| rows(texts.iter().rev().map(|(id, _)| *id))).await;
    let priorities: Vec<_> = result
        .answers
        .iter()
        .map(|(_, answer)| if let Answer::Ok { priority, .. } = answer { u32::from(*priority) } else { 9 })
        .collect();
    assert_eq!((priorities, asked.len()), (vec![0, 1, 2, 0], 1));
}

#[tokio::test]
async fn only_what_is_missing_is_asked_again() {
    let (result, asked) = asked_with(6, |call, texts| rows(all(texts).filter(|id| call > 0 || id % 2 == 0))).await;
    assert_eq!(asked, [vec![0, 1, 2, 3, 4, 5], vec![1, 3, 5]]);
    assert_eq!(are_ok(&result), [true; 6]);
}

#[tokio::test]
async fn a_text_that_is_never_answered_fails_with_a_reason_and_gets_no_label() {
    let (result, _) = asked_with(3, |_, texts| rows(all(texts).filter(|id| *id != 1))).await;
    assert_eq!(are_ok(&result), [true, false, true]);
    assert!(
        matches!(&result.answers[1], (key, Answer::Failed { reason }) if *key == key_text(2) && !reason.is_empty())
    );
}

#[tokio::test]
async fn an_unreadable_answer_is_asked_again_in_smaller_parts() {
    let (result, asked) =
        asked_with(4, |_, texts| if texts.len() > 1 { Ok("Sure! Here".to_owned()) } else { rows(all(texts)) }).await;
    assert_eq!(asked.iter().map(Vec::len).collect::<Vec<_>>(), [4, 2, 1, 1, 1, 1]);
    assert_eq!(are_ok(&result), [true; 4]);
}

#[tokio::test]
async fn what_was_paid_for_is_not_asked_again_and_is_there_while_the_model_is_away() {
    let (paid, waiting) = (Paid::default(), Waiting::default());
    let model = Scripted::new(|_, texts| rows(all(texts)));
    let first = ask_models(&[&model], &page(5), &paid, &waiting).await.unwrap();
    let away = Scripted::new(|_, _| Err(ProviderErrorKind::Unavailable));
    let again = ask_models(&[&away], &page(5), &paid, &waiting).await.unwrap();
    assert_eq!((first.cached, again.cached, away.asked().len()), (0, 5, 0));
    assert_eq!(again.answers, first.answers);
    let more = ask_models(&[&model], &page(7), &paid, &waiting).await.unwrap();
    assert_eq!((more.cached, model.asked()), (5, vec![vec![0, 1, 2, 3, 4], vec![5, 6]]));
    assert_eq!(are_ok(&more), [true; 7]);
}

#[tokio::test]
async fn one_models_answers_are_not_anothers() {
    let (paid, waiting) = (Paid::default(), Waiting::default());
    let down = Scripted::new(|_, _| Err(ProviderErrorKind::NotFound));
    let fallback = Scripted::new(|_, texts| rows(all(texts)));
    ask_models(&[&down, &fallback], &page(3), &paid, &waiting).await.unwrap();
    let back = Scripted::new(|_, texts| rows(all(texts)));
    let result = ask_models(&[&back, &fallback], &page(3), &paid, &waiting).await.unwrap();
    assert_eq!((result.cached, back.asked()), (0, vec![vec![0, 1, 2]]), "the first model is asked for itself");
    let result = ask_models(&[&down, &fallback], &page(3), &paid, &waiting).await.unwrap();
    assert_eq!((result.cached, fallback.asked().len()), (3, 1), "the fallback is not paid twice");
    assert_eq!(down.asked().len(), 1, "what the first was paid for is there without asking");
}

#[tokio::test]
async fn answers_of_a_page_that_is_put_down_are_remembered() {
    let (paid, waiting) = (Paid::default(), Waiting::default());
    // Half of the page is answered, then the model is away, which puts the page down here.
    let model = Scripted::new(|call, texts| match call {
        0 => rows(all(texts).filter(|id| id % 2 == 0)),
        _ => Err(ProviderErrorKind::Unavailable),
    });
    let outcome = ask_models(&[&model], &page(6), &paid, &waiting).await;
    assert!(matches!(outcome, Err(StepError::Interrupted)), "{outcome:?}");
    let model = Scripted::new(|_, texts| rows(all(texts)));
    let result = ask_models(&[&model], &page(6), &paid, &waiting).await.unwrap();
    assert_eq!((result.cached, model.asked()), (3, vec![vec![1, 3, 5]]));
}

#[tokio::test]
async fn what_another_task_asks_for_is_waited_for_and_not_paid_twice() {
    let (paid, waiting) = (Arc::new(Paid::default()), Waiting::default());
    let theirs = [keys(0).of("text 1"), keys(0).of("text 2")];
    paid.elsewhere.lock().unwrap().extend(theirs);
    // The other task answers one and gives the second up.
    let other = paid.clone();
    *waiting.then.lock().unwrap() = Some(Box::new(move || {
        let answer = Answer::Ok { sentiment: "positive".into(), priority: 0, main_topic: "autre".into(), note: None };
        other.answers.lock().unwrap().insert(theirs[0], serde_json::to_value(answer).unwrap());
        other.elsewhere.lock().unwrap().clear();
    }));
    let model = Scripted::new(|_, texts| rows(all(texts)));
    let result = ask_models(&[&model], &page(4), &paid, &waiting).await.unwrap();
    assert_eq!((result.cached, model.asked()), (1, vec![vec![0, 3], vec![2]]));
    assert_eq!(are_ok(&result), [true; 4]);
    assert!(matches!(&result.answers[1].1, Answer::Ok { sentiment, .. } if sentiment == "positive"));
    assert_eq!(*paid.released.lock().unwrap(), 2, "nothing is claimed while it waits, or after it");
}

#[tokio::test]
async fn a_task_that_waits_long_for_another_one_says_so() {
    let (paid, waiting) = (Paid::default(), Waiting::default());
    paid.elsewhere.lock().unwrap().insert(keys(0).of("text 0"));
    let model = Scripted::new(|_, texts| rows(all(texts)));
    assert!(ask_models(&[&model], &page(1), &paid, &waiting).await.is_err());
    assert_eq!(*waiting.reasons.lock().unwrap(), ["another task asks for the same texts"]);
    assert!(model.asked().is_empty());
}

#[tokio::test]
async fn what_does_not_fit_the_context_is_asked_in_parts_and_a_long_text_is_cut() {
    let fits: Say = |_, texts| match texts.iter().map(|(_, text)| text.len()).sum::<usize>() {
        0..=1000 => rows(all(texts)),
        _ => Err(ProviderErrorKind::ContextTooLong),
    };
    let model = Scripted::new(fits);
    let mut page = page(20);
    for (_, text) in &mut page.texts {
        *text = text.repeat(20);
    }
    page.texts[7].1 = "é".repeat(5000);
    let result = ask_models(&[&model], &page, &Paid::default(), &Waiting::default()).await.unwrap();
    assert_eq!(are_ok(&result), [true; 20]);
    let notes: Vec<usize> =
        (0..20).filter(|place| matches!(&result.answers[*place].1, Answer::Ok { note: Some(_), .. })).collect();
    assert_eq!(notes, [7], "the text that was cut says so, and no other");
    let asked = model.asked.lock().unwrap();
    let answered = asked.iter().filter(|texts| texts.iter().map(|(_, text)| text.len()).sum::<usize>() <= 1000);
    let mut ids: Vec<u32> = answered.flat_map(|texts| all(texts)).collect();
    ids.sort_unstable();
    assert_eq!(ids, (0..20).collect::<Vec<_>>(), "each text is answered once");
    assert!(asked.len() < 16, "{} requests", asked.len());
}
