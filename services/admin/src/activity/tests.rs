use std::{collections::BTreeSet, path::PathBuf, sync::Arc, time::Instant};

use chrono::{TimeDelta, Utc};
use dallosh_contracts::Activity;
use dallosh_primitives::SystemClock;
use dallosh_secrets::MasterKeys;
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
    key_after("a long master key 1", &[])
}

fn key_after(present: &str, previous: &[&str]) -> Authenticator {
    let previous: Vec<_> = previous.iter().map(|&key| key.into()).collect();
    let keys = MasterKeys::open(Some(&present.into()), &previous, "nowhere".as_ref()).unwrap();
    Authenticator::new(&keys, PURPOSE).unwrap()
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
        // Every other one stands for several.
        times: 1 + (number as u64 % 2) * 5,
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
        self.verify_with(&key()).await
    }

    async fn verify_with(&self, key: &Authenticator) -> Report {
        verify(&self.store, key, &self.anchors()).await.unwrap()
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

const EDITS: [Edit; 14] = [
    ("at", |entry| entry.at = "2020-01-01T00:00:00.000000Z".to_owned()),
    ("method", |entry| entry.method = "GET".to_owned()),
    ("path", |entry| entry.path.push('x')),
    ("status", |entry| entry.status = Some(403)),
    ("requested_by", |entry| entry.requested_by = None),
    ("request_id", |entry| entry.request_id = String::new()),
    ("ip", |entry| entry.ip = Some("203.0.113.10".to_owned())),
    ("duration_ms", |entry| entry.duration_ms += 1),
    ("lost", |entry| entry.lost = 1),
    ("times", |entry| entry.times += 1),
    ("prev_hash", |entry| entry.prev_hash = "zz".to_owned()),
    ("key_id", |entry| entry.key_id = None),
    ("key_id", |entry| entry.key_id = Some(key_after("a long master key 0", &[]).key_id().to_owned())),
    ("hash", |entry| entry.hash = "00".repeat(32)),
];

#[tokio::test]
async fn every_edit_deletion_and_swap_is_found_where_it_was_made() {
    let world = World::with(120).await;
    assert_eq!(world.findings().await, []);
    for seq in (1..120).step_by(13) {
        let keys = key_after("a long master key 1", &["a long master key 0"]);
        for (field, edit) in EDITS {
            let kept = world.entry(seq).await;
            let mut changed = kept.clone();
            edit(&mut changed.data);
            let changed = world.log.entries.replace(changed, "somebody").await.unwrap();
            let findings = world.verify_with(&keys).await.findings;
            assert_eq!(findings, [Finding::Changed { seq }], "{field} of {seq}");
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

#[tokio::test]
async fn a_log_goes_on_under_another_master_key_and_is_proved_on_both_sides() {
    let world = World::with(30).await;
    world.anchor().await;
    let both = key_after("a long master key 2", &["a long master key 1"]);
    let former = key().key_id().to_owned();
    let unfinished = world.verify_with(&both).await;
    assert_eq!(unfinished.findings, [Finding::HeadOfFormerKey { key_id: former.clone() }]);

    let log =
        ActivityLog::open(&world.store, key_after("a long master key 2", &["a long master key 1"])).await.unwrap();
    for number in 30..40 {
        log.append(&[draft(number)]).await.unwrap();
    }
    anchor(&log, &world.anchors(), &mut Place::default()).await;
    let report = world.verify_with(&both).await;
    assert_eq!((report.findings, report.entries, report.anchors), (Vec::new(), 40, 2));
    assert_eq!(report.keys, [(former.clone(), 30), (both.key_id().to_owned(), 10)].into());

    let alone = world.verify_with(&key_after("a long master key 2", &[])).await;
    let missing = Finding::KeyMissing { key_id: former, from: 1, to: 30 };
    assert_eq!(alone.findings, [Finding::AnchorChanged { line: 1 }, missing]);
    for seq in [7, 30, 31, 35] {
        let kept = world.entry(seq).await;
        let mut changed = kept.clone();
        changed.data.path.push('x');
        let changed = world.log.entries.replace(changed, "somebody").await.unwrap();
        assert_eq!(world.verify_with(&both).await.findings, [Finding::Changed { seq }]);
        world.log.entries.replace(Versioned { data: kept.data, ..changed }, "test").await.unwrap();
    }
}

#[tokio::test]
async fn who_has_the_former_key_alone_puts_nothing_between_later_entries() {
    let world = World::with(10).await;
    let both = || key_after("a long master key 2", &["a long master key 1"]);
    let log = ActivityLog::open(&world.store, both()).await.unwrap();
    for number in 10..15 {
        log.append(&[draft(number)]).await.unwrap();
    }
    for (seq, findings) in [(5, [Finding::OutOfOrder { seq: 6 }]), (12, [Finding::OutOfOrder { seq: 13 }])] {
        let kept = world.entry(seq).await;
        let before = world.entry(seq - 1).await.data.place();
        let (_, other) = draft(99);
        let forged = Entry::following(&before, kept.uid, other, &key());
        let forged = world.log.entries.replace(Versioned { data: forged, ..kept.clone() }, "somebody").await.unwrap();
        assert_eq!(world.verify_with(&both()).await.findings, findings);
        world.log.entries.replace(Versioned { data: kept.data, ..forged }, "test").await.unwrap();
    }
}

/// Two entries, the head and an anchor under "a long master key 1", as they were written before keys had ids.
fn from_before_key_ids() -> (Vec<Versioned<Entry>>, Head, &'static str) {
    let entry = |uid: &str, text: &str| {
        let data = serde_json::from_str(text).unwrap();
        Versioned::new(uid.parse().unwrap(), data, "test", Utc::now())
    };
    let entries = vec![
        entry(
            "01890a5d-ac96-774b-bcce-b302099a8057",
            r#"{"seq":1,"at":"2026-01-02T03:04:01.000000Z","method":"PATCH","path":"/v1/files/1","status":200,"requested_by":"01890a5d-ac96-774b-bcce-b302099a8059","request_id":"request-1","ip":"203.0.113.9","duration_ms":12,"lost":0,"prev_hash":"","hash":"f4fa24e6f162599c34ad64f0e2d1da36544384072c81de2137a72da8db7c6e81"}"#,
        ),
        entry(
            "01890a5d-ac96-774b-bcce-b302099a8058",
            r#"{"seq":2,"at":"2026-01-02T03:04:02.000000Z","method":"POST","path":"/v1/auth/login","status":401,"requested_by":null,"request_id":"request-2","ip":"203.0.113.9","duration_ms":12,"lost":0,"prev_hash":"f4fa24e6f162599c34ad64f0e2d1da36544384072c81de2137a72da8db7c6e81","hash":"563579aaf3f0b03ef789dfd7afcd156e0c8da3c4ee25956141b00dc5639991d7"}"#,
        ),
    ];
    let head = r#"{"place":{"seq":2,"hash":"563579aaf3f0b03ef789dfd7afcd156e0c8da3c4ee25956141b00dc5639991d7"},"dropped":{"seq":0,"hash":""},"pending":[],"mac":"9838fc06c3fcaf807a52312a7849abb37c7d41167f7517f62c7f361984abdb3f"}"#;
    (
        entries,
        serde_json::from_str(head).unwrap(),
        r#"{"seq":2,"hash":"563579aaf3f0b03ef789dfd7afcd156e0c8da3c4ee25956141b00dc5639991d7","at":"2026-01-02T04:00:00.000000Z","mac":"d1a0e5de00dbd391326c9c096c1154d018bfe86260c027f2ddb1123376228b68"}"#,
    )
}

#[tokio::test]
async fn entries_head_and_anchors_from_before_keys_had_ids_are_proved_still() {
    let world = World::new().await;
    let (entries, head, anchor) = from_before_key_ids();
    for entry in entries {
        world.put(entry).await;
    }
    let mut stored = world.log.head().await.unwrap();
    stored.data = head;
    world.log.heads.replace(stored, "test").await.unwrap();
    std::fs::write(world.anchors(), anchor).unwrap();
    let report = world.verify_with(&key_after("a long master key 2", &["a long master key 1"])).await;
    assert_eq!((report.findings, report.entries, report.anchors), (Vec::new(), 2, 1));
    world.log.append(&[draft(3)]).await.unwrap();
    assert_eq!(world.findings().await, []);
    let mut changed = world.entry(1).await;
    changed.data.key_id = Some(key().key_id().to_owned());
    world.log.entries.replace(changed, "somebody").await.unwrap();
    assert_eq!(world.findings().await, [Finding::Changed { seq: 1 }]);
}
