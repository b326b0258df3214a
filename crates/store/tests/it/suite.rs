//! What every backend does, as cases over an empty [`Store`](dallosh_store::Store).

use std::collections::{BTreeMap, BTreeSet, HashSet};

use chrono::TimeDelta;
use dallosh_primitives::{Limit, Uid};
use dallosh_store::{
    Collection, Document, Filter, Index, ListQuery, Modified, Order, Sort, StoreErrorKind, Value, Versioned,
};
use futures::future::join_all;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::backends::Place;

/// Any JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Free(pub serde_json::Value);

impl Document for Free {
    const COLLECTION: &'static str = "free";
}

/// A document with unique fields, one of which may be missing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Account {
    pub name: String,
    pub email: Option<String>,
    pub seat: Seat,
    pub visits: i64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Seat {
    pub room: Option<String>,
    pub number: Option<i64>,
}

impl Document for Account {
    const COLLECTION: &'static str = "accounts";
    const INDEXES: &'static [Index] = &[
        Index { fields: &["email"], unique: true },
        Index { fields: &["seat.room", "seat.number"], unique: true },
        Index { fields: &["name", "createdAt"], unique: false },
    ];
}

/// Runs each case on each backend.
macro_rules! on_every_backend {
    ($($case:ident),+ $(,)?) => {
        pub mod on_sqlite {
            $(#[tokio::test] async fn $case() { crate::backends::on_sqlite(super::$case).await; })+
        }
        pub mod on_mongodb {
            $(#[tokio::test] async fn $case() { crate::backends::on_mongodb(super::$case).await; })+
        }
    };
}

on_every_backend! {
    it_answers_a_ping,
    what_is_written_is_read_back,
    data_that_one_backend_would_change_is_refused_by_all,
    two_megabytes_are_one_document,
    a_collection_can_be_prepared_again,
    a_uid_is_taken_once,
    of_many_inserts_those_that_are_free_are_done_and_named,
    many_are_found_whatever_their_number,
    of_two_who_insert_the_same_many_at_once_each_one_is_inserted_by_one,
    a_unique_field_is_taken_once_unless_it_is_null,
    a_compound_unique_index_counts_only_complete_documents,
    replacing_asks_for_the_revision_that_was_read,
    one_of_sixteen_replacements_wins,
    one_of_sixteen_inserts_of_a_unique_value_wins,
    fifty_concurrent_modifications_all_count,
    a_refused_modification_writes_nothing,
    deleting_says_what_was_there,
    each_filter_finds_its_documents,
    a_sum_is_over_the_whole_numbers_of_what_matches,
    a_text_is_found_as_it_is_written,
    pages_show_every_document_once_while_others_are_inserted,
    pages_go_on_past_nulls,
    a_cursor_of_another_list_is_refused,
    the_first_match_follows_the_order,
}

async fn it_answers_a_ping(place: Place) {
    place.store.ping().await.unwrap();
}

async fn what_is_written_is_read_back(place: Place) {
    let free = place.store.collection::<Free>().await.unwrap();
    for data in [
        json!({}),
        json!({ "text": "naïve 日本語 🦀 \u{202e} \"quoted\" \\ ' ; \n\t\r", "empty": "" }),
        json!({ "deep": { "er": { "list": [1, [2, [3, {}]], { "a": [] }, null, true, "x"] } }, "map": {} }),
        json!({ "least": i64::MIN, "most": i64::MAX, "zero": 0, "minus": -1, "odd": 9_007_199_254_740_993_i64 }),
        json!({ "half": 0.5, "tenth": 0.1, "third": 1.0 / 3.0, "huge": 1.7e308, "tiny": 5e-324, "minus": -2.5 }),
        json!({ "none": null, "list": [null], "below": { "none": null } }),
        json!({ "": "empty name", "with space": 1, "ünïcode": 2, "a$b": 3, "quote\"": 4, "apo'strophe": 5 }),
    ] {
        let inserted = free.insert(Free(data), "someone").await.unwrap();
        assert_eq!(inserted.revision, 1);
        assert_eq!(free.find(inserted.uid).await.unwrap().as_ref(), Some(&inserted));
        place.clock.advance(TimeDelta::microseconds(1_234_567));
        let replaced = free.replace(inserted.clone(), "another").await.unwrap();
        assert_eq!((replaced.revision, replaced.updated_by.as_str()), (2, "another"));
        assert_eq!((replaced.created_at, &replaced.created_by), (inserted.created_at, &inserted.created_by));
        assert_eq!(free.find(replaced.uid).await.unwrap(), Some(replaced));
    }
    assert_eq!(free.find(Uid::new()).await.unwrap(), None);
}

async fn data_that_one_backend_would_change_is_refused_by_all(place: Place) {
    let free = place.store.collection::<Free>().await.unwrap();
    let mut deep = json!(1);
    for _ in 0..95 {
        deep = json!([deep]);
    }
    for data in [
        json!({ "$set": 1 }),
        json!({ "a": { "b.c": 1 } }),
        json!({ "a\u{0}b": 1 }),
        json!({ "a": u64::MAX }),
        deep,
        json!({ "a": "x".repeat(16 << 20) }),
    ] {
        assert_eq!(free.insert(Free(data), "test").await.unwrap_err().kind, StoreErrorKind::Corrupt);
    }
    assert_eq!(free.count(&Filter::All).await.unwrap(), 0);
}

async fn two_megabytes_are_one_document(place: Place) {
    let free = place.store.collection::<Free>().await.unwrap();
    let rows: Vec<_> = (0..2_000).map(|n| json!({ "n": n, "text": "é".repeat(512) })).collect();
    let inserted = free.insert(Free(json!({ "rows": rows })), "test").await.unwrap();
    assert_eq!(free.find(inserted.uid).await.unwrap(), Some(inserted));
}

async fn a_collection_can_be_prepared_again(place: Place) {
    let accounts = place.store.collection::<Account>().await.unwrap();
    accounts.insert(Account::default(), "test").await.unwrap();
    let again = place.store.collection::<Account>().await.unwrap();
    assert_eq!(again.count(&Filter::All).await.unwrap(), 1);
}

async fn a_uid_is_taken_once(place: Place) {
    let accounts = place.store.collection::<Account>().await.unwrap();
    let uid = Uid::new();
    let first = accounts.insert_as(uid, Account { visits: 1, ..Account::default() }, "test").await.unwrap();
    let error = accounts.insert_as(uid, Account { visits: 2, ..Account::default() }, "test").await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Duplicate);
    assert_eq!(accounts.find(uid).await.unwrap(), Some(first));
}

async fn of_many_inserts_those_that_are_free_are_done_and_named(place: Place) {
    let accounts = place.store.collection::<Account>().await.unwrap();
    let named = |name: &str| Account { name: name.to_owned(), email: Some(name.to_owned()), ..Account::default() };
    let first = accounts.insert(named("first"), "test").await.unwrap();
    let (free, same_email) = (Uid::new(), Uid::new());
    let many = vec![(first.uid, named("other")), (same_email, named("first")), (free, named("free"))];
    let inserted = accounts.insert_many(many, "test").await.unwrap();
    assert_eq!(inserted, HashSet::from([free]));
    assert_eq!(accounts.find(first.uid).await.unwrap(), Some(first));
    assert_eq!(accounts.find(same_email).await.unwrap(), None);
    let found = accounts.find(free).await.unwrap().unwrap();
    assert_eq!((found.data, found.revision, found.created_by.as_str()), (named("free"), 1, "test"));
    assert_eq!(accounts.insert_many(Vec::new(), "test").await.unwrap(), HashSet::new());
}

async fn many_are_found_whatever_their_number(place: Place) {
    let free = place.store.collection::<Free>().await.unwrap();
    let uids: Vec<Uid> = (0..1203).map(|_| Uid::new()).collect();
    let many = uids.iter().zip(0..).map(|(uid, number)| (*uid, Free(json!({ "number": number })))).collect();
    assert_eq!(free.insert_many(many, "test").await.unwrap().len(), uids.len());
    let mut asked = uids.clone();
    asked.insert(600, Uid::new());
    let found = free.find_many(&asked).await.unwrap();
    let found: BTreeMap<String, i64> =
        found.iter().map(|one| (one.uid.to_string(), one.data.0["number"].as_i64().unwrap())).collect();
    let wanted: BTreeMap<String, i64> = uids.iter().zip(0..).map(|(uid, number)| (uid.to_string(), number)).collect();
    assert_eq!(found, wanted);
    assert_eq!(free.find_many(&[]).await.unwrap(), []);
}

async fn of_two_who_insert_the_same_many_at_once_each_one_is_inserted_by_one(place: Place) {
    let free = place.store.collection::<Free>().await.unwrap();
    let uids: Vec<Uid> = (0..300).map(|_| Uid::new()).collect();
    let writers = ["a", "b", "c", "d"].map(|by| {
        let (free, uids) = (free.clone(), uids.clone());
        tokio::spawn(async move {
            let many = uids.into_iter().map(|uid| (uid, Free(json!({ "by": by })))).collect();
            (by, free.insert_many(many, by).await.unwrap())
        })
    });
    let mut inserted = 0;
    for writer in join_all(writers).await {
        let (by, mine) = writer.unwrap();
        inserted += mine.len();
        for one in free.find_many(&mine.into_iter().collect::<Vec<_>>()).await.unwrap() {
            assert_eq!(one.data.0["by"], by);
        }
    }
    assert_eq!(inserted, uids.len());
}

async fn a_unique_field_is_taken_once_unless_it_is_null(place: Place) {
    let accounts = place.store.collection::<Account>().await.unwrap();
    let with = |email: Option<&str>| Account { email: email.map(str::to_owned), ..Account::default() };
    accounts.insert(with(Some("a@example.org")), "test").await.unwrap();
    let error = accounts.insert(with(Some("a@example.org")), "test").await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Duplicate);

    let second = accounts.insert(with(None), "test").await.unwrap();
    let third = accounts.insert(with(None), "test").await.unwrap();
    assert_eq!(accounts.find(third.uid).await.unwrap().unwrap().data.email, None);

    let taken = Versioned { data: with(Some("a@example.org")), ..second.clone() };
    assert_eq!(accounts.replace(taken, "test").await.unwrap_err().kind, StoreErrorKind::Duplicate);
    let free = Versioned { data: with(Some("b@example.org")), ..second };
    accounts.replace(free, "test").await.unwrap();
}

