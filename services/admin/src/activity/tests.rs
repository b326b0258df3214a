use std::{collections::BTreeSet, path::PathBuf, sync::Arc, time::Instant};

use chrono::{TimeDelta, Utc};
use dallosh_contracts::Activity;
use dallosh_primitives::SystemClock;
use dallosh_store::Store;
use tempfile::TempDir;

use super::{verify::verify, *};
use crate::activity::keeper::anchor;

struct World {
    folder: TempDir,
    store: Store,
    log: ActivityLog,
}

fn key() -> Authenticator {
    Authenticator::open(Some(&"a long master key 1".into()), "nowhere".as_ref(), PURPOSE).unwrap()
}

fn draft(number: usize) -> (Uid, Draft) {
    let activity = Activity {
        id: Uid::new(),
        at: Utc::now(),
        method: "PATCH".to_owned(),
        path: format!("/v1/files/{number}"),
        status: 200,
        requested_by: Some(Uid::new()),
        request_id: format!("request-{number}"),
        ip: Some("203.0.113.9".to_owned()),
        duration_ms: 12,
    };
    (activity.id, activity.into())
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("log.db").display());
        let store = Store::open(&url, Arc::new(SystemClock)).await.unwrap();
        let log = ActivityLog::open(&store, key()).await.unwrap();
        Self { folder, store, log }
    }

    /// With so many entries, of which the last one alone is still in the head too.
    async fn with(count: usize) -> Self {
        let world = Self::new().await;
        let drafts: Vec<_> = (1..count).map(draft).collect();
        for some in drafts.chunks(200) {
            world.log.append(some).await.unwrap();
        }
        world.log.append(&[draft(count)]).await.unwrap();
        world
    }

    fn anchors(&self) -> PathBuf {
        self.folder.path().join("anchors")
    }

    async fn anchor(&self) {
        anchor(&self.log, &self.anchors(), &mut Place::default()).await;
    }

    async fn verify(&self) -> Report {
        verify(&self.store, &key(), &self.anchors()).await.unwrap()
    }

    async fn findings(&self) -> Vec<Finding> {
        let report = self.verify().await;
        assert_eq!(report.intact, report.findings.is_empty());
        report.findings
    }

    async fn entry(&self, seq: i64) -> Versioned<Entry> {
        let filter = Filter::eq("seq", seq);
        self.log.entries.first(&ListQuery { filter, ..ListQuery::newest(Filter::All) }).await.unwrap().unwrap()
    }

    async fn take(&self, seq: i64) -> Versioned<Entry> {
        let entry = self.entry(seq).await;
        assert!(self.log.entries.delete(entry.uid).await.unwrap());
        entry
    }

    async fn put(&self, entry: Versioned<Entry>) {
        self.log.entries.insert_as(entry.uid, entry.data, "test").await.unwrap();
    }
}

