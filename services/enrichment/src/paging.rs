//! The plan of pages: which texts are asked together. It follows from the cleaned file and the page size alone, so
//! every worker that takes the task makes the same one.

use std::collections::BTreeMap;

use dallosh_llm::Usage;
use serde::{Deserialize, Serialize};

/// A page of the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PagePlan {
    /// Its number, from 0.
    pub number: i64,
    /// The round in which it is asked: 0, or how often failed texts were asked again.
    pub round: i64,
    /// Keys and texts.
    pub texts: Vec<(u128, String)>,
}

/// What became of a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    },
    /// No usable answer, however often it was asked.
    Failed {
        /// Why.
        reason: String,
    },
}

/// A stored page: the answers by text key, and what they took.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageResult {
    /// The page's number.
    pub number: i64,
    /// The round in which it was asked.
    #[serde(default)]
    pub round: i64,
    /// What each model that answered used, by the provider's own figures.
    pub usage: BTreeMap<String, Usage>,
    /// Text key (hexadecimal) and answer.
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