async fn a_compound_unique_index_counts_only_complete_documents(place: Place) {
    let accounts = place.store.collection::<Account>().await.unwrap();
    let at = |room: Option<&str>, number| Account {
        seat: Seat { room: room.map(str::to_owned), number },
        ..Account::default()
    };
    for (room, number, free) in [
        (Some("a"), Some(1), true),
        (Some("a"), Some(2), true),
        (Some("b"), Some(1), true),
        (Some("a"), Some(1), false),
        (Some("a"), None, true),
        (Some("a"), None, true),
        (None, Some(1), true),
        (None, Some(1), true),
    ] {
        let inserted = accounts.insert(at(room, number), "test").await;
        assert_eq!(inserted.map_err(|error| error.kind).err(), (!free).then_some(StoreErrorKind::Duplicate));
    }
}

async fn replacing_asks_for_the_revision_that_was_read(place: Place) {
    let accounts = place.store.collection::<Account>().await.unwrap();
    let first = accounts.insert(Account::default(), "test").await.unwrap();
    let second = accounts.replace(first.clone(), "test").await.unwrap();
    assert_eq!(accounts.replace(first, "test").await.unwrap_err().kind, StoreErrorKind::Stale);
    assert!(accounts.delete(second.uid).await.unwrap());
    assert_eq!(accounts.replace(second, "test").await.unwrap_err().kind, StoreErrorKind::Stale);
    assert_eq!(accounts.count(&Filter::All).await.unwrap(), 0);
}

