//! What is of `SQLite` alone.

use chrono::{DateTime, Utc};
use dallosh_primitives::{Limit, Uid};
use dallosh_store::{Filter, ListQuery, Sort, Value};
use proptest::prelude::*;
use serde_json::json;

use crate::{
    backends::{Place, sqlite_url},
    suite::Free,
};

#[tokio::test]
async fn what_was_written_is_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let url = sqlite_url(&folder);
    let written = {
        let free = Place::at(&url).await.store.collection::<Free>().await.unwrap();
        free.insert(Free(json!({ "kept": true })), "test").await.unwrap()
    };
    let free = Place::at(&url).await.store.collection::<Free>().await.unwrap();
    assert_eq!(free.find(written.uid).await.unwrap(), Some(written));
}

#[tokio::test]
async fn a_nul_does_not_end_a_text() {
    let folder = tempfile::tempdir().unwrap();
    let free = Place::at(&sqlite_url(&folder)).await.store.collection::<Free>().await.unwrap();
    let written = free.insert(Free(json!({ "text": "a\u{0}b" })), "test").await.unwrap();
    assert_eq!(free.find(written.uid).await.unwrap(), Some(written));
    for (filter, count) in [
        (Filter::eq("text", "a"), 0),
        (Filter::eq("text", "a\u{0}b"), 1),
        (Filter::any("text", ["a\u{0}b"]), 1),
        (Filter::Prefix("text", "a\u{0}".to_owned()), 1),
        (Filter::Text(&["text"], "\u{0}B".to_owned()), 1),
    ] {
        assert_eq!(free.count(&filter).await.unwrap(), count, "{filter:?}");
    }
}

#[tokio::test]
async fn a_url_of_no_known_database_is_refused() {
    let clock = std::sync::Arc::new(dallosh_primitives::SystemClock);
    for url in ["", "postgres://localhost/x", "/var/lib/test.db", "sqlite://", "mongodb://"] {
        assert!(dallosh_store::Store::open(url, clock.clone()).await.is_err(), "{url}");
    }
}

const FIELDS: [&str; 5] = ["a", "b.c", "b.d.e", "createdBy", "createdAt"];

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        "[aAbB_%.é\\\\'\"]{0,3}".prop_map(Value::Text),
        (-2_i64..3).prop_map(Value::Integer),
        prop_oneof![Just(i64::MIN), Just(i64::MAX)].prop_map(Value::Integer),
        any::<bool>().prop_map(Value::Boolean),
        Just(Value::Null),
    ]
}

fn json_value() -> impl Strategy<Value = serde_json::Value> {
    prop_oneof![
        8 => value().prop_map(|value| match value {
            Value::Text(text) => json!(text),
            Value::Integer(number) => json!(number),
            Value::Boolean(flag) => json!(flag),
            Value::Null => json!(null),
        }),
        1 => Just(json!({})),
        1 => Just(json!(["a", 1])),
    ]
}

fn field() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(&FIELDS[..])
}

fn filter() -> impl Strategy<Value = Filter> {
    let leaf = prop_oneof![
        Just(Filter::All),
        (field(), value()).prop_map(|(field, value)| Filter::Eq(field, value)),
        (field(), prop::collection::vec(value(), 0..4)).prop_map(|(field, values)| Filter::In(field, values)),
        (field(), prop::option::of(value()), prop::option::of(value()))
            .prop_map(|(field, from, until)| Filter::Range(field, from, until)),
        (field(), "[aAbB_%.é\\\\]{0,2}").prop_map(|(field, text)| Filter::Prefix(field, text)),
        "[aAbB_%.é\\\\'\"]{0,2}".prop_map(|text| Filter::Text(&["a", "b.c", "createdBy"], text)),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Filter::And),
            prop::collection::vec(inner, 0..4).prop_map(Filter::Or),
        ]
    })
}

