//! The task's ledger as the meter of its calls.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use dallosh_jobs::{Hold, JobContext, PlannedCall, Settled, StepError};
use dallosh_llm::{Meter, OutOfBudget, Price, Reservation, Spend};

/// Counts the calls that are made for one page.
pub struct PageMeter {
    job: Arc<JobContext>,
    page: String,
    rows: u64,
    /// By number, from 1; 0 is the reservation of a call that is not counted.
    holds: Mutex<BTreeMap<u128, (Hold, Price)>>,
    refused: Mutex<Option<StepError>>,
}

impl PageMeter {
    pub fn new(job: Arc<JobContext>, page: String, rows: u64) -> Self {
        Self { job, page, rows, holds: Mutex::default(), refused: Mutex::default() }
    }

    /// Why a call was refused, once.
    pub fn refusal(&self) -> Option<StepError> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

#[async_trait]
impl Meter for PageMeter {
    async fn reserve(&self, call: &dallosh_llm::PlannedCall<'_>) -> Result<Reservation, OutOfBudget> {
        let tokens = call.worst_case.prompt_tokens.saturating_add(call.worst_case.completion_tokens);
        if tokens == 0 {
            // A model that uses nothing up has no books.
            return Ok(Reservation { id: 0 });
        }
        let (model, unit) = (call.model.to_owned(), self.page.clone());
        let planned = PlannedCall { model, unit, rows: self.rows, tokens, cost: call.worst_cost };
        match self.job.reserve(&planned).await {
            Ok(hold) => {
                let mut holds = self.holds.lock().unwrap_or_else(PoisonError::into_inner);
                let id = holds.last_key_value().map_or(1, |(last, _)| last.saturating_add(1));
                holds.insert(id, (hold, call.price));
                Ok(Reservation { id })
            }
            Err(error) => {
                *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                Err(OutOfBudget)
            }
        }
    }

    async fn settle(&self, reservation: Reservation, spend: Spend) {
        let reserved = self.holds.lock().unwrap_or_else(PoisonError::into_inner).remove(&reservation.id);
        let Some((hold, price)) = reserved else { return };
        let settled = match spend {
            Spend::Nothing => Settled::Nothing,
            Spend::Unknown => Settled::Unknown,
            Spend::Exactly(usage) => Settled::Exactly {
                prompt_tokens: usage.prompt_tokens,
                completion_tokens: usage.completion_tokens,
                cost: price.cost(usage),
            },
        };
        self.job.settle(hold, settled).await;
    }
}
