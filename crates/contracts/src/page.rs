use serde::{Deserialize, Serialize};

/// What became of a text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The model's checked answer.
    Ok {
        /// `negative`, `neutral` or `positive`.
        sentiment: String,
        /// 0, 1 or 2.
        priority: u8,
        /// The topic.
        main_topic: String,
        /// What a person should know about the answer, such as that the text was cut.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// No usable answer, however often it was asked.
    Failed {
        /// Why.
        reason: String,
    },
}

/// A stored page of answers, as far as others than the worker read it; the worker keeps more beside them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PageAnswers {
    /// Text key, as [`key_text`] writes it, and answer. Answers of later pages replace those of earlier ones.
    pub answers: Vec<(String, Answer)>,
}

/// A text key as it is stored.
pub fn key_text(key: u128) -> String {
    format!("{key:032x}")
}

/// A stored text key.
pub fn key_of(text: &str) -> Option<u128> {
    u128::from_str_radix(text, 16).ok()
}
