use std::{collections::BTreeMap, fmt, path::Path};

use dallosh_primitives::Limit;
use dallosh_secrets::{Authenticator, KeyError};
use dallosh_service_kit::Config;
use dallosh_store::{Filter, ListQuery, Sort, Store, StoreError};
use serde::Serialize;

use crate::activity::{
    AnchorError, Entry, anchors,
    chain::{Head, Place},
    chain_key,
};

/// How many findings are told one by one.
const TOLD: usize = 100;

/// The log could not be verified.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The database failed.
    #[error("the log can't be read")]
    Store(#[from] StoreError),
    /// The key can't be had.
    #[error("the master key can't be had")]
    Key(#[from] KeyError),
    /// The anchors can't be read.
    #[error(transparent)]
    Anchors(#[from] AnchorError),
}

/// Something that nobody who appends does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "finding", rename_all = "snake_case")]
pub enum Finding {
    /// There is no head: nothing says where the log begins and ends.
    NoHead,
    /// The head was not written by a holder of the key.
    HeadChanged,
    /// The head was written under a master key that was replaced since: the rotation was not finished, or a holder of the
    /// old key wrote it.
    HeadOfFormerKey {
        /// The id of that key.
        key_id: String,
    },
    /// Entries can't be checked, since their master key is not here.
    KeyMissing {
        /// The id of that key.
        key_id: String,
        /// The first one.
        from: i64,
        /// The last one.
        to: i64,
    },
    /// The entry does not say what it said when it was appended, or never was.
    Changed {
        /// Its number.
        seq: i64,
    },
    /// Entries are gone.
    Missing {
        /// The first one.
        from: i64,
        /// The last one.
        to: i64,
    },
    /// The entry does not follow the one before it.
    OutOfOrder {
        /// Its number.
        seq: i64,
    },
    /// The entry, or the end of the log, is not the one that was anchored.
    NotAnchored {
        /// Its number.
        seq: i64,
    },
    /// The line of the anchors was not written by a holder of the key.
    AnchorChanged {
        /// The line.
        line: usize,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoHead => f.write_str("there is no log, or its head is gone"),
            Self::HeadChanged => f.write_str("the head of the log was changed"),
            Self::HeadOfFormerKey { key_id } => write!(
                f,
                "the head of the log is under the former master key {key_id}: `dallosh secrets rotate` was not finished, \
                 or somebody else has that key"
            ),
            Self::KeyMissing { key_id, from, to } => {
                write!(f, "entries {from} to {to} can't be checked: their master key {key_id} is not here")
            }
            Self::Changed { seq } => write!(f, "entry {seq} was changed, or put in"),
            Self::Missing { from, to } => write!(f, "entries {from} to {to} are missing"),
            Self::OutOfOrder { seq } => write!(f, "entry {seq} does not follow the one before it"),
            Self::NotAnchored { seq } => write!(f, "entry {seq} is not the one that was anchored"),
            Self::AnchorChanged { line } => write!(f, "line {line} of the anchors was changed"),
        }
    }
}

/// What a verification came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether nothing was found.
    pub intact: bool,
    /// Entries that were read.
    pub entries: u64,
    /// The last entry that was dropped for its age; 0 for none.
    pub dropped_to: i64,
    /// The last entry.
    pub last: i64,
    /// Anchors that were compared.
    pub anchors: usize,
    /// How many entries are under which master key, by its id. Entries from before there were several are not counted.
    pub keys: BTreeMap<String, u64>,
    /// How much was found.
    pub count: usize,
    /// The first hundred findings.
    pub findings: Vec<Finding>,
}

impl Report {
    fn found(&mut self, finding: Finding) {
        self.count = self.count.saturating_add(1);
        if self.findings.len() < TOLD {
            self.findings.push(finding);
        }
    }

    fn count_key(&mut self, key_id: &str) {
        match self.keys.get_mut(key_id) {
            Some(count) => *count = count.saturating_add(1),
            None => drop(self.keys.insert(key_id.to_owned(), 1)),
        }
    }

    /// Entries in a row without their key are one finding.
    fn found_without_key(&mut self, key_id: &str, seq: i64) {
        match self.findings.last_mut() {
            Some(Finding::KeyMissing { key_id: last, to, .. }) if last == key_id && to.saturating_add(1) == seq => {
                *to = seq;
            }
            _ => self.found(Finding::KeyMissing { key_id: key_id.to_owned(), from: seq, to: seq }),
        }
    }
}

/// Reads the whole log, and says what was changed, taken away or put elsewhere, and where. Writes nothing.
///
/// # Errors
/// [`VerifyError`]; what is found is no error.
pub async fn verify_log(config: &Config, store: &Store) -> Result<Report, VerifyError> {
    verify(store, &chain_key(config)?, &config.log_anchors).await
}

