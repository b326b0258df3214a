//! What calls may cost and what they did cost: the worst case is set aside in the job's own document before a call is
//! made, and replaced by the provider's figures after it. So limit, spend and what is on its way change in one write.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use chrono::{DateTime, TimeDelta, Utc};
use dallosh_contracts::{Budget, Spend, figures};
use dallosh_primitives::{Limit, Uid};
use dallosh_store::{Document, Filter, Index, ListQuery, Modified, Sort, StoreErrorKind};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::{Desired, Engine, Job, JobDocument, JobError};

/// A call that is about to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedCall {
    /// The model, as bills name it.
    pub model: String,
    /// What it is made for, such as a page.
    pub unit: String,
    /// How many rows it sends.
    pub rows: u64,
    /// The most tokens that it can be billed for.
    pub tokens: u64,
    /// The most money that it can be billed for.
    pub cost: Decimal,
}

/// What was set aside for one call. One that is never settled counts as spent.
#[derive(Debug)]
pub struct Hold {
    id: Uid,
    call: PlannedCall,
    begun: Instant,
    _on_its_way: OnItsWay,
}

/// Calls of one claim take turns at the document, and hear of each other's end.
#[derive(Default)]
pub(crate) struct Ledger {
    pub turn: tokio::sync::Mutex<()>,
    pub calls: Arc<Calls>,
}

/// The calls that are on their way.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    count: AtomicUsize,
    pub ended: Notify,
}

/// Counts a call until it was settled, or dropped by whoever made it.
#[derive(Debug)]
struct OnItsWay(Arc<Calls>);

impl OnItsWay {
    fn begin(calls: &Arc<Calls>) -> Self {
        calls.count.fetch_add(1, Ordering::SeqCst);
        Self(calls.clone())
    }
}

impl Drop for OnItsWay {
    fn drop(&mut self) {
        self.0.count.fetch_sub(1, Ordering::SeqCst);
        self.0.ended.notify_waiters();
    }
}

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// It was refused or never made: nothing was spent.
    Nothing,
    /// The provider's figures.
    Exactly {
        /// Tokens sent.
        prompt_tokens: u64,
        /// Tokens received.
        completion_tokens: u64,
        /// What they cost.
        cost: Decimal,
    },
    /// It may have been billed, and nobody knows: all that was set aside counts.
    Unknown,
}

/// The call does not fit what is left of the limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OverBudget {
    /// Whether other calls are on their way: what they don't use comes back.
    pub may_change: bool,
    /// Why, in words.
    pub detail: String,
}

/// What is set aside, as the job's document keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredHold {
    pub model: String,
    pub unit: String,
    /// The claim under which the call was made.
    pub epoch: i64,
    #[serde(default)]
    pub rows: u64,
    pub tokens: u64,
    pub cost: Decimal,
}

/// A call in the books: collection `task_calls`, under the id of its hold. It stays when the job is deleted: the bill does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallDocument {
    /// The kind of the job.
    pub kind: String,
    /// The job.
    pub job: Uid,
    /// The user who pays.
    pub owner: Uid,
    /// The run of the job.
    pub run: i64,
    /// What it was made for, such as a page.
    pub unit: String,
    /// How many rows it sent.
    #[serde(default)]
    pub rows: u64,
    /// The model, as bills name it.
    pub model: String,
    /// Whether the figures are the worst case, because no answer told them.
    pub is_unconfirmed: bool,
    /// Tokens sent; those of an unconfirmed call are all counted here.
    pub prompt_tokens: u64,
    /// Tokens received.
    pub completion_tokens: u64,
    /// US dollars.
    pub cost: Decimal,
    /// From the reservation to the settlement; absent when whoever made it is gone.
    pub duration_ms: Option<u64>,
    /// When it was settled.
    pub at: DateTime<Utc>,
}

impl Document for CallDocument {
    const COLLECTION: &'static str = "task_calls";
    const INDEXES: &'static [Index] = &[
        Index { fields: &["job"], unique: false },
        Index { fields: &["owner", "at"], unique: false },
        Index { fields: &["model", "at"], unique: false },
    ];
}

