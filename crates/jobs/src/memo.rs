//! What was paid for already, by key: a result is paid for once, whoever needs it and however often.
//!
//! Whoever wants to pay for results claims their keys first; others wait for the results or for the claim to end. A claim
//! counts as long as its job runs under the epoch that made it, so one of a dead worker ends with the next claim of its
//! job.

use std::collections::{BTreeSet, HashMap, HashSet};

use dallosh_primitives::Uid;
use dallosh_store::{Collection, Document, Filter, Index};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{JobDocument, JobError, State};

/// A result: collection `memo`, under its key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct MemoDocument {
    pub result: Value,
}

impl Document for MemoDocument {
    const COLLECTION: &'static str = "memo";
}

/// Somebody is about to pay for a result: collection `memo_claims`, under the result's key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ClaimDocument {
    pub job: Uid,
    pub epoch: i64,
    /// The part of the job's work that made the claim.
    pub part: String,
}

impl Document for ClaimDocument {
    const COLLECTION: &'static str = "memo_claims";
    const INDEXES: &'static [Index] = &[Index { fields: &["job"], unique: false }];
}

/// Results that were paid for, of all jobs.
#[derive(Clone)]
pub struct Memo {
    pub(crate) results: Collection<MemoDocument>,
    pub(crate) claims: Collection<ClaimDocument>,
    pub(crate) jobs: Collection<JobDocument>,
}

impl Memo {
    /// Those of the results that there are.
    pub async fn recall(&self, keys: &[Uid]) -> Result<HashMap<Uid, Value>, JobError> {
        let found = self.results.find_many(keys).await?;
        Ok(found.into_iter().map(|one| (one.uid, one.data.result)).collect())
    }

    /// Keeps results; one that is there already stays as it is.
    pub(crate) async fn remember(&self, results: Vec<(Uid, Value)>) -> Result<(), JobError> {
        let documents = results.into_iter().map(|(key, result)| (key, MemoDocument { result })).collect();
        self.results.insert_many(documents, "memo").await?;
        Ok(())
    }

    /// Claims keys for a part of a job; those that it has now. The others are somebody else's, who is at work.
    ///
    /// A result may have come between looking and claiming: look again at those that were claimed.
    pub(crate) async fn claim(&self, by: &ClaimDocument, keys: &[Uid]) -> Result<HashSet<Uid>, JobError> {
        let insert = async |keys: Vec<Uid>| {
            let documents = keys.into_iter().map(|key| (key, by.clone())).collect();
            self.claims.insert_many(documents, "memo").await
        };
        let mut mine = insert(keys.to_vec()).await?;
        let taken: Vec<Uid> = keys.iter().copied().filter(|key| !mine.contains(key)).collect();
        let found = self.claims.find_many(&taken).await?;
        mine.extend(found.iter().filter(|claim| claim.data == *by).map(|claim| claim.uid));
        let holders: BTreeSet<(Uid, i64)> = found.iter().map(|claim| (claim.data.job, claim.data.epoch)).collect();
        for (job, epoch) in holders {
            if self.is_at_work(job, epoch, by).await? {
                continue;
            }
            // Only what this dead holder claimed: somebody else may have been faster.
            let dead =
                |claim: &&dallosh_store::Versioned<ClaimDocument>| (claim.data.job, claim.data.epoch) == (job, epoch);
            let keys: Vec<Uid> = found.iter().filter(dead).map(|claim| claim.uid).collect();
            let filter =
                Filter::any("uid", keys.iter().copied()).and(Filter::eq("job", job)).and(Filter::eq("epoch", epoch));
            self.claims.delete_many(&filter).await?;
            mine.extend(insert(keys).await?);
        }
        Ok(mine)
    }

    async fn is_at_work(&self, job: Uid, epoch: i64, by: &ClaimDocument) -> Result<bool, JobError> {
        if job == by.job {
            return Ok(epoch == by.epoch);
        }
        let found = self.jobs.find(job).await?;
        Ok(found.is_some_and(|job| job.data.control.state == State::Running && job.data.control.epoch == epoch))
    }

    /// Ends the claims of a part of a job.
    pub(crate) async fn release(&self, by: &ClaimDocument) -> Result<(), JobError> {
        let filter =
            Filter::eq("job", by.job).and(Filter::eq("epoch", by.epoch)).and(Filter::eq("part", by.part.as_str()));
        self.claims.delete_many(&filter).await?;
        Ok(())
    }

    /// Ends all claims of a job, or those that were made under one epoch.
    pub(crate) async fn release_all(&self, job: Uid, epoch: Option<i64>) -> Result<(), JobError> {
        let of_epoch = epoch.map_or(Filter::All, |epoch| Filter::eq("epoch", epoch));
        self.claims.delete_many(&Filter::eq("job", job).and(of_epoch)).await?;
        Ok(())
    }
}
