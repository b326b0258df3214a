//! The plan of pages: which texts are asked together. It follows from the cleaned file and the page size alone, so
//! every worker that takes the task makes the same one.

use std::collections::BTreeSet;

pub use dallosh_contracts::{Answer, key_of, key_text};
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

/// A stored page: the answers by text key, and whose they are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageResult {
    /// The page's number.
    pub number: i64,
    /// The round in which it was asked.
    #[serde(default)]
    pub round: i64,
    /// The models that answered.
    pub models: BTreeSet<String>,
    /// How many of the answers were paid for before.
    pub cached: u64,
    /// Text key (hexadecimal) and answer.
    pub answers: Vec<(String, Answer)>,
}

#[cfg(test)]
mod tests {
    use dallosh_contracts::PageAnswers;

    use super::*;

    #[test]
    fn whoever_shows_rows_can_read_the_answers_of_a_stored_page() {
        let answers = vec![(key_text(7), Answer::Failed { reason: "no".into() })];
        let stored = PageResult { number: 3, round: 1, models: BTreeSet::new(), cached: 0, answers: answers.clone() };
        let read: PageAnswers = serde_json::from_value(serde_json::to_value(stored).unwrap()).unwrap();
        assert_eq!((read.answers, key_of(&key_text(7))), (answers, Some(7)));
    }
}
