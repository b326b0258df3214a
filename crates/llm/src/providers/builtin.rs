//! The offline classifier: rules and word lists for French and English telecom posts.
//!
//! It knows words, not meaning, and says so by its name in every row it labels. A label depends on nothing but the
//! text and the topics that were asked for.

mod choice;
mod lexicon;
mod verdict;
mod words;

use async_trait::async_trait;
use serde::Serialize;

use crate::prompt::{Text, allowed_topics};
use crate::{Completion, CompletionRequest, Finish, Priority, Provider, ProviderError, ProviderErrorKind};
use crate::{Sentiment, Usage};

use choice::Choice;
use verdict::judge;
use words::Words;

/// How many texts are labelled between two chances for other tasks to run: well under a millisecond of work.
const TEXTS_PER_TURN: usize = 32;

/// The model that is always there: labels by rules, asks nobody and bills nothing.
///
/// A text without a letter or digit gets no row in the answer, nor does one that fits no allowed topic when the
/// allowed ones hold no catch-all such as `autre`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Builtin;

#[derive(Serialize)]
struct Answer<'a> {
    rows: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    id: u32,
    sentiment: Sentiment,
    priority: Priority,
    main_topic: &'a str,
}

#[async_trait]
impl Provider for Builtin {
    fn name(&self) -> &'static str {
        "builtin"
    }

    async fn complete(&self, request: &CompletionRequest) -> Result<Completion, ProviderError> {
        let bad_request = |error| ProviderError::with_source(ProviderErrorKind::BadRequest, error);
        let texts: Vec<Text<'_>> = serde_json::from_str(&request.user).map_err(bad_request)?;
        let choice = Choice::new(&allowed_topics(request));
        let mut rows = Vec::with_capacity(texts.len());
        for turn in texts.chunks(TEXTS_PER_TURN) {
            rows.extend(turn.iter().filter_map(|text| label(text, &choice)));
            tokio::task::yield_now().await;
        }
        let text = serde_json::to_string(&Answer { rows }).map_err(bad_request)?;
        Ok(Completion { text, usage: Usage::default(), finish: Finish::Stop })
    }

    fn is_metered(&self) -> bool {
        false
    }
}

fn label<'a>(text: &Text<'_>, choice: &'a Choice) -> Option<Row<'a>> {
    let words = Words::of(&text.text);
    if !words.has_any_letter_or_digit {
        return None;
    }
    let tokens = words.tokens();
    let verdict = judge(&words, &tokens);
    let main_topic = choice.best(&verdict.topics, &tokens)?;
    Some(Row { id: text.id, sentiment: verdict.sentiment, priority: verdict.priority, main_topic })
}

#[cfg(test)]
mod tests;