impl CallDocument {
    /// Counts the call in the platform's figures.
    fn count(&self) {
        let tokens = |kind, count| {
            metrics::counter!(figures::MODEL_TOKENS, "model" => self.model.clone(), "kind" => kind).increment(count);
        };
        if self.is_unconfirmed {
            tokens("unconfirmed", self.prompt_tokens);
        } else {
            tokens("prompt", self.prompt_tokens);
            tokens("completion", self.completion_tokens);
        }
        let millionths = (self.cost * Decimal::from(1_000_000)).trunc();
        metrics::counter!(figures::MODEL_COST, "model" => self.model.clone())
            .increment(u64::try_from(millionths).unwrap_or(0));
    }
}

impl JobDocument {
    /// What was used up, what calls may have used whose answer never came, and what is set aside for those on their way.
    pub fn spend(&self) -> Spend {
        let mut spend = self.usage.clone();
        for hold in self.holds.values() {
            spend.unconfirmed_tokens = spend.unconfirmed_tokens.saturating_add(hold.tokens);
            spend.unconfirmed_cost = spend.unconfirmed_cost.saturating_add(hold.cost);
        }
        spend
    }

    /// Sets the worst case of a call aside.
    ///
    /// # Errors
    /// Why it does not fit, in words.
    pub(crate) fn hold(&mut self, id: Uid, call: &PlannedCall) -> Result<(), String> {
        let epoch = self.control.epoch;
        if let Some(detail) = self.lacks(call) {
            return Err(detail);
        }
        let PlannedCall { model, unit, rows, tokens, cost } = call.clone();
        self.holds.insert(id.to_string(), StoredHold { model, unit, epoch, rows, tokens, cost });
        Ok(())
    }

    /// Why a call does not fit what is left.
    fn lacks(&self, call: &PlannedCall) -> Option<String> {
        let Budget { max_cost, max_tokens } = self.budget.as_ref()?;
        let spend = self.spend();
        let tokens =
            spend.prompt_tokens.saturating_add(spend.completion_tokens).saturating_add(spend.unconfirmed_tokens);
        let cost = spend.cost.saturating_add(spend.unconfirmed_cost);
        if let Some(most) = max_tokens.filter(|most| tokens.saturating_add(call.tokens) > *most) {
            let left = most.saturating_sub(tokens);
            return Some(format!("the next call may take up to {} tokens and {left} of {most} are left", call.tokens));
        }
        if let Some(most) = max_cost.filter(|most| cost.saturating_add(call.cost) > *most) {
            let left = most.saturating_sub(cost).max(Decimal::ZERO).normalize();
            return Some(format!(
                "the next call may cost up to {} dollars and {left} of {} are left",
                call.cost.normalize(),
                most.normalize()
            ));
        }
        None
    }

    /// Replaces what was set aside by what was spent; `false` when that was done before.
    fn settle(&mut self, id: Uid, settled: Settled) -> bool {
        let Some(StoredHold { tokens, cost, .. }) = self.holds.remove(&id.to_string()) else { return false };
        let usage = &mut self.usage;
        match settled {
            Settled::Nothing => {}
            Settled::Exactly { prompt_tokens, completion_tokens, cost } => {
                usage.prompt_tokens = usage.prompt_tokens.saturating_add(prompt_tokens);
                usage.completion_tokens = usage.completion_tokens.saturating_add(completion_tokens);
                usage.cost = usage.cost.saturating_add(cost);
            }
            Settled::Unknown => {
                usage.unconfirmed_tokens = usage.unconfirmed_tokens.saturating_add(tokens);
                usage.unconfirmed_cost = usage.unconfirmed_cost.saturating_add(cost);
            }
        }
        true
    }
}

