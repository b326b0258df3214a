//! How much one request to a model may hold: it adapts to the model's context and to its failures.

use std::sync::{Mutex, PoisonError};

/// No request is made smaller than this for the context's sake; a model with less room than that reads nothing.
pub const LEAST_BYTES: usize = 64;

/// Tokens of a request and its answer beside the texts, about.
const PROMPT_TOKENS: usize = 600;
/// Tokens of a request and of its answer for each text beside the text itself, about.
const ROW_TOKENS: usize = 60;
/// Bytes of a text that make a token, about.
const BYTES_A_TOKEN: usize = 3;

/// What was learned about a model, by all tasks of this worker.
#[derive(Debug, Default)]
pub struct Sizing(Mutex<Learned>);

#[derive(Debug, Clone, Copy)]
struct Learned {
    rows: usize,
    bytes: usize,
}

impl Default for Learned {
    fn default() -> Self {
        Self { rows: usize::MAX, bytes: usize::MAX }
    }
}

impl Sizing {
    /// How many of the texts, given by their lengths in bytes, one request may hold: one at least. `context` is the
    /// model's, in tokens, when it is known.
    pub fn fit(&self, lengths: impl IntoIterator<Item = usize>, context: Option<u64>) -> usize {
        let Learned { rows, bytes } = self.learned();
        let context = context.map_or(usize::MAX, |tokens| usize::try_from(tokens).unwrap_or(usize::MAX));
        let (mut sum, mut tokens) = (0_usize, PROMPT_TOKENS);
        let fits = lengths.into_iter().take(rows).take_while(|length| {
            sum = sum.saturating_add(*length);
            tokens = tokens.saturating_add(length / BYTES_A_TOKEN).saturating_add(ROW_TOKENS);
            sum <= bytes && tokens <= context
        });
        fits.count().max(1)
    }

    /// How many bytes of texts a request may hold, as far as is known.
    pub fn bytes(&self) -> usize {
        self.learned().bytes
    }

    /// A request with so many bytes of texts did not fit the model's context.
    pub fn too_long(&self, bytes: usize) {
        self.learn(|learned| learned.bytes = learned.bytes.min((bytes / 2).max(LEAST_BYTES)));
    }

    /// An answer about so many texts could not be used: the next requests are smaller.
    pub fn unusable(&self, rows: usize) {
        self.learn(|learned| learned.rows = learned.rows.min((rows / 2).max(1)));
    }

    /// An answer about so many texts was good: the next requests may be larger again.
    pub fn usable(&self, rows: usize) {
        self.learn(|learned| {
            if rows >= learned.rows {
                learned.rows = learned.rows.saturating_add((learned.rows / 4).max(1));
            }
        });
    }

    fn learned(&self) -> Learned {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn learn(&self, lesson: impl FnOnce(&mut Learned)) {
        lesson(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_shrink_with_failures_and_grow_again_with_answers() {
        let sizing = Sizing::default();
        assert_eq!(sizing.fit([10; 500], None), 500);
        sizing.unusable(500);
        assert_eq!(sizing.fit([10; 500], None), 250);
        sizing.usable(100);
        assert_eq!(sizing.fit([10; 500], None), 250, "a smaller request says nothing about larger ones");
        sizing.usable(250);
        assert_eq!(sizing.fit([10; 500], None), 312);
        for _ in 0..20 {
            sizing.unusable(sizing.fit([10; 500], None));
        }
        assert_eq!(sizing.fit([10; 500], None), 1);
    }

    #[test]
    fn what_did_not_fit_the_context_is_not_sent_again_as_large() {
        let sizing = Sizing::default();
        sizing.too_long(1000);
        assert_eq!(sizing.fit([100; 20], None), 5);
        assert_eq!(sizing.fit([2000, 1], None), 1, "one text is always tried");
        sizing.usable(5);
        assert_eq!(sizing.fit([100; 20], None), 5, "a context does not grow");
        assert_eq!(Sizing::default().fit([300; 500], Some(4096)), 21, "a context that is known is kept to");
    }
}