async fn one_of_sixteen_replacements_wins(place: Place) {
    let accounts = place.store.collection::<Account>().await.unwrap();
    let read = accounts.insert(Account::default(), "test").await.unwrap();
    let writers = (0..16).map(|n| {
        let (accounts, mut document) = (accounts.clone(), read.clone());
        document.data.visits = n;
        tokio::spawn(async move { accounts.replace(document, format!("writer {n}")).await })
    });
    let outcomes: Vec<_> = join_all(writers).await.into_iter().map(Result::unwrap).collect();
    let stale = outcomes.iter().filter_map(|outcome| outcome.as_ref().err());
    assert!(stale.map(|error| error.kind).all(|kind| kind == StoreErrorKind::Stale));
    let [winner] = outcomes.into_iter().flatten().collect::<Vec<_>>().try_into().unwrap();
    assert_eq!(accounts.find(read.uid).await.unwrap(), Some(winner));
}

async fn one_of_sixteen_inserts_of_a_unique_value_wins(place: Place) {
    let accounts = place.store.collection::<Account>().await.unwrap();
    let writers = (0..16).map(|visits| {
        let accounts = accounts.clone();
        let account = Account { email: Some("one@example.org".to_owned()), visits, ..Account::default() };
        tokio::spawn(async move { accounts.insert(account, "test").await })
    });
    let outcomes: Vec<_> = join_all(writers).await.into_iter().map(Result::unwrap).collect();
    let taken = outcomes.iter().filter_map(|outcome| outcome.as_ref().err());
    assert!(taken.map(|error| error.kind).all(|kind| kind == StoreErrorKind::Duplicate));
    assert_eq!(outcomes.iter().flatten().count(), 1);
    assert_eq!(accounts.count(&Filter::All).await.unwrap(), 1);
}

