//! One page: asks the model, checks what comes back, and asks again for what is missing, in smaller parts.

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use dallosh_jobs::StepError;
use dallosh_llm::{Answered, Label, Refusal, Route, RouteError, Usage, check, labelling_request};

use crate::paging::{Answer, PagePlan, PageResult, key_text};

/// How often a text is asked again before it fails, unless the model's settings say otherwise.
pub const RETRIES: u32 = 3;

/// What is done while every model is away.
#[async_trait]
pub trait Outage: Send + Sync {
    /// Shows that the task waits, and waits.
    ///
    /// # Errors
    /// When the work is to be put down.
    async fn wait(&self, reason: String, time: Duration) -> Result<(), StepError>;
    /// A model answered again.
    async fn over(&self) -> Result<(), StepError>;
}

/// How pages are asked.
pub struct Questions<'a> {
    pub route: &'a Route,
    pub topics: &'a [String],
    pub retries: u32,
    pub outage: &'a dyn Outage,
}

/// Asks for every text of the page. A text whose answers are unusable fails with the reason; no label is ever made up.
/// An outage is waited for, and costs no row.
///
/// # Errors
/// When the work is to be put down, or every model refuses for good: nothing of the page is kept then.
pub async fn ask(questions: &Questions<'_>, page: &PagePlan) -> Result<PageResult, StepError> {
    let mut asking =
        Asking { questions, page, usage: BTreeMap::new(), labels: BTreeMap::new(), reasons: BTreeMap::new() };
    let all: Vec<u32> = (0..).take(page.texts.len()).collect();
    let mut open = asking.round(&all, all.len()).await?;
    let mut size = all.len();
    // Halving comes to single texts first; then each has its retries.
    let rounds = questions.retries.max(all.len().next_power_of_two().ilog2());
    for _ in 0..rounds {
        if open.is_empty() {
            break;
        }
        size = size.div_ceil(2).max(1);
        open = asking.round(&open, size).await?;
    }
    let Asking { usage, mut labels, mut reasons, .. } = asking;
    let answers = all.iter().zip(&page.texts).map(|(id, (key, _))| {
        let answer = match labels.remove(id) {
            Some(Label { sentiment, priority, main_topic }) => {
                Answer::Ok { sentiment: sentiment.as_str().to_owned(), priority: priority.as_u8(), main_topic }
            }
            None => {
                Answer::Failed { reason: reasons.remove(id).unwrap_or_else(|| "the model gave no answer".to_owned()) }
            }
        };
        (key_text(*key), answer)
    });
    Ok(PageResult { number: page.number, round: page.round, usage, answers: answers.collect() })
}

struct Asking<'a> {
    questions: &'a Questions<'a>,
    page: &'a PagePlan,
    usage: BTreeMap<String, Usage>,
    labels: BTreeMap<u32, Label>,
    reasons: BTreeMap<u32, String>,
}

impl Asking<'_> {
    /// Asks for `ids` in requests of at most `size` texts; gives back those that are still open.
    async fn round(&mut self, ids: &[u32], size: usize) -> Result<Vec<u32>, StepError> {
        let mut open = Vec::new();
        for part in ids.chunks(size.max(1)) {
            let text = |id: &u32| {
                let place = usize::try_from(*id).ok()?;
                self.page.texts.get(place).map(|(_, text)| (*id, text.as_str()))
            };
            let texts: Vec<_> = part.iter().filter_map(text).collect();
            // A smaller part may fit; a single text that does not fit fails.
            let Some(Answered { completion, model, .. }) = self.answered(&texts).await? else {
                self.fail(part, "the text is too long for the model");
                open.extend(part);
                continue;
            };
            *self.usage.entry(model).or_default() += completion.usage;
            match check(&completion, part) {
                Ok(mut checked) => {
                    checked.restrict_topics(self.questions.topics);
                    self.labels.extend(checked.labels);
                    open.extend(checked.problems.keys());
                    let reasons = checked.problems.into_iter().map(|(id, problem)| (id, problem.to_string()));
                    self.reasons.extend(reasons);
                }
                Err(error) => {
                    self.fail(part, &error.to_string());
                    open.extend(part);
                }
            }
        }
        Ok(open)
    }

    /// The first answer that a model gives; `None` when the request is too long for them.
    async fn answered(&self, texts: &[(u32, &str)]) -> Result<Option<Answered>, StepError> {
        let Questions { route, topics, outage, .. } = self.questions;
        let request = labelling_request(texts, topics);
        let mut waited = false;
        loop {
            match route.ask(&request).await {
                Ok(answered) => {
                    if waited {
                        outage.over().await?;
                    }
                    return Ok(Some(answered));
                }
                Err(RouteError::ContextTooLong) => return Ok(None),
                Err(RouteError::AllDown { next_attempt_at_in, reason }) => {
                    waited = true;
                    outage.wait(reason.to_string(), next_attempt_at_in).await?;
                }
                Err(RouteError::AllRefused(refusal)) => return Err(refused(refusal)),
                Err(RouteError::Interrupted | RouteError::OutOfBudget) => return Err(StepError::Interrupted),
            }
        }
    }

    fn fail(&mut self, ids: &[u32], reason: &str) {
        self.reasons.extend(ids.iter().map(|id| (*id, reason.to_owned())));
    }
}

