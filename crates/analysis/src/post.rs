use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a post feels like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sentiment {
    /// A complaint.
    Negative,
    /// Neither.
    Neutral,
    /// Praise.
    Positive,
}

impl Sentiment {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Negative, Self::Neutral, Self::Positive];

    /// The word of the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Negative => "negative",
            Self::Neutral => "neutral",
            Self::Positive => "positive",
        }
    }

    /// The sentiment of this word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|sentiment| sentiment.as_str() == word)
    }

    pub(crate) const fn place(self) -> usize {
        match self {
            Self::Negative => 0,
            Self::Neutral => 1,
            Self::Positive => 2,
        }
    }
}

/// What became of a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A model answered.
    Labelled,
    /// No usable answer came.
    Failed,
    /// It has no text that could be asked about.
    Skipped,
}

impl Outcome {
    /// The outcome of this word.
    pub fn of_word(word: &str) -> Option<Self> {
        match word {
            "labelled" => Some(Self::Labelled),
            "failed" => Some(Self::Failed),
            "skipped" => Some(Self::Skipped),
            _ => None,
        }
    }
}

/// The priorities; the last one is high.
pub(crate) const PRIORITIES: u8 = 3;
/// High priority.
pub(crate) const HIGH: u8 = 2;

/// What became of a post, and whether somebody answered it, in a byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Label(pub u8);

impl Label {
    pub const FAILED: Self = Self(0);
    pub const SKIPPED: Self = Self(1);
    const FIRST: u8 = 2;
    const ANSWERED: u8 = 0x80;

    pub fn of(sentiment: Sentiment, priority: u8) -> Self {
        let sentiment = match sentiment {
            Sentiment::Negative => 0,
            Sentiment::Neutral => 1,
            Sentiment::Positive => 2,
        };
        Self(Self::FIRST + sentiment * PRIORITIES + priority.min(HIGH))
    }

    pub fn answered(self) -> Self {
        Self(self.0 | Self::ANSWERED)
    }

    pub fn is_answered(self) -> bool {
        self.0 & Self::ANSWERED != 0
    }

    pub fn is_skipped(self) -> bool {
        self.0 & !Self::ANSWERED == Self::SKIPPED.0
    }

    pub fn outcome(self) -> Outcome {
        match self.labels() {
            Some(_) => Outcome::Labelled,
            None if self.is_skipped() => Outcome::Skipped,
            None => Outcome::Failed,
        }
    }

    /// Sentiment and priority of a labelled post.
    pub fn labels(self) -> Option<(Sentiment, u8)> {
        let code = (self.0 & !Self::ANSWERED).checked_sub(Self::FIRST)?;
        let sentiment = match code / PRIORITIES {
            0 => Sentiment::Negative,
            1 => Sentiment::Neutral,
            _ => Sentiment::Positive,
        };
        Some((sentiment, code % PRIORITIES))
    }
}

/// What is counted of a post. Absent values are the largest (of times, the smallest) ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Post {
    /// Its row in the table.
    pub row: u32,
    pub at: i64,
    pub engagement: u64,
    pub reach: u64,
    pub topic: u32,
    pub user: u32,
    pub label: Label,
}

impl Post {
    pub const NEVER: i64 = i64::MIN;
    pub const UNKNOWN: u64 = u64::MAX;
    pub const NOBODY: u32 = u32::MAX;

    /// When it was written, in microseconds since 1970 in UTC.
    pub fn at(&self) -> Option<i64> {
        (self.at != Self::NEVER).then_some(self.at)
    }

    pub fn engagement(&self) -> Option<u64> {
        (self.engagement != Self::UNKNOWN).then_some(self.engagement)
    }

    pub fn reach(&self) -> Option<u64> {
        (self.reach != Self::UNKNOWN).then_some(self.reach)
    }

    pub fn topic(&self) -> Option<u32> {
        (self.topic != Self::NOBODY).then_some(self.topic)
    }

    pub fn user(&self) -> Option<u32> {
        (self.user != Self::NOBODY).then_some(self.user)
    }

    /// How critical a labelled post is: high priority first, then negative ones, then engagement. Larger is worse.
    pub fn criticality(&self) -> Option<i64> {
        const MOST: u64 = (1 << 60) - 1;
        let (sentiment, priority) = self.label.labels()?;
        let class = i64::from(priority) * 2 + i64::from(sentiment == Sentiment::Negative);
        let engagement = i64::try_from(self.engagement().unwrap_or(0).min(MOST)).unwrap_or(0);
        Some((class << 60) + engagement)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_keeps_what_it_was_made_of() {
        for sentiment in Sentiment::ALL {
            for priority in 0..PRIORITIES {
                let label = Label::of(sentiment, priority);
                assert_eq!(label.labels(), Some((sentiment, priority)));
                assert_eq!(label.answered().labels(), Some((sentiment, priority)));
                assert!(label.answered().is_answered() && !label.is_answered() && !label.is_skipped());
            }
        }
        assert_eq!((Label::FAILED.labels(), Label::SKIPPED.answered().labels()), (None, None));
        assert!(Label::SKIPPED.answered().is_skipped() && !Label::FAILED.answered().is_skipped());
    }
}