async fn fifty_concurrent_modifications_all_count(place: Place) {
    let accounts = place.store.collection::<Account>().await.unwrap();
    let uid = accounts.insert(Account::default(), "test").await.unwrap().uid;
    let writers = (0..50).map(|_| {
        let accounts = accounts.clone();
        tokio::spawn(async move {
            let visit = |account: &mut Versioned<Account>| {
                account.data.visits += 1;
                Ok::<_, ()>(())
            };
            accounts.modify(uid, "test", visit).await
        })
    });
    for outcome in join_all(writers).await {
        assert!(matches!(outcome.unwrap().unwrap(), Modified::Written(_)));
    }
    let last = accounts.find(uid).await.unwrap().unwrap();
    assert_eq!((last.data.visits, last.revision), (50, 51));
}

async fn a_refused_modification_writes_nothing(place: Place) {
    let accounts = place.store.collection::<Account>().await.unwrap();
    let read = accounts.insert(Account::default(), "test").await.unwrap();
    let refuse = |account: &mut Versioned<Account>| {
        account.data.visits = 7;
        Err("not today")
    };
    assert_eq!(accounts.modify(read.uid, "test", refuse).await.unwrap(), Modified::Refused("not today"));
    assert_eq!(accounts.find(read.uid).await.unwrap(), Some(read));
    assert_eq!(accounts.modify(Uid::new(), "test", refuse).await.unwrap(), Modified::Absent);
}

async fn deleting_says_what_was_there(place: Place) {
    let accounts = place.store.collection::<Account>().await.unwrap();
    let mut uids = Vec::new();
    for visits in 0..5 {
        uids.push(accounts.insert(Account { visits, ..Account::default() }, "test").await.unwrap().uid);
    }
    assert!(accounts.delete(uids[0]).await.unwrap());
    assert!(!accounts.delete(uids[0]).await.unwrap());
    let some = Filter::Range("visits", Some(Value::Integer(3)), None);
    assert_eq!(accounts.delete_many(&some).await.unwrap(), 2);
    assert_eq!(accounts.delete_many(&some).await.unwrap(), 0);
    assert_eq!(accounts.delete_many(&Filter::All).await.unwrap(), 2);
}