fn refused(refusal: Refusal) -> StepError {
    let code = match refusal {
        Refusal::Unauthorized => "model_unauthorized",
        Refusal::NotFound => "model_not_found",
        Refusal::BadRequest => "model_refused",
    };
    StepError::Failed { code, message: refusal.to_string() }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use std::sync::Arc;

    use dallosh_llm::{
        Breaker, BreakerConfig, Completion, CompletionRequest, Finish, Limiter, LimiterConfig, Price, Provider,
        ProviderError, RoutedModel, Unmetered,
    };
    use serde_json::{Value, json};

    use super::*;

    /// Answers as a script says, and writes down what it was asked.
    struct Scripted {
        asked: Mutex<Vec<Vec<u32>>>,
        answer: fn(call: usize, ids: &[u32]) -> String,
    }

    #[async_trait]
    impl Provider for Scripted {
        fn name(&self) -> &'static str {
            "scripted"
        }

        async fn complete(&self, request: &CompletionRequest) -> Result<Completion, ProviderError> {
            let rows: Value = serde_json::from_str(&request.user).unwrap();
            let id = |row: &Value| u32::try_from(row["id"].as_u64().unwrap()).unwrap();
            let ids: Vec<u32> = rows.as_array().unwrap().iter().map(id).collect();
            let mut asked = self.asked.lock().unwrap();
            let text = (self.answer)(asked.len(), &ids);
            asked.push(ids);
            Ok(Completion { text, usage: Usage { prompt_tokens: 10, completion_tokens: 1 }, finish: Finish::Stop })
        }
    }

    fn rows(ids: impl IntoIterator<Item = u32>) -> String {
        let row = |id: u32| json!({"id": id, "sentiment": "neutral", "priority": id % 3, "main_topic": "autre"});
        json!({ "rows": ids.into_iter().map(row).collect::<Vec<_>>() }).to_string()
    }

    fn page(texts: u32) -> PagePlan {
        PagePlan {
            number: 0,
            round: 0,
            texts: (0..texts).map(|id| (u128::from(id) + 1, format!("text {id}"))).collect(),
        }
    }

    struct Never;

    #[async_trait]
    impl Outage for Never {
        async fn wait(&self, reason: String, _: Duration) -> Result<(), StepError> {
            panic!("nothing is away: {reason}")
        }

        async fn over(&self) -> Result<(), StepError> {
            Ok(())
        }
    }

    async fn asked_with(texts: u32, answer: fn(usize, &[u32]) -> String) -> (PageResult, Vec<Vec<u32>>) {
        let provider = Arc::new(Scripted { asked: Mutex::default(), answer });
        let limits = LimiterConfig { concurrency: 1, requests_per_minute: None, tokens_per_minute: None };
        let model = RoutedModel {
            name: "scripted".to_owned(),
            provider: provider.clone(),
            limiter: Arc::new(Limiter::new(limits)),
            breaker: Arc::new(Breaker::new(BreakerConfig { failures: 5, probe_interval: Duration::from_secs(30) })),
            price: Price::default(),
            retries: 0,
        };
        let route = Route::new(vec![model], Arc::new(Unmetered), tokio_util::sync::CancellationToken::new());
        let topics = ["autre".to_owned()];
        let questions = Questions { route: &route, topics: &topics, retries: RETRIES, outage: &Never };
        let result = ask(&questions, &page(texts)).await.unwrap();
        let asked = provider.asked.lock().unwrap().clone();
        (result, asked)
    }

    #[tokio::test]
    async fn answers_in_another_order_reach_their_own_texts() {
        let (result, asked) = asked_with(4, |_, ids| rows(ids.iter().rev().copied())).await;
        let priorities: Vec<_> = result
            .answers
            .iter()
            .map(|(_, answer)| matches!(answer, Answer::Ok { priority, .. } if *priority < 3))
            .collect();
        assert_eq!((priorities, asked.len()), (vec![true; 4], 1));
    }

    #[tokio::test]
    async fn only_what_is_missing_is_asked_again() {
        let (result, asked) =
            asked_with(6, |call, ids| rows(ids.iter().copied().filter(|id| call > 0 || id % 2 == 0))).await;
        assert_eq!(asked, [vec![0, 1, 2, 3, 4, 5], vec![1, 3, 5]]);
        assert!(result.answers.iter().all(|(_, answer)| matches!(answer, Answer::Ok { .. })));
        assert_eq!(result.usage["scripted"].prompt_tokens, 20);
    }

    #[tokio::test]
    async fn a_text_that_is_never_answered_fails_with_a_reason_and_gets_no_label() {
        let (result, _) = asked_with(3, |_, ids| rows(ids.iter().copied().filter(|id| *id != 1))).await;
        let failed: Vec<_> = result
            .answers
            .iter()
            .filter(|(_, answer)| matches!(answer, Answer::Failed { reason } if !reason.is_empty()))
            .collect();
        assert_eq!(failed.len(), 1);
        assert_eq!(failed[0].0, key_text(2));
    }

    #[tokio::test]
    async fn an_unreadable_answer_is_asked_again_in_smaller_parts() {
        let (result, asked) =
            asked_with(4, |_, ids| if ids.len() > 1 { "Sure! Here".to_owned() } else { rows(ids.iter().copied()) })
                .await;
        assert_eq!(asked.iter().map(Vec::len).collect::<Vec<_>>(), [4, 2, 2, 1, 1, 1, 1]);
        assert!(result.answers.iter().all(|(_, answer)| matches!(answer, Answer::Ok { .. })));
    }
}