pub async fn verify(store: &Store, key: &Authenticator, file: &Path) -> Result<Report, VerifyError> {
    let (entries, heads) = (store.collection::<Entry>().await?, store.collection::<Head>().await?);
    let mut report = Report::default();
    let mut anchored = BTreeMap::new();
    for (line, place) in anchors::read(file, key)? {
        match place {
            Some(place) => drop(anchored.entry(place.seq).or_insert(place.hash)),
            None => report.found(Finding::AnchorChanged { line }),
        }
    }
    report.anchors = anchored.len();
    let Some(head) = heads.find(Head::uid()).await?.map(|head| head.data) else {
        report.found(Finding::NoHead);
        return Ok(report);
    };
    if !head.is_genuine(key) {
        report.found(Finding::HeadChanged);
    } else if let Some(key_id) = head.key_id.as_ref().filter(|id| *id != key.key_id()) {
        report.found(Finding::HeadOfFormerKey { key_id: key_id.clone() });
    }
    report.dropped_to = head.dropped.seq;
    // What was appended last may be in the head alone.
    let pending: BTreeMap<_, _> = head.pending.iter().map(|one| (one.entry.seq, one)).collect();
    let mut walk = Walk { key, at: Some(head.dropped.clone()), last: head.dropped.seq, anchored, report };
    let after = |cursor: Option<String>| {
        let filter = Filter::Range("seq", Some(head.dropped.seq.saturating_add(1).into()), None);
        let limit = Limit::coerce(Some(i64::from(Limit::MAX)));
        ListQuery { filter, sort: Sort::ascending("seq"), limit, cursor }
    };
    let mut page = entries.list(&after(None)).await?;
    loop {
        let (items, cursor) = (page.items, page.next_cursor);
        // The next page is read while this one is looked through.
        let next = async {
            match cursor {
                Some(cursor) => entries.list(&after(Some(cursor))).await.map(Some),
                None => Ok(None),
            }
        };
        let look = async {
            for entry in items.into_iter().filter(|entry| entry.data.seq <= head.place.seq) {
                let before = entry.data.seq;
                while let Some(one) = pending.get(&walk.last.saturating_add(1)).filter(|one| one.entry.seq < before) {
                    walk.step(one.uid, &one.entry);
                }
                walk.step(entry.uid, &entry.data);
            }
        };
        let (next, ()) = tokio::join!(next, look);
        match next? {
            Some(next) => page = next,
            None => break,
        }
    }
    while let Some(one) = pending.get(&walk.last.saturating_add(1)) {
        walk.step(one.uid, &one.entry);
    }
    Ok(walk.end(&head.place))
}

/// A walk along the chain.
struct Walk<'a> {
    key: &'a Authenticator,
    /// What the next entry has to follow; nothing behind an entry that is not to be believed.
    at: Option<Place>,
    last: i64,
    anchored: BTreeMap<i64, String>,
    report: Report,
}

impl Walk<'_> {
    fn step(&mut self, uid: dallosh_primitives::Uid, entry: &Entry) {
        self.report.entries = self.report.entries.saturating_add(1);
        let expected = self.last.saturating_add(1);
        if entry.seq > expected {
            self.report.found(Finding::Missing { from: expected, to: entry.seq.saturating_sub(1) });
            self.at = None;
        }
        if let Some(key_id) = &entry.key_id {
            self.report.count_key(key_id);
        }
        let missing = entry.key_id.as_ref().filter(|key_id| !self.key.knows(key_id));
        let is_genuine = missing.is_none() && entry.is_genuine(uid, self.key);
        if let Some(key_id) = missing {
            self.report.found_without_key(key_id, entry.seq);
        } else if !is_genuine {
            self.report.found(Finding::Changed { seq: entry.seq });
        } else if self.at.as_ref().is_some_and(|at| at.hash != entry.prev_hash) || entry.seq < expected {
            self.report.found(Finding::OutOfOrder { seq: entry.seq });
        } else if self.anchored.get(&entry.seq).is_some_and(|hash| *hash != entry.hash) {
            self.report.found(Finding::NotAnchored { seq: entry.seq });
        }
        // Without its key an entry is still held by the one behind it.
        self.at = (is_genuine || missing.is_some()).then(|| entry.place());
        self.last = self.last.max(entry.seq);
    }

    fn end(mut self, head: &Place) -> Report {
        if head.seq > self.last {
            self.report.found(Finding::Missing { from: self.last.saturating_add(1), to: head.seq });
        } else if self.at.as_ref().is_some_and(|at| at != head) {
            self.report.found(Finding::OutOfOrder { seq: head.seq });
        }
        if let Some((seq, _)) = self.anchored.last_key_value().filter(|(seq, _)| **seq > head.seq) {
            self.report.found(Finding::Missing { from: head.seq.saturating_add(1), to: *seq });
        }
        self.report.last = head.seq;
        self.report.intact = self.report.count == 0;
        self.report
    }
}