/// A field, and how somebody would change it.
type Edit = (&'static str, fn(&mut Entry));

const EDITS: [Edit; 11] = [
    ("at", |entry| entry.at = "2020-01-01T00:00:00.000000Z".to_owned()),
    ("method", |entry| entry.method = "GET".to_owned()),
    ("path", |entry| entry.path.push('x')),
    ("status", |entry| entry.status = Some(403)),
    ("requested_by", |entry| entry.requested_by = None),
    ("request_id", |entry| entry.request_id = String::new()),
    ("ip", |entry| entry.ip = Some("203.0.113.10".to_owned())),
    ("duration_ms", |entry| entry.duration_ms += 1),
    ("lost", |entry| entry.lost = 1),
    ("prev_hash", |entry| entry.prev_hash = "zz".to_owned()),
    ("hash", |entry| entry.hash = "00".repeat(32)),
];

#[tokio::test]
async fn every_edit_deletion_and_swap_is_found_where_it_was_made() {
    let world = World::with(120).await;
    assert_eq!(world.findings().await, []);
    for seq in (1..120).step_by(13) {
        for (field, edit) in EDITS {
            let kept = world.entry(seq).await;
            let mut changed = kept.clone();
            edit(&mut changed.data);
            let changed = world.log.entries.replace(changed, "somebody").await.unwrap();
            assert_eq!(world.findings().await, [Finding::Changed { seq }], "{field} of {seq}");
            world.log.entries.replace(Versioned { data: kept.data, ..changed }, "test").await.unwrap();
        }
        let taken = world.take(seq).await;
        assert_eq!(world.findings().await, [Finding::Missing { from: seq, to: seq }]);
        world.put(taken).await;
        for other in (seq + 1..120).step_by(29) {
            let (mut one, mut another) = (world.take(seq).await, world.take(other).await);
            std::mem::swap(&mut one.data.seq, &mut another.data.seq);
            let (low, high) = (one.clone(), another.clone());
            world.put(low).await;
            world.put(high).await;
            let both = [Finding::Changed { seq }, Finding::Changed { seq: other }];
            assert_eq!(world.findings().await, both);
            let (mut one, mut another) = (world.take(other).await, world.take(seq).await);
            std::mem::swap(&mut one.data.seq, &mut another.data.seq);
            world.put(one).await;
            world.put(another).await;
        }
    }
    assert_eq!(world.findings().await, []);
}

#[tokio::test]
async fn an_edit_a_deletion_and_a_cut_tail_of_ten_thousand_entries_are_found() {
    let world = World::with(10_000).await;
    world.anchor().await;
    let began = Instant::now();
    let report = world.verify().await;
    println!("10,000 entries were verified in {:?}", began.elapsed());
    assert_eq!((report.intact, report.entries, report.last, report.anchors), (true, 10_000, 10_000, 1));

    let mut changed = world.entry(7_777).await;
    changed.data.status = Some(200 + 1);
    world.log.entries.replace(changed, "somebody").await.unwrap();
    world.take(42).await;
    let expected = [Finding::Missing { from: 42, to: 42 }, Finding::Changed { seq: 7_777 }];
    assert_eq!(world.findings().await, expected);
}

#[tokio::test]
async fn a_tail_that_is_cut_together_with_the_head_is_missed_by_the_anchors() {
    let world = World::with(50).await;
    let old = world.log.head().await.unwrap().data;
    for number in 0..5 {
        world.log.append(&[draft(number)]).await.unwrap();
    }
    world.anchor().await;
    for seq in 51..=55 {
        world.take(seq).await;
    }
    let mut head = world.log.head().await.unwrap();
    head.data = old;
    world.log.heads.replace(head, "somebody").await.unwrap();
    assert_eq!(world.findings().await, [Finding::Missing { from: 51, to: 55 }]);
}

#[tokio::test]
async fn a_forged_head_and_a_forged_anchor_are_told_from_ours() {
    let world = World::with(3).await;
    world.anchor().await;
    let text = std::fs::read_to_string(world.anchors()).unwrap();
    std::fs::write(world.anchors(), text.replace("\"seq\":3", "\"seq\":2")).unwrap();
    assert_eq!(world.findings().await, [Finding::AnchorChanged { line: 1 }]);
    std::fs::write(world.anchors(), text).unwrap();
    let mut head = world.log.head().await.unwrap();
    head.data.dropped = world.entry(1).await.data.place();
    world.log.heads.replace(head, "somebody").await.unwrap();
    assert_eq!(world.findings().await, [Finding::HeadChanged]);
}

#[tokio::test]
async fn processes_that_append_at_once_make_one_chain_and_what_comes_twice_is_in_it_once() {
    let world = World::new().await;
    let other = ActivityLog::open(&world.store, key()).await.unwrap();
    let drafts: Vec<_> = (0..60).map(draft).collect();
    let mine = async {
        for some in drafts.chunks(3) {
            world.log.append(some).await.unwrap();
        }
    };
    let theirs = async {
        for some in drafts.chunks(5) {
            other.append(some).await.unwrap();
        }
    };
    tokio::join!(mine, theirs);
    let report = world.verify().await;
    assert_eq!((report.findings, report.entries, report.last), (Vec::new(), 60, 60));
    let mut query = ListQuery { limit: Limit::coerce(Some(200)), ..ListQuery::newest(Filter::All) };
    query.sort = Sort::ascending("seq");
    let uids: BTreeSet<_> = world.log.page(query).await.unwrap().items.into_iter().map(|entry| entry.uid).collect();
    assert_eq!(uids, drafts.iter().map(|(uid, _)| *uid).collect());
}

#[tokio::test]
async fn what_a_crash_left_in_the_head_alone_is_in_the_log_and_written_later() {
    let world = World::with(4).await;
    let mut head = world.log.head().await.unwrap();
    let (uid, lone) = draft(5);
    let entry = Entry::following(&head.data.place, uid, lone, &key());
    let place = entry.place();
    head.data = Head::new(place, head.data.dropped, vec![chain::Pending { uid, entry }], &key());
    world.log.heads.replace(head, "test").await.unwrap();
    let report = world.verify().await;
    assert_eq!((report.findings, report.entries), (Vec::new(), 5));
    let next = ActivityLog::open(&world.store, key()).await.unwrap();
    assert!(next.find(uid).await.unwrap().is_none());
    next.append(&[draft(6)]).await.unwrap();
    assert_eq!(next.find(uid).await.unwrap().unwrap().data.seq, 5);
    assert_eq!(world.verify().await.entries, 6);
}

#[tokio::test]
async fn what_is_left_after_old_entries_were_dropped_can_still_be_verified() {
    let world = World::new().await;
    let long_ago = time_of(-400);
    for number in 0..250 {
        let (uid, mut old) = draft(number);
        old.at.clone_from(&long_ago);
        world.log.append(&[(uid, old)]).await.unwrap();
    }
    for number in 0..10 {
        world.log.append(&[draft(number)]).await.unwrap();
    }
    assert_eq!(world.log.drop_before(&time_of(-365)).await.unwrap(), 250);
    let report = world.verify().await;
    assert_eq!((report.findings.len(), report.entries, report.dropped_to, report.last), (0, 10, 250, 260));
    assert_eq!(world.log.drop_before(&time_of(-365)).await.unwrap(), 0);
    world.take(251).await;
    assert_eq!(world.findings().await, [Finding::Missing { from: 251, to: 251 }]);
}

fn time_of(days: i64) -> String {
    entry::time_text(Utc::now() + TimeDelta::days(days))
}