/// Whether the new limit lets something through that the old one did not.
pub(crate) fn is_raised(before: Option<&Budget>, after: &Budget) -> bool {
    let Some(Budget { max_cost, max_tokens }) = before else { return false };
    let more_money = max_cost.is_some_and(|before| after.max_cost.is_none_or(|after| after > before));
    let more_tokens = max_tokens.is_some_and(|before| after.max_tokens.is_none_or(|after| after > before));
    more_money || more_tokens
}

impl Engine {
    /// The latest calls of a model, newest first, at most 200.
    pub async fn recent_calls(&self, model: &str, limit: usize) -> Result<Vec<CallDocument>, JobError> {
        let limit = Limit::coerce(i64::try_from(limit).ok());
        let query = ListQuery { limit, sort: Sort::descending("at"), ..ListQuery::newest(Filter::eq("model", model)) };
        Ok(self.calls.list(&query).await?.items.into_iter().map(|call| call.data).collect())
    }

    /// How many rows a user's jobs sent to models within this time, as the books have it.
    pub async fn rows_sent(&self, owner: Uid, within: TimeDelta) -> Result<u64, JobError> {
        let since = self.clock.now() - within;
        let wanted = Filter::eq("owner", owner).and(Filter::Range("at", Some(since.into()), None));
        Ok(u64::try_from(self.calls.sum("rows", &wanted).await?).unwrap_or(0))
    }

    /// Sets the worst case of a call aside, for the worker with this epoch.
    pub(crate) async fn reserve(
        &self,
        job: Uid,
        epoch: i64,
        by: &str,
        call: PlannedCall,
        calls: &Arc<Calls>,
    ) -> Result<(Job, Result<Hold, OverBudget>), JobError> {
        let id = Uid::new();
        // Before the document is read: what ends meanwhile is told by it.
        let may_change = calls.count.load(Ordering::SeqCst) > 0;
        match self.try_write(job, epoch, by, |job| job.data.hold(id, &call)).await? {
            Ok(job) => Ok((job, Ok(Hold { id, call, begun: Instant::now(), _on_its_way: OnItsWay::begin(calls) }))),
            Err(detail) => {
                let job = self.jobs.find(job).await?.ok_or(JobError::LeaseLost)?;
                Ok((job, Err(OverBudget { may_change, detail })))
            }
        }
    }

    /// Books a call: first in the books, then in the job. Not bound to an epoch: what was paid was paid, whoever has the
    /// job now.
    pub(crate) async fn settle(&self, job: Uid, hold: &Hold, settled: Settled) -> Result<(), JobError> {
        let duration = u64::try_from(hold.begun.elapsed().as_millis()).ok();
        let Some(found) = self.jobs.find(job).await? else { return Ok(()) };
        self.enter(&found, hold.id, &hold.call, settled, duration).await?;
        self.jobs.modify(job, "ledger", |job| if job.data.settle(hold.id, settled) { Ok(()) } else { Err(()) }).await?;
        Ok(())
    }

    /// Books what earlier claims set aside and never settled as spent: nobody will tell any more.
    pub(crate) async fn write_off(&self, job: &Job, is_lost: impl Fn(&StoredHold) -> bool) -> Result<(), JobError> {
        let lost: Vec<(Uid, StoredHold)> = job
            .data
            .holds
            .iter()
            .filter(|(_, hold)| is_lost(hold))
            .filter_map(|(id, hold)| Some((id.parse().ok()?, hold.clone())))
            .collect();
        if lost.is_empty() {
            return Ok(());
        }
        for (id, hold) in &lost {
            let StoredHold { model, unit, rows, tokens, cost, .. } = hold.clone();
            self.enter(job, *id, &PlannedCall { model, unit, rows, tokens, cost }, Settled::Unknown, None).await?;
        }
        let written = self.jobs.modify(job.uid, "ledger", |job| {
            let mut settled = false;
            for (id, _) in &lost {
                settled |= job.data.settle(*id, Settled::Unknown);
            }
            if settled { Ok(()) } else { Err(()) }
        });
        if let Modified::Written(_) = written.await? {
            tracing::warn!(task.id = %job.uid, calls = lost.len(), "calls that nobody settled count as spent");
        }
        Ok(())
    }