async fn each_filter_finds_its_documents(place: Place) {
    let free = place.store.collection::<Free>().await.unwrap();
    let mut uids = Vec::new();
    for (by, data) in [
        (
            "ann",
            json!({ "id": 0, "code": 1, "name": "alpha", "size": 1, "done": true, "owner": { "id": "u1" }, "at": "2024-01-01" }),
        ),
        ("bob", json!({ "id": 1, "name": "Beta", "size": 20, "done": false, "owner": { "id": "u2" }, "at": null })),
        ("ann", json!({ "id": 2, "name": "alphabet", "size": -3, "done": false, "owner": { "id": null } })),
        ("cid", json!({ "id": 3, "name": "gamma", "size": 1.5, "owner": {}, "at": "2024-02-01" })),
        ("bob", json!({ "id": 4, "code": "1" })),
    ] {
        place.clock.advance(TimeDelta::seconds(1));
        uids.push(free.insert(Free(data), by).await.unwrap());
    }
    let text = |text: &str| Some(Value::from(text));
    let number = |number: i64| Some(Value::from(number));
    for (filter, expected) in [
        (Filter::All, vec![0, 1, 2, 3, 4]),
        (Filter::eq("name", "alpha"), vec![0]),
        (Filter::eq("name", "ALPHA"), vec![]),
        (Filter::eq("name", Value::Null), vec![4]),
        (Filter::eq("owner.id", "u2"), vec![1]),
        (Filter::eq("owner.id", Value::Null), vec![2, 3, 4]),
        (Filter::eq("at", Value::Null), vec![1, 2, 4]),
        (Filter::eq("size", 1), vec![0]),
        (Filter::eq("code", 1), vec![0]),
        (Filter::eq("code", "1"), vec![4]),
        (Filter::eq("done", true), vec![0]),
        (Filter::eq("done", false), vec![1, 2]),
        (Filter::eq("uid", uids[3].uid), vec![3]),
        (Filter::eq("createdBy", "ann"), vec![0, 2]),
        (Filter::eq("createdBy", 1), vec![]),
        (Filter::eq("updatedBy", "cid"), vec![3]),
        (Filter::eq("createdAt", uids[1].created_at), vec![1]),
        (Filter::any("name", ["alpha", "gamma", "delta"]), vec![0, 3]),
        (Filter::any("size", [20, -3, 99]), vec![1, 2]),
        (Filter::any("uid", [uids[0].uid, uids[4].uid, Uid::new()]), vec![0, 4]),
        (Filter::In("name", vec![Value::Null, "Beta".into()]), vec![1, 4]),
        (Filter::In("code", vec![1.into(), "1".into(), "2".into()]), vec![0, 4]),
        (Filter::In("done", vec![true.into(), false.into()]), vec![0, 1, 2]),
        (Filter::In("name", vec![]), vec![]),
        (Filter::Range("size", number(1), number(20)), vec![0, 3]),
        (Filter::Range("size", number(-3), None), vec![0, 1, 2, 3]),
        (Filter::Range("size", None, number(1)), vec![2]),
        (Filter::Range("at", text("2024-01-01"), text("2024-02-01")), vec![0]),
        (Filter::Range("name", text("b"), None), vec![3]),
        (Filter::Range("createdAt", Some(uids[1].created_at.into()), Some(uids[3].created_at.into())), vec![1, 2]),
        (Filter::Range("size", Some(Value::Null), None), vec![]),
        (Filter::Range("size", None, None), vec![0, 1, 2, 3, 4]),
        (Filter::Prefix("name", "alpha".to_owned()), vec![0, 2]),
        (Filter::Prefix("name", "Al".to_owned()), vec![]),
        (Filter::Prefix("name", String::new()), vec![0, 1, 2, 3]),
        (Filter::Text(&["name"], "ET".to_owned()), vec![1, 2]),
        (Filter::Text(&["owner.id", "name"], "A".to_owned()), vec![0, 1, 2, 3]),
        (Filter::Text(&["owner.id", "at"], "u1".to_owned()), vec![0]),
        (Filter::Text(&["createdBy"], "B".to_owned()), vec![1, 4]),
        (Filter::Text(&["name"], String::new()), vec![0, 1, 2, 3]),
        (Filter::Text(&[], "a".to_owned()), vec![]),
        (Filter::And(vec![]), vec![0, 1, 2, 3, 4]),
        (Filter::Or(vec![]), vec![]),
        (Filter::And(vec![Filter::eq("done", false), Filter::eq("createdBy", "bob")]), vec![1]),
        (Filter::Or(vec![Filter::eq("done", true), Filter::eq("createdBy", "bob")]), vec![0, 1, 4]),
        (Filter::Or(vec![Filter::All, Filter::eq("done", true)]), vec![0, 1, 2, 3, 4]),
        (
            Filter::And(vec![
                Filter::Or(vec![Filter::eq("name", "gamma"), Filter::Prefix("name", "alpha".to_owned())]),
                Filter::Or(vec![
                    Filter::eq("size", -3),
                    Filter::And(vec![Filter::eq("owner.id", "u1"), Filter::eq("done", true)]),
                ]),
            ]),
            vec![0, 2],
        ),
    ] {
        let query = ListQuery { sort: Sort::ascending("id"), ..ListQuery::newest(filter.clone()) };
        let found = free.list(&query).await.unwrap();
        let ids: Vec<_> = found.items.iter().map(|item| item.data.0["id"].as_u64().unwrap()).collect();
        assert_eq!(ids, expected, "{filter:?}");
        assert_eq!(free.count(&filter).await.unwrap(), expected.len() as u64, "{filter:?}");
    }
}

