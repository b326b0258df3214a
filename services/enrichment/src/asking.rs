//! One page: asks the model, checks what comes back, and asks again for what is missing, in smaller parts.

use std::collections::BTreeMap;

use dallosh_llm::{Label, Provider, ProviderError, ProviderErrorKind, Usage, check, labelling_request};

use crate::paging::{Answer, PagePlan, PageResult, key_text};

/// How often a text is asked again before it fails.
const RETRIES: u32 = 3;

/// Asks for every text of the page. A text whose answers are unusable fails with the reason; no label is ever made up.
///
/// # Errors
/// When the model is away or refuses: nothing of the page is kept then.
pub async fn ask(provider: &dyn Provider, page: &PagePlan, topics: &[String]) -> Result<PageResult, ProviderError> {
    let mut asking =
        Asking { provider, page, topics, usage: Usage::default(), labels: BTreeMap::new(), reasons: BTreeMap::new() };
    let all: Vec<u32> = (0..).take(page.texts.len()).collect();
    let mut open = asking.round(&all, all.len()).await?;
    let mut size = all.len();
    for _ in 0..RETRIES {
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
    Ok(PageResult {
        number: page.number,
        model: provider.name().to_owned(),
        answers: answers.collect(),
        prompt_tokens: usage.prompt_tokens,
        completion_tokens: usage.completion_tokens,
    })
}

struct Asking<'a> {
    provider: &'a dyn Provider,
    page: &'a PagePlan,
    topics: &'a [String],
    usage: Usage,
    labels: BTreeMap<u32, Label>,
    reasons: BTreeMap<u32, String>,
}

impl Asking<'_> {
    /// Asks for `ids` in requests of at most `size` texts; gives back those that are still open.
    async fn round(&mut self, ids: &[u32], size: usize) -> Result<Vec<u32>, ProviderError> {
        let mut open = Vec::new();
        for part in ids.chunks(size.max(1)) {
            let text = |id: &u32| {
                let place = usize::try_from(*id).ok()?;
                self.page.texts.get(place).map(|(_, text)| (*id, text.as_str()))
            };
            let texts: Vec<_> = part.iter().filter_map(text).collect();
            let completion = match self.provider.complete(&labelling_request(&texts, self.topics)).await {
                Ok(completion) => completion,
                // A smaller part may fit; a single text that does not fit fails.
                Err(error) if error.kind == ProviderErrorKind::ContextTooLong => {
                    self.fail(part, &error.to_string());
                    open.extend(part);
                    continue;
                }
                Err(error) => return Err(error),
            };
            self.usage += completion.usage;
            match check(&completion, part) {
                Ok(mut checked) => {
                    checked.restrict_topics(self.topics);
                    self.labels.extend(checked.labels);
                    open.extend(checked.problems.keys());
                    self.reasons.extend(checked.problems.into_iter().map(|(id, problem)| (id, problem.to_string())));
                }
                Err(error) => {
                    self.fail(part, &error.to_string());
                    open.extend(part);
                }
            }
        }
        Ok(open)
    }

    fn fail(&mut self, ids: &[u32], reason: &str) {
        self.reasons.extend(ids.iter().map(|id| (*id, reason.to_owned())));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use dallosh_llm::{Completion, CompletionRequest, Finish};
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
        PagePlan { number: 0, texts: (0..texts).map(|id| (u128::from(id) + 1, format!("text {id}"))).collect() }
    }

    async fn asked_with(texts: u32, answer: fn(usize, &[u32]) -> String) -> (PageResult, Vec<Vec<u32>>) {
        let provider = Scripted { asked: Mutex::default(), answer };
        let result = ask(&provider, &page(texts), &["autre".to_owned()]).await.unwrap();
        (result, provider.asked.into_inner().unwrap())
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
        assert_eq!(result.prompt_tokens, 20);
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