    async fn enter(
        &self,
        job: &Job,
        id: Uid,
        call: &PlannedCall,
        settled: Settled,
        duration_ms: Option<u64>,
    ) -> Result<(), JobError> {
        let (is_unconfirmed, prompt_tokens, completion_tokens, cost) = match settled {
            Settled::Nothing => return Ok(()),
            Settled::Exactly { prompt_tokens, completion_tokens, cost } => {
                (false, prompt_tokens, completion_tokens, cost)
            }
            Settled::Unknown => (true, call.tokens, 0, call.cost),
        };
        let document = CallDocument {
            kind: job.data.kind.clone(),
            job: job.uid,
            owner: job.data.owner,
            run: job.data.control.run,
            unit: call.unit.clone(),
            rows: call.rows,
            model: call.model.clone(),
            is_unconfirmed,
            prompt_tokens,
            completion_tokens,
            cost,
            duration_ms,
            at: self.clock.now(),
        };
        match self.calls.insert_as(id, document.clone(), "ledger").await {
            Ok(_) => document.count(),
            Err(error) if error.kind != StoreErrorKind::Duplicate => return Err(error.into()),
            Err(_) => {}
        }
        Ok(())
    }

    /// Puts a running job down because its limit is used up.
    pub(crate) fn put_down_out_of_budget(&self, job: &mut Job, detail: &str) {
        if job.data.control.desired == Desired::Run {
            job.data.control.desired = Desired::Pause;
            self.put_down(job, Some(detail));
        } else {
            self.put_down(job, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Map;

    use super::*;
    use crate::NewJob;

    fn document(budget: Budget) -> JobDocument {
        let (owner, subject) = (Uid::new(), Uid::new());
        let new = NewJob {
            owner,
            subject,
            priority: 0,
            input: serde_json::Value::Null,
            details: Map::new(),
            budget: Some(budget),
        };
        JobDocument::new("test", new)
    }

    fn call(tokens: u64, cents: i64) -> PlannedCall {
        PlannedCall { model: "m".into(), unit: "page 0".into(), rows: 1, tokens, cost: Decimal::new(cents, 2) }
    }

    #[test]
    fn a_call_that_does_not_fit_says_what_it_may_cost_and_what_is_left() {
        let mut job = document(Budget { max_cost: Some(Decimal::new(10, 2)), max_tokens: Some(100) });
        assert_eq!(job.hold(Uid::new(), &call(60, 4)), Ok(()));
        let tokens = job.hold(Uid::new(), &call(41, 1)).unwrap_err();
        assert_eq!(tokens, "the next call may take up to 41 tokens and 40 of 100 are left");
        let money = job.hold(Uid::new(), &call(1, 7)).unwrap_err();
        assert_eq!(money, "the next call may cost up to 0.07 dollars and 0.06 of 0.1 are left");
    }

    #[test]
    fn what_a_call_did_not_use_can_be_used_again_and_what_nobody_knows_cannot() {
        let mut job = document(Budget { max_cost: None, max_tokens: Some(100) });
        let (first, second) = (Uid::new(), Uid::new());
        job.hold(first, &call(60, 0)).unwrap();
        job.hold(second, &call(40, 0)).unwrap();
        let used = Settled::Exactly { prompt_tokens: 10, completion_tokens: 5, cost: Decimal::ONE };
        assert!(job.settle(first, used));
        assert!(!job.settle(first, used), "a call is settled once");
        assert!(job.settle(second, Settled::Unknown));
        assert!(job.hold(Uid::new(), &call(46, 0)).is_err());
        assert_eq!(job.hold(Uid::new(), &call(45, 0)), Ok(()));
        assert_eq!((job.usage.prompt_tokens, job.usage.completion_tokens, job.usage.cost), (10, 5, Decimal::ONE));
        assert_eq!(job.usage.unconfirmed_tokens, 40);
    }

    #[test]
    fn a_limit_is_raised_by_more_of_either_kind_or_by_none() {
        let budget =
            |cents: Option<i64>, max_tokens| Budget { max_cost: cents.map(|c| Decimal::new(c, 2)), max_tokens };
        let before = budget(Some(10), Some(100));
        for (after, raised) in [
            (budget(Some(11), Some(100)), true),
            (budget(None, Some(100)), true),
            (budget(Some(10), Some(101)), true),
            (budget(Some(10), Some(100)), false),
            (budget(Some(9), Some(99)), false),
        ] {
            assert_eq!(is_raised(Some(&before), &after), raised, "{after:?}");
        }
        assert!(!is_raised(None, &before));
    }

    /// A provider that bills what it wants up to the worst case, also for answers that get lost.
    #[derive(Debug, Clone)]
    enum Move {
        Ask { worst: u64, used: u64, fate: u8 },
        End(prop::sample::Index),
        NewClaim,
        Limit(u64),
    }

    fn moves() -> impl Strategy<Value = Vec<Move>> {
        let ask = (1_u64..400, 0_u64..400, 0_u8..4).prop_map(|(worst, used, fate)| Move::Ask { worst, used, fate });
        let end = any::<prop::sample::Index>().prop_map(Move::End);
        prop::collection::vec(
            prop_oneof![4 => ask, 4 => end, 1 => Just(Move::NewClaim), 1 => (0_u64..500).prop_map(Move::Limit)],
            1..120,
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 10_000, max_shrink_iters: 2_000, ..ProptestConfig::default() })]

        /// Any order of calls, ends, lost answers, crashes and raised limits.
        #[test]
        fn what_is_billed_never_exceeds_the_limit_and_what_was_not_used_comes_back(moves in moves()) {
            let mut limit = 1000_u64;
            let mut job = document(Budget { max_cost: None, max_tokens: Some(limit) });
            let (mut on_their_way, mut billed, mut lost) = (Vec::new(), 0_u64, 0_u64);
            for one in moves {
                match one {
                    Move::Ask { worst, used, fate } => {
                        let id = Uid::new();
                        if job.hold(id, &call(worst, 0)).is_ok() {
                            on_their_way.push((id, worst, used.min(worst), fate));
                        }
                    }
                    Move::End(which) if !on_their_way.is_empty() => {
                        let (id, worst, used, fate) = on_their_way.swap_remove(which.index(on_their_way.len()));
                        match fate {
                            0 => { job.settle(id, Settled::Nothing); }
                            1 => {
                                billed += used;
                                lost += worst;
                                job.settle(id, Settled::Unknown);
                            }
                            _ => {
                                billed += used;
                                let usage = Settled::Exactly { prompt_tokens: used, completion_tokens: 0, cost: Decimal::ZERO };
                                job.settle(id, usage);
                            }
                        }
                    }
                    Move::End(_) => {}
                    // The worker died: every call of it may have been billed.
                    Move::NewClaim => {
                        job.control.epoch += 1;
                        for (id, worst, used, _) in on_their_way.drain(..) {
                            billed += used;
                            lost += worst;
                            job.settle(id, Settled::Unknown);
                        }
                    }
                    Move::Limit(more) => {
                        limit += more;
                        job.budget = Some(Budget { max_cost: None, max_tokens: Some(limit) });
                    }
                }
                let in_flight: u64 = on_their_way.iter().map(|(_, _, used, _)| used).sum();
                prop_assert!(billed + in_flight <= limit, "{billed} and {in_flight} of {limit}");
            }
            for (id, ..) in on_their_way.drain(..) {
                job.settle(id, Settled::Nothing);
            }
            prop_assert!(job.holds.is_empty());
            let used = job.usage.prompt_tokens + job.usage.unconfirmed_tokens;
            prop_assert_eq!(job.usage.unconfirmed_tokens, lost);
            prop_assert_eq!(job.hold(Uid::new(), &call(limit - used, 0)), Ok(()), "all that is left can be used");
        }
    }
}
