//! What one text is labelled with.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The three columns that a model adds to a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// The mood of the text.
    pub sentiment: Sentiment,
    /// How soon somebody should look at it.
    pub priority: Priority,
    /// What it is about: plain text of 1 to 64 characters on one line.
    pub main_topic: String,
}

/// The mood of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sentiment {
    /// A complaint, anger, disappointment.
    Negative,
    /// Neither, or nothing in the text says.
    Neutral,
    /// Thanks, praise, joy.
    Positive,
}

/// How soon somebody should look at a text; `0`, `1` or `2` wherever it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "u8", try_from = "u8")]
pub enum Priority {
    /// 0: nothing to do.
    Low,
    /// 1: a complaint or a question that needs an answer.
    Normal,
    /// 2: an outage, an urgent matter, a customer about to leave.
    High,
}

/// A word or number outside the vocabulary.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a known {0}")]
pub struct InvalidLabel(&'static str);

impl Sentiment {
    /// Every sentiment, in order.
    pub const ALL: [Self; 3] = [Self::Negative, Self::Neutral, Self::Positive];

    /// Returns the word written in files and documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Negative => "negative",
            Self::Neutral => "neutral",
            Self::Positive => "positive",
        }
    }
}

impl fmt::Display for Sentiment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Sentiment {
    type Err = InvalidLabel;

    fn from_str(word: &str) -> Result<Self, InvalidLabel> {
        Self::ALL.into_iter().find(|sentiment| sentiment.as_str() == word).ok_or(InvalidLabel("sentiment"))
    }
}

impl Priority {
    /// Every priority, in order.
    pub const ALL: [Self; 3] = [Self::Low, Self::Normal, Self::High];

    /// Returns the number written in files and documents.
    pub fn as_u8(self) -> u8 {
        match self {
            Self::Low => 0,
            Self::Normal => 1,
            Self::High => 2,
        }
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.as_u8(), f)
    }
}

impl From<Priority> for u8 {
    fn from(priority: Priority) -> Self {
        priority.as_u8()
    }
}

impl TryFrom<u8> for Priority {
    type Error = InvalidLabel;

    fn try_from(number: u8) -> Result<Self, InvalidLabel> {
        Self::ALL.into_iter().find(|priority| priority.as_u8() == number).ok_or(InvalidLabel("priority"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_survives_json_with_its_numbers_and_words() {
        let label = Label { sentiment: Sentiment::Negative, priority: Priority::High, main_topic: "panne".into() };
        let json = serde_json::to_string(&label).unwrap();
        assert_eq!(json, r#"{"sentiment":"negative","priority":2,"main_topic":"panne"}"#);
        assert_eq!(serde_json::from_str::<Label>(&json).unwrap(), label);
    }

    #[test]
    fn what_is_outside_the_vocabulary_is_refused() {
        assert_eq!("mixed".parse::<Sentiment>(), Err(InvalidLabel("sentiment")));
        assert_eq!(Priority::try_from(3), Err(InvalidLabel("priority")));
    }
}
