//! The activity log: who asked for what, from where, and what came of it. Append-only, and chained so that an edit shows.

mod anchors;
mod chain;
mod entry;
mod intake;
mod keeper;
mod operator;
#[cfg(test)]
mod tests;
mod verify;

pub use anchors::AnchorError;
pub use entry::Entry;
pub use intake::{Intake, QUEUE};
pub use keeper::{anchor, keep, last_anchored};
pub use operator::{OperatorLog, OperatorLogError};
pub use verify::{Finding, Report, VerifyError, verify_log};

use std::sync::Arc;

use dallosh_primitives::{Limit, Uid};
use dallosh_secrets::Authenticator;
use dallosh_store::{Collection, Filter, ListQuery, Sort, Store, StoreError, StoreErrorKind, Versioned};
use tokio::sync::Mutex;

use crate::activity::{
    chain::{Head, Place},
    entry::Draft,
};

/// Who writes what nobody asked for.
const SYSTEM: &str = "dallosh";
/// How often an appending is begun again when other processes come first.
const ATTEMPTS: usize = 100;
/// What the key of the chain is derived for.
const PURPOSE: &str = "activity log";

/// The log: entries, and the head of their chain. Any number of processes may append; the head decides who is next.
pub struct ActivityLog {
    entries: Collection<Entry>,
    heads: Collection<Head>,
    key: Arc<Authenticator>,
    /// The last entry that this process knows to be among the entries, and no longer in the head alone.
    settled: Mutex<i64>,
}

impl ActivityLog {
    /// Opens the collections; a new platform has an empty log.
    pub async fn open(store: &Store, key: Authenticator) -> Result<Self, StoreError> {
        let (entries, heads) = (store.collection().await?, store.collection::<Head>().await?);
        let key = Arc::new(key);
        match heads
            .insert_as(Head::uid(), Head::new(Place::default(), Place::default(), Vec::new(), &key), SYSTEM)
            .await
        {
            Err(error) if error.kind != StoreErrorKind::Duplicate => return Err(error),
            _ => {}
        }
        Ok(Self { entries, heads, key, settled: Mutex::new(-1) })
    }

    /// Appends what is not in the log yet, in this order.
    ///
    /// The head is written first, and takes the new entries along until they are written too; so a crash in between
    /// loses none, and of two writers one comes second and begins again.
    pub async fn append(&self, drafts: &[(Uid, Draft)]) -> Result<(), StoreError> {
        // One at a time: processes compete by the head, the tasks of one need not.
        let mut settled = self.settled.lock().await;
        for _ in 0..ATTEMPTS {
            let mut head = self.head().await?;
            self.settle(&head.data, &mut settled).await?;
            let uids: Vec<_> = drafts.iter().map(|(uid, _)| *uid).collect();
            let known = self.entries.find_many(&uids).await?;
            let is_known = |uid: &Uid| {
                known.iter().any(|entry| entry.uid == *uid) || head.data.pending.iter().any(|one| one.uid == *uid)
            };
            let mut place = head.data.place.clone();
            let mut added = Vec::new();
            for (uid, draft) in drafts.iter().filter(|(uid, _)| !is_known(uid)) {
                let entry = Entry::following(&place, *uid, draft.clone(), &self.key);
                place = entry.place();
                added.push(chain::Pending { uid: *uid, entry });
            }
            if added.is_empty() {
                return Ok(());
            }
            head.data = Head::new(place, head.data.dropped, added, &self.key);
            match self.heads.replace(head, SYSTEM).await {
                Ok(head) => return self.settle(&head.data, &mut settled).await,
                Err(error) if error.kind == StoreErrorKind::Stale => {}
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::new(StoreErrorKind::Unavailable, "append", "logs").because("other writers always came first"))
    }

    /// One page, the newest first or the oldest first.
    pub async fn page(&self, query: ListQuery) -> Result<dallosh_primitives::Page<Versioned<Entry>>, StoreError> {
        self.entries.list(&query).await
    }

    /// One entry.
    pub async fn find(&self, uid: Uid) -> Result<Option<Versioned<Entry>>, StoreError> {
        self.entries.find(uid).await
    }

    /// Drops the entries at the beginning that are older than `cutoff` (as `at` is written). The head says up to which
    /// place before they are deleted, so that what is left can still be verified.
    pub async fn drop_before(&self, cutoff: &str) -> Result<u64, StoreError> {
        let filter = |from: i64| Filter::Range("seq", Some(from.into()), None);
        let mut dropped = self.head().await?.data.dropped;
        let begin = dropped.seq;
        loop {
            let query = ListQuery {
                filter: filter(dropped.seq.saturating_add(1)),
                sort: Sort::ascending("seq"),
                limit: Limit::coerce(Some(i64::from(Limit::MAX))),
                cursor: None,
            };
            let page = self.entries.list(&query).await?;
            let count = page.items.len();
            let old: Vec<_> = page.items.into_iter().take_while(|entry| *entry.data.at < *cutoff).collect();
            let all = old.len() == count;
            if let Some(last) = old.into_iter().next_back() {
                dropped = last.data.place();
            }
            if !all || count == 0 {
                break;
            }
        }
        let target = dropped.clone();
        if dropped.seq > begin {
            let key = &self.key;
            self.heads
                .modify(Head::uid(), SYSTEM, |head| {
                    let Head { place, dropped, pending, .. } = head.data.clone();
                    let later = if dropped.seq < target.seq { target.clone() } else { dropped };
                    head.data = Head::new(place, later, pending, key);
                    Ok::<_, std::convert::Infallible>(())
                })
                .await?;
        }
        // Also what an earlier time did not come to delete.
        self.entries.delete_many(&Filter::Range("seq", None, Some(target.seq.saturating_add(1).into()))).await
    }

    /// Where the chain ends.
    pub async fn end(&self) -> Result<Place, StoreError> {
        Ok(self.head().await?.data.place)
    }

    /// The key of the chain.
    pub fn key(&self) -> &Authenticator {
        &self.key
    }

    async fn head(&self) -> Result<Versioned<Head>, StoreError> {
        let gone =
            || StoreError::new(StoreErrorKind::Corrupt, "find", "log_heads").because("the head of the log is gone");
        self.heads.find(Head::uid()).await?.ok_or_else(gone)
    }

    /// Writes those entries that only the head holds yet.
    async fn settle(&self, head: &Head, settled: &mut i64) -> Result<(), StoreError> {
        if *settled == head.place.seq {
            return Ok(());
        }
        let pending = head.pending.iter().filter(|one| one.entry.seq > head.dropped.seq);
        let pending: Vec<_> = pending.map(|one| (one.uid, one.entry.clone())).collect();
        if !pending.is_empty() {
            self.entries.insert_many(pending, SYSTEM).await?;
        }
        *settled = head.place.seq;
        Ok(())
    }
}

/// The key of the chain, derived from the master key.
pub fn chain_key(config: &dallosh_service_kit::Config) -> Result<Authenticator, dallosh_secrets::KeyError> {
    Authenticator::new(&config.master_keys()?, PURPOSE)
}
