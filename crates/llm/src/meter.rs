//! The port of whoever pays: the worst case of a call is set aside before it is sent, and what it cost is told after.

use async_trait::async_trait;
use rust_decimal::Decimal;

use crate::{CompletionRequest, Price, Spend, Usage};

/// What a server adds to a prompt: roles, separators, its own words about the schema.
const TEMPLATE_TOKENS: u64 = 256;

/// A call that is about to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedCall<'a> {
    /// The route's name of the model.
    pub model: &'a str,
    /// The most that the call can use.
    pub worst_case: Usage,
    /// The most that it can cost.
    pub worst_cost: Decimal,
    /// What its tokens cost.
    pub price: Price,
}

/// What a meter set aside for one call.
///
/// One that is never settled counts as spent in full: that is how a call looks that a crash cut short.
#[derive(Debug, PartialEq, Eq)]
pub struct Reservation {
    /// The meter's own name of it.
    pub id: u128,
}

/// The call does not fit what is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[error("the budget does not cover the worst case of another call")]
pub struct OutOfBudget;

/// Counts what calls cost, and refuses those that might cost too much.
///
/// Every attempt is one call here, retries and fallbacks too.
#[async_trait]
pub trait Meter: Send + Sync {
    /// Sets the worst case of `call` aside.
    ///
    /// # Errors
    /// [`OutOfBudget`], upon which the call is not made. A meter that cannot store the reservation says the same.
    async fn reserve(&self, call: &PlannedCall<'_>) -> Result<Reservation, OutOfBudget>;

    /// Replaces a reservation by what was spent; [`Spend::Unknown`] is all that was set aside.
    async fn settle(&self, reservation: Reservation, spend: Spend);
}

/// The meter of whoever has no budget and keeps no books.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unmetered;

#[async_trait]
impl Meter for Unmetered {
    async fn reserve(&self, _: &PlannedCall<'_>) -> Result<Reservation, OutOfBudget> {
        Ok(Reservation { id: 0 })
    }

    async fn settle(&self, _: Reservation, _: Spend) {}
}

/// Returns the most tokens that a request can be billed for.
///
/// A token of the tokenizers in use covers at least one byte of the text, so every byte counts as one, those of the
/// schema too, since servers put it into the prompt; and 256 for what a chat template adds. A tokenizer that expands
/// characters before it cuts them (NFKC on rare ligatures) can exceed the bound for such a text, not for a page.
pub fn worst_case(request: &CompletionRequest) -> Usage {
    let bytes = request.system.len() + request.user.len() + request.schema.to_string().len();
    Usage {
        prompt_tokens: u64::try_from(bytes).unwrap_or(u64::MAX).saturating_add(TEMPLATE_TOKENS),
        completion_tokens: u64::from(request.max_output_tokens),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labelling_request;

    #[test]
    fn every_byte_of_a_request_counts_as_a_token_in_its_worst_case() {
        let [short, long] = ["é", "éé😀"].map(|text| worst_case(&labelling_request(&[(0, text)], &[])));
        assert_eq!(long.prompt_tokens - short.prompt_tokens, 6);
        assert_eq!(long.completion_tokens, 48 + 128);
    }
}
