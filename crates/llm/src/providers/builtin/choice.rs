//! Which of the allowed topics a text is given.

use super::lexicon::Topic;
use super::verdict::Topics;
use crate::fold::fold;
use crate::prompt::TOPICS;

/// Points for a word of a topic that the word lists do not know, such as `roaming` in a list of one's own.
const POINTS_FOR_OWN_WORD: u32 = 4;

/// The topics of one request.
#[derive(Debug)]
pub struct Choice {
    options: Vec<TopicOption>,
    catch_all: Option<String>,
}

#[derive(Debug)]
struct TopicOption {
    label: String,
    known: Option<Topic>,
    own_words: Vec<String>,
}

impl Choice {
    /// Reads the allowed topics; none means the usual ones.
    pub fn new(allowed: &[&str]) -> Self {
        let allowed = if allowed.is_empty() { &TOPICS } else { allowed };
        let mut choice = Self { options: Vec::new(), catch_all: None };
        for label in allowed {
            let name = fold(label).replace(['_', '-'], " ");
            let name = name.trim();
            if matches!(name, "autre" | "autres" | "other" | "others" | "divers" | "misc" | "miscellaneous") {
                choice.catch_all.get_or_insert((*label).to_owned());
                continue;
            }
            let known = Topic::named(name);
            let own_words = if known.is_some() { "" } else { name };
            choice.options.push(TopicOption {
                label: (*label).to_owned(),
                known,
                own_words: own_words.split_whitespace().filter(|word| word.len() > 2).map(str::to_owned).collect(),
            });
        }
        // Equal points go to the particular topic, whatever the order of the list.
        choice.options.sort_by_key(|option| option.known.map_or(0, |topic| 1 + topic as usize));
        choice
    }

    /// Returns the topic with the most points, the catch-all when none has any, and `None` without a catch-all.
    pub fn best(&self, topics: &Topics, tokens: &[&str]) -> Option<&str> {
        let mut best = None;
        let mut most = 0;
        for option in &self.options {
            let points = match option.known {
                Some(topic) => topics.of(topic),
                None if tokens
                    .iter()
                    .any(|token| option.own_words.iter().any(|word| token.starts_with(word.as_str()))) =>
                {
                    POINTS_FOR_OWN_WORD
                }
                None => 0,
            };
            if points > most {
                most = points;
                best = Some(option.label.as_str());
            }
        }
        best.or(self.catch_all.as_deref())
    }
}
