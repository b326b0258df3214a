//! The check of an answer: what it says clearly is kept, everything else is named, and nothing is made up.

mod json;

use std::collections::{BTreeMap, BTreeSet};

use json::{Node, outermost};

use crate::fold::fold;
use crate::label::{Label, Priority, Sentiment};
use crate::provider::{Completion, Finish};

/// The longest topic kept, in characters.
const MAX_TOPIC_CHARS: usize = 64;

/// What an answer says about the texts that were asked about: each id is in `labels` or in `problems`, never in both.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// The labels that were given clearly.
    pub labels: BTreeMap<u32, Label>,
    /// Why the other texts have none.
    pub problems: BTreeMap<u32, RowProblem>,
    /// How many rows of the answer belong to no text that was asked about.
    pub extra: usize,
}

/// Why one text has no label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum RowProblem {
    /// No row has its id.
    #[error("the answer has no row for this text")]
    Missing,
    /// More than one row has its id, so none of them counts.
    #[error("the answer has several rows for this text")]
    Duplicate,
    /// The sentiment is missing or not in the vocabulary.
    #[error("the answered sentiment is not one of the known ones")]
    BadSentiment,
    /// The priority is missing or not 0, 1 or 2.
    #[error("the answered priority is not 0, 1 or 2")]
    BadPriority,
    /// The topic is missing, empty, or not one of the given topics.
    #[error("the answered topic is not usable")]
    BadTopic,
}

/// Why nothing of an answer counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum AnswerError {
    /// There is not exactly one JSON object in it.
    #[error("the answer is not JSON")]
    NotJson,
    /// It was cut off; what is there may look complete and still lack rows.
    #[error("the answer was cut off")]
    Truncated,
    /// The model or a filter declined.
    #[error("the model refused to answer")]
    Refused,
    /// Nothing was said: no text, `null` or `{}`. A limit eaten up by hidden reasoning ends here too.
    #[error("the answer is empty")]
    Empty,
    /// It is JSON of another shape than the one asked for.
    #[error("the answer has another shape than asked for")]
    Shape,
    /// It is an error message in JSON.
    #[error("the answer is an error message")]
    Reported,
}

impl RowProblem {
    /// Returns the word written in files and documents.
    pub fn code(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Duplicate => "duplicate",
            Self::BadSentiment => "bad_sentiment",
            Self::BadPriority => "bad_priority",
            Self::BadTopic => "bad_topic",
        }
    }
}

impl AnswerError {
    /// Returns the word written in files and documents.
    pub fn code(self) -> &'static str {
        match self {
            Self::NotJson => "not_json",
            Self::Truncated => "truncated",
            Self::Refused => "refused",
            Self::Empty => "empty_answer",
            Self::Shape => "wrong_shape",
            Self::Reported => "error_answer",
        }
    }
}

impl Checked {
    /// Refuses the labels whose topic is not one of `topics` and spells the others as `topics` does.
    ///
    /// Case, accents and the sign between words make no difference; an empty list allows every topic.
    pub fn restrict_topics(&mut self, topics: &[String]) {
        if topics.is_empty() {
            return;
        }
        let known: BTreeMap<String, &String> = topics.iter().map(|topic| (topic_key(topic), topic)).collect();
        let problems = &mut self.problems;
        self.labels.retain(|id, label| {
            let Some(topic) = known.get(&topic_key(&label.main_topic)) else {
                problems.insert(*id, RowProblem::BadTopic);
                return false;
            };
            label.main_topic.clone_from(topic);
            true
        });
    }
}

/// Reads the labels of the texts `asked` out of `completion`.
///
/// Rows are matched by id. The older shape of three parallel lists has no ids and counts only when each list is
/// exactly as long as `asked`.
///
/// # Errors
/// An [`AnswerError`] when no part of the answer can be relied on; a problem with single rows is in [`Checked`].
pub fn check(completion: &Completion, asked: &[u32]) -> Result<Checked, AnswerError> {
    if completion.finish == Finish::Refused {
        return Err(AnswerError::Refused);
    }
    if completion.text.trim().is_empty() {
        return Err(AnswerError::Empty);
    }
    if completion.finish == Finish::Length {
        return Err(AnswerError::Truncated);
    }
    let answer = outermost(&completion.text).ok_or(AnswerError::NotJson)?;
    match &answer {
        Node::Null => return Err(AnswerError::Empty),
        Node::Map(pairs) if pairs.is_empty() => return Err(AnswerError::Empty),
        Node::Text(text) if text.trim().is_empty() => return Err(AnswerError::Empty),
        Node::Map(_) => {}
        _ => return Err(AnswerError::Shape),
    }
    if answer.has("error") && answer.only("error") != Some(&Node::Null) {
        return Err(AnswerError::Reported);
    }
    if answer.has("rows") {
        let rows = answer.only("rows").and_then(Node::list).ok_or(AnswerError::Shape)?;
        return Ok(rows_by_id(rows, asked));
    }
    rows_by_position(&answer, asked).ok_or(AnswerError::Shape)
}