fn data() -> impl Strategy<Value = serde_json::Value> {
    let maybe = || prop::option::weighted(0.8, json_value());
    (maybe(), maybe(), maybe()).prop_map(|(a, c, e)| {
        let mut data = json!({ "b": { "d": {} } });
        if let Some(a) = a {
            data["a"] = a;
        }
        if let Some(c) = c {
            data["b"]["c"] = c;
        }
        if let Some(e) = e {
            data["b"]["d"]["e"] = e;
        }
        data
    })
}

struct Stored {
    uid: Uid,
    data: serde_json::Value,
    by: String,
    at: DateTime<Utc>,
}

impl Stored {
    /// The field's value; none when it is a list or a map, which no filter finds.
    fn field(&self, field: &str) -> Option<Value> {
        match field {
            "createdBy" => return Some(self.by.as_str().into()),
            "createdAt" => return Some(self.at.into()),
            _ => {}
        }
        match field.split('.').try_fold(&self.data, |at, name| at.get(name)) {
            None | Some(serde_json::Value::Null) => Some(Value::Null),
            Some(serde_json::Value::String(text)) => Some(text.as_str().into()),
            Some(serde_json::Value::Number(number)) => Some(number.as_i64().unwrap().into()),
            Some(serde_json::Value::Bool(flag)) => Some((*flag).into()),
            Some(_) => None,
        }
    }

    fn matches(&self, filter: &Filter) -> bool {
        let text = |field: &str| match self.field(field) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        };
        match filter {
            Filter::All => true,
            Filter::Eq(field, value) => self.field(field).as_ref() == Some(value),
            Filter::In(field, values) => self.field(field).is_some_and(|value| values.contains(&value)),
            Filter::Range(field, from, until) => {
                let at_least = |low: &Value, high: &Value| match (low, high) {
                    (Value::Text(low), Value::Text(high)) => Some(low <= high),
                    (Value::Integer(low), Value::Integer(high)) => Some(low <= high),
                    (Value::Boolean(low), Value::Boolean(high)) => Some(low <= high),
                    _ => None,
                };
                let field = self.field(field);
                let bound = |test: &dyn Fn(&Value) -> Option<bool>| field.as_ref().and_then(test).unwrap_or(false);
                from.as_ref().is_none_or(|from| bound(&|value| at_least(from, value)))
                    && until.as_ref().is_none_or(|until| bound(&|value| at_least(until, value).map(|reached| !reached)))
            }
            Filter::Prefix(field, prefix) => text(field).is_some_and(|text| text.starts_with(prefix)),
            Filter::Text(fields, part) => fields.iter().any(|field| {
                text(field).is_some_and(|text| text.to_ascii_lowercase().contains(&part.to_ascii_lowercase()))
            }),
            Filter::And(filters) => filters.iter().all(|filter| self.matches(filter)),
            Filter::Or(filters) => filters.iter().any(|filter| self.matches(filter)),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_filter_finds_what_a_walk_over_all_documents_finds(
        documents in prop::collection::vec(data(), 0..12),
        filters in prop::collection::vec(filter(), 1..24),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let place = Place::at(&sqlite_url(&folder)).await;
            let free = place.store.collection::<Free>().await.unwrap();
            let mut all = Vec::new();
            for (n, data) in documents.into_iter().enumerate() {
                let by = ["a", "Ab", "é"][n % 3];
                let written = free.insert(Free(data), by).await.unwrap();
                let (uid, at) = (written.uid, written.created_at);
                all.push(Stored { uid, data: written.data.0, by: by.to_owned(), at });
            }
            for filter in filters {
                let query = ListQuery {
                    sort: Sort::ascending("uid"),
                    limit: Limit::coerce(Some(200)),
                    ..ListQuery::newest(filter.clone())
                };
                let found: Vec<_> = free.list(&query).await.unwrap().items.iter().map(|item| item.uid).collect();
                let mut naive: Vec<_> = all.iter().filter(|stored| stored.matches(&filter)).map(|one| one.uid).collect();
                naive.sort();
                assert_eq!(found, naive, "{filter:?}");
            }
        });
    }
}