async fn a_sum_is_over_the_whole_numbers_of_what_matches(place: Place) {
    let free = place.store.collection::<Free>().await.unwrap();
    let sum = async |filter: Filter| free.sum("size", &filter).await.unwrap();
    assert_eq!(sum(Filter::All).await, 0);
    for data in [
        json!({ "owner": "ann", "size": 3, "end": null }),
        json!({ "owner": "ann", "size": 1_i64 << 40, "end": null }),
        json!({ "owner": "ann", "size": 5, "end": { "at": null } }),
        json!({ "owner": "ann", "end": null }),
        json!({ "owner": "bob", "size": -7 }),
    ] {
        free.insert(Free(data), "test").await.unwrap();
    }
    assert_eq!(sum(Filter::All).await, (1 << 40) + 1);
    assert_eq!(sum(Filter::eq("owner", "ann")).await, (1 << 40) + 8);
    assert_eq!(sum(Filter::eq("owner", "ann").and(Filter::Eq("end", Value::Null))).await, (1 << 40) + 3);
    assert_eq!(sum(Filter::eq("owner", "eve")).await, 0);
}

async fn a_text_is_found_as_it_is_written(place: Place) {
    let free = place.store.collection::<Free>().await.unwrap();
    let texts = [
        "100% sure",
        "100 sure",
        "snake_case",
        "snakeXcase",
        "a.b",
        "aXb",
        "a*b",
        "aab",
        "$5",
        "5$",
        "^start",
        "start",
        "a|b",
        "(group)",
        "[set]",
        "{1,2}",
        "back\\slash",
        "it's",
        "say \"hi\"",
        "'); DROP TABLE free; --",
        "a\nb",
        "a?b",
        "a+b",
        "#hash",
        "tab\there",
        "Ünï",
        "x-y",
        "a/b",
        "\\d",
        "\u{1f980}",
    ];
    for text in texts {
        free.insert(Free(json!({ "text": text })), "test").await.unwrap();
    }
    for text in texts {
        let naive =
            |test: &dyn Fn(&str) -> bool| texts.iter().copied().filter(|text| test(text)).collect::<BTreeSet<_>>();
        for (filter, expected) in [
            (Filter::Text(&["text"], text.to_owned()), naive(&|candidate| candidate.contains(text))),
            (Filter::Prefix("text", text.to_owned()), naive(&|candidate| candidate.starts_with(text))),
            (Filter::eq("text", text), naive(&|candidate| candidate == text)),
            (Filter::any("text", [text, "nothing"]), naive(&|candidate| candidate == text)),
        ] {
            let found = free.list(&ListQuery::newest(filter.clone())).await.unwrap().items;
            let found: BTreeSet<_> = found.iter().map(|item| item.data.0["text"].as_str().unwrap()).collect();
            assert_eq!(found, expected, "{filter:?}");
        }
    }
    assert_eq!(free.count(&Filter::All).await.unwrap(), texts.len() as u64);
}

async fn pages_show_every_document_once_while_others_are_inserted(place: Place) {
    let accounts = place.store.collection::<Account>().await.unwrap();
    let visits = |n: i64| Account { visits: n % 3, name: format!("n{}", n % 4), ..Account::default() };
    let mut there = HashSet::new();
    for n in 0..23 {
        if n % 5 == 0 {
            place.clock.advance(TimeDelta::milliseconds(1));
        }
        there.insert(accounts.insert(visits(n), "test").await.unwrap().uid);
    }
    for field in ["createdAt", "uid", "visits", "name", "createdBy"] {
        for order in [Order::Ascending, Order::Descending] {
            let mut query = ListQuery {
                sort: Sort { field, order },
                limit: Limit::coerce(Some(4)),
                ..ListQuery::newest(Filter::Range("visits", Some(Value::Integer(0)), None))
            };
            let mut shown = Vec::new();
            loop {
                let page = accounts.list(&query).await.unwrap();
                assert!(page.items.len() <= 4);
                shown.extend(page.items);
                accounts.insert(visits(1), "test").await.unwrap();
                let Some(next) = page.next_cursor else { break };
                query.cursor = Some(next);
                assert!(shown.len() < 400, "the list ends");
            }
            let uids: Vec<_> = shown.iter().map(|item| item.uid).collect();
            assert_eq!(uids.iter().collect::<HashSet<_>>().len(), uids.len(), "no repeat: {field} {order:?}");
            assert!(there.iter().all(|uid| uids.contains(uid)), "no gap: {field} {order:?}");
            let mut sorted = shown.clone();
            sorted.sort_by_key(|item| {
                let Account { name, visits, .. } = &item.data;
                match field {
                    "createdAt" => (item.created_at.to_rfc3339(), 0, item.uid),
                    "visits" => (String::new(), *visits, item.uid),
                    "name" => (name.clone(), 0, item.uid),
                    _ => (String::new(), 0, item.uid),
                }
            });
            if order == Order::Descending {
                sorted.reverse();
            }
            assert_eq!(shown, sorted, "{field} {order:?}");
            there.extend(uids);
        }
    }
}