fn rows_by_id(rows: &[Node], asked: &[u32]) -> Checked {
    let mut checked = Checked::default();
    let asked: BTreeSet<u32> = asked.iter().copied().collect();
    let mut answers: BTreeMap<u32, Result<Label, RowProblem>> = BTreeMap::new();
    for row in rows {
        match row.only("id").and_then(read_id).filter(|id| asked.contains(id)) {
            None => checked.extra += 1,
            Some(id) => {
                let label = read_label(row.only("sentiment"), row.only("priority"), row.only("main_topic"));
                answers.entry(id).and_modify(|first| *first = Err(RowProblem::Duplicate)).or_insert(label);
            }
        }
    }
    for id in asked {
        checked.put(id, answers.remove(&id).unwrap_or(Err(RowProblem::Missing)));
    }
    checked
}

fn rows_by_position(answer: &Node, asked: &[u32]) -> Option<Checked> {
    let list = |key| answer.only(key).and_then(Node::list).filter(|items| items.len() == asked.len());
    let (sentiments, priorities, topics) = (list("analysis")?, list("priority")?, list("topics")?);
    let distinct: BTreeSet<&u32> = asked.iter().collect();
    if distinct.len() != asked.len() {
        return None;
    }
    let mut checked = Checked::default();
    for (((id, sentiment), priority), topic) in asked.iter().zip(sentiments).zip(priorities).zip(topics) {
        checked.put(*id, read_label(Some(sentiment), Some(priority), Some(topic)));
    }
    Some(checked)
}

impl Checked {
    fn put(&mut self, id: u32, label: Result<Label, RowProblem>) {
        match label {
            Ok(label) => drop(self.labels.insert(id, label)),
            Err(problem) => drop(self.problems.insert(id, problem)),
        }
    }
}

fn read_label(sentiment: Option<&Node>, priority: Option<&Node>, topic: Option<&Node>) -> Result<Label, RowProblem> {
    Ok(Label {
        sentiment: sentiment.and_then(read_sentiment).ok_or(RowProblem::BadSentiment)?,
        priority: priority.and_then(read_priority).ok_or(RowProblem::BadPriority)?,
        main_topic: topic.and_then(read_topic).ok_or(RowProblem::BadTopic)?,
    })
}

fn read_id(node: &Node) -> Option<u32> {
    match node {
        Node::Whole(id) => u32::try_from(*id).ok(),
        // Small models quote numbers; only the very digits that were sent count.
        Node::Text(text) => text.parse().ok().filter(|id: &u32| id.to_string() == *text),
        _ => None,
    }
}

/// The whole vocabulary of moods: a word that is not here is asked again, however close it looks.
fn read_sentiment(node: &Node) -> Option<Sentiment> {
    let Node::Text(text) = node else { return None };
    match fold(text.trim()).as_str() {
        "negative" | "negatif" | "neg" | "very negative" | "very_negative" | "slightly negative"
        | "somewhat negative" | "mostly negative" | "tres negatif" | "tres negative" | "plutot negatif"
        | "plutot negative" => Some(Sentiment::Negative),
        "neutral" | "neutre" | "neu" => Some(Sentiment::Neutral),
        "positive" | "positif" | "pos" | "very positive" | "very_positive" | "slightly positive"
        | "somewhat positive" | "mostly positive" | "tres positif" | "tres positive" | "plutot positif"
        | "plutot positive" => Some(Sentiment::Positive),
        _ => None,
    }
}

fn read_priority(node: &Node) -> Option<Priority> {
    match node {
        Node::Whole(number) => u8::try_from(*number).ok().and_then(|number| Priority::try_from(number).ok()),
        Node::Real(number) => {
            Priority::ALL.into_iter().find(|priority| f64::from(priority.as_u8()).total_cmp(number).is_eq())
        }
        Node::Text(text) => match text.trim().to_ascii_lowercase().as_str() {
            "0" | "low" => Some(Priority::Low),
            "1" | "normal" => Some(Priority::Normal),
            "2" | "high" => Some(Priority::High),
            _ => None,
        },
        _ => None,
    }
}

fn read_topic(node: &Node) -> Option<String> {
    let Node::Text(text) = node else { return None };
    clean_topic(text)
}

/// Makes plain text of one line: no markup, no control or invisible characters, nothing that a spreadsheet takes for
/// a formula, at most 64 characters. `None` when nothing readable is left.
fn clean_topic(text: &str) -> Option<String> {
    let text = without_tags(text);
    let mut words = String::new();
    let visible = text.chars().map(|c| if c.is_control() || c.is_whitespace() { ' ' } else { c });
    for c in visible.filter(|c| !is_invisible(*c) && !matches!(c, '<' | '>' | '`')) {
        if c != ' ' || !words.ends_with(' ') {
            words.push(c);
        }
    }
    let words = words.trim_start_matches(|c: char| !c.is_alphanumeric());
    let cut: String = words.chars().take(MAX_TOPIC_CHARS).collect();
    let cut = cut.trim_end_matches(|c: char| c.is_whitespace() || matches!(c, '.' | ',' | ';' | ':'));
    (!cut.is_empty()).then(|| cut.to_owned())
}

fn without_tags(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, tag)) = rest.split_once('<') {
        kept.push_str(before);
        kept.push(' ');
        let begins_a_tag = tag.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?'));
        rest = match tag.split_once('>') {
            Some((_, after)) if begins_a_tag => after,
            _ => tag,
        };
    }
    kept.push_str(rest);
    kept
}

fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffd}' | '\u{e0000}'..='\u{e007f}')
}

fn topic_key(topic: &str) -> String {
    fold(topic.trim()).replace(['_', '-'], " ")
}

#[cfg(test)]
mod tests;