async fn pages_go_on_past_nulls(place: Place) {
    let accounts = place.store.collection::<Account>().await.unwrap();
    for n in 0..7 {
        let email = (n % 2 == 0).then(|| format!("{n}@example.org"));
        accounts.insert(Account { email, ..Account::default() }, "test").await.unwrap();
    }
    for sort in [Sort::ascending("email"), Sort::descending("email")] {
        let mut query = ListQuery { sort, limit: Limit::coerce(Some(1)), ..ListQuery::newest(Filter::All) };
        let mut shown = Vec::new();
        for _ in 0..7 {
            let page = accounts.list(&query).await.unwrap();
            shown.extend(page.items.into_iter().map(|item| (item.data.email, item.uid)));
            query.cursor = page.next_cursor;
        }
        assert_eq!(query.cursor, None);
        let mut sorted = shown.clone();
        sorted.sort();
        if sort.order == Order::Descending {
            sorted.reverse();
        }
        assert_eq!(shown, sorted);
    }
}

async fn a_cursor_of_another_list_is_refused(place: Place) {
    let accounts = place.store.collection::<Account>().await.unwrap();
    let free = place.store.collection::<Free>().await.unwrap();
    for visits in 0..3 {
        accounts.insert(Account { visits, ..Account::default() }, "test").await.unwrap();
    }
    let query = ListQuery { limit: Limit::coerce(Some(1)), ..ListQuery::newest(Filter::All) };
    let good = accounts.list(&query).await.unwrap().next_cursor.unwrap();
    let with = |cursor: &str| ListQuery { cursor: Some(cursor.to_owned()), ..query.clone() };
    assert_eq!(accounts.list(&with(&good)).await.unwrap().items.len(), 1);

    let digit = |number: u8| char::from_digit(number.into(), 16).unwrap();
    let hexadecimal =
        |text: &str| text.bytes().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect::<String>();
    let uid = Uid::new();
    let mut refused = vec![
        ListQuery { sort: Sort::ascending("createdAt"), ..with(&good) },
        ListQuery { sort: Sort::descending("visits"), ..with(&good) },
    ];
    for forged in [
        String::new(),
        "x".to_owned(),
        "é".to_owned(),
        "0".repeat(100_000),
        good[..good.len() - 1].to_owned(),
        good[2..].to_owned(),
        hexadecimal("accounts"),
        hexadecimal(&format!("accounts\ncreatedAt\nd\ni\n{uid}\n1")),
        hexadecimal(&format!("accounts\ncreatedAt\nd\nn\n{uid}\n")),
        hexadecimal(&format!("accounts\ncreatedAt\nd\nt\n{uid}\nyesterday")),
        hexadecimal(&format!("accounts\ncreatedAt\nd\nt\n{uid}' OR 1\n2024-01-01T00:00:00.000000Z")),
        hexadecimal("\u{0}"),
    ] {
        refused.push(with(&forged));
    }
    for query in refused {
        assert_eq!(accounts.list(&query).await.unwrap_err().kind, StoreErrorKind::BadCursor, "{query:?}");
    }
    assert_eq!(free.list(&with(&good)).await.unwrap_err().kind, StoreErrorKind::BadCursor);
}

async fn the_first_match_follows_the_order(place: Place) {
    let accounts = place.store.collection::<Account>().await.unwrap();
    let mut uids = BTreeMap::new();
    for visits in [2, 9, 4] {
        uids.insert(visits, accounts.insert(Account { visits, ..Account::default() }, "test").await.unwrap().uid);
    }
    let first = |accounts: Collection<Account>, sort| async move {
        let query = ListQuery { sort, ..ListQuery::newest(Filter::All) };
        accounts.first(&query).await.unwrap().unwrap().uid
    };
    assert_eq!(first(accounts.clone(), Sort::ascending("visits")).await, uids[&2]);
    assert_eq!(first(accounts.clone(), Sort::descending("visits")).await, uids[&9]);
    assert_eq!(accounts.first(&ListQuery::newest(Filter::eq("visits", 5))).await.unwrap(), None);
}
