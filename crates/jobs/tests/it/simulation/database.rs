use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use dallosh_primitives::Uid;
use dallosh_store::{Backend, Filter, Index, Order, Position, RawDocument, Sort, StoreError, StoreErrorKind, Value};
use serde_json::Value as Json;
use tokio::sync::watch;

/// A database in memory that forgets nothing: every revision of every document can be looked at afterwards.
#[derive(Default)]
pub struct Database {
    tables: Mutex<BTreeMap<&'static str, BTreeMap<Uid, RawDocument>>>,
    history: Mutex<Vec<(&'static str, RawDocument)>>,
}

impl Database {
    /// Every write of a collection, in order.
    pub fn writes(&self, collection: &str) -> Vec<RawDocument> {
        let history = self.history.lock().unwrap();
        history.iter().filter(|(name, _)| *name == collection).map(|(_, document)| document.clone()).collect()
    }

    /// What is stored now.
    pub fn find(&self, collection: &str, uid: Uid) -> Option<RawDocument> {
        self.tables.lock().unwrap().get(collection)?.get(&uid).cloned()
    }

    fn matching(&self, collection: &str, filter: &Filter) -> Vec<RawDocument> {
        let tables = self.tables.lock().unwrap();
        let all = tables.get(collection).into_iter().flat_map(BTreeMap::values);
        all.filter(|document| matches(filter, document)).cloned().collect()
    }

    fn write(&self, collection: &'static str, document: RawDocument) {
        self.history.lock().unwrap().push((collection, document.clone()));
        self.tables.lock().unwrap().entry(collection).or_default().insert(document.uid, document);
    }
}

/// How a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    Alive,
    /// Stopped in the middle of whatever it does; it goes on later and knows nothing of it.
    Frozen,
    /// It never does anything again.
    Dead,
}

/// A process's own way to the database: it ends with the process, and can be made to fail.
#[derive(Clone)]
pub struct Connection {
    pub database: Arc<Database>,
    pub life: watch::Receiver<Life>,
    /// Of a hundred calls, how many fail, before or after they took effect.
    pub failing: watch::Receiver<u8>,
}

impl Connection {
    /// Comes back as long as the process lives.
    pub async fn alive(&self) {
        let mut life = self.life.clone();
        loop {
            let seen = life.wait_for(|life| *life == Life::Alive).await.map(|life| *life);
            match seen {
                Ok(_) => return,
                Err(_) => std::future::pending().await,
            }
        }
    }

    async fn call<T>(
        &self,
        operation: &'static str,
        collection: &'static str,
        work: impl FnOnce(&Database) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.hop(operation, collection).await?;
        let result = work(&self.database);
        self.hop(operation, collection).await?;
        result
    }

    /// The way there or the way back.
    async fn hop(&self, operation: &'static str, collection: &'static str) -> Result<(), StoreError> {
        self.alive().await;
        if fastrand::u8(..8) == 0 {
            tokio::time::sleep(Duration::from_millis(fastrand::u64(1..30))).await;
            self.alive().await;
        }
        if fastrand::u8(..100) < *self.failing.borrow() {
            return Err(StoreError::new(StoreErrorKind::Unavailable, operation, collection));
        }
        Ok(())
    }
}

#[async_trait]
impl Backend for Connection {
    async fn prepare(&self, _: &'static str, _: &[Index]) -> Result<(), StoreError> {
        Ok(())
    }

    async fn find(&self, collection: &'static str, uid: Uid) -> Result<Option<RawDocument>, StoreError> {
        self.call("find", collection, |database| Ok(database.find(collection, uid))).await
    }

    async fn insert(&self, collection: &'static str, document: RawDocument) -> Result<(), StoreError> {
        let insert = |database: &Database| {
            if database.find(collection, document.uid).is_some() {
                return Err(StoreError::new(StoreErrorKind::Duplicate, "insert", collection));
            }
            database.write(collection, document);
            Ok(())
        };
        self.call("insert", collection, insert).await
    }

    async fn insert_many(&self, collection: &'static str, documents: Vec<RawDocument>) -> Result<Vec<Uid>, StoreError> {
        let insert = |database: &Database| {
            let is_free = |document: &RawDocument| database.find(collection, document.uid).is_none();
            let free: Vec<_> = documents.into_iter().filter(is_free).collect();
            let inserted = free.iter().map(|document| document.uid).collect();
            for document in free {
                database.write(collection, document);
            }
            Ok(inserted)
        };
        self.call("insert_many", collection, insert).await
    }

    async fn replace(&self, collection: &'static str, document: RawDocument) -> Result<(), StoreError> {
        let replace = |database: &Database| {
            let stored = database.find(collection, document.uid);
            if stored.is_none_or(|stored| stored.revision + 1 != document.revision) {
                return Err(StoreError::new(StoreErrorKind::Stale, "replace", collection));
            }
            database.write(collection, document);
            Ok(())
        };
        self.call("replace", collection, replace).await
    }

    async fn delete(&self, collection: &'static str, uid: Uid) -> Result<bool, StoreError> {
        let delete = |database: &Database| {
            let mut tables = database.tables.lock().unwrap();
            Ok(tables.get_mut(collection).and_then(|table| table.remove(&uid)).is_some())
        };
        self.call("delete", collection, delete).await
    }

    async fn delete_many(&self, collection: &'static str, filter: &Filter) -> Result<u64, StoreError> {
        let delete = |database: &Database| {
            let found = database.matching(collection, filter);
            let mut tables = database.tables.lock().unwrap();
            for document in &found {
                tables.entry(collection).or_default().remove(&document.uid);
            }
            Ok(found.len() as u64)
        };
        self.call("delete_many", collection, delete).await
    }

    async fn list(
        &self,
        collection: &'static str,
        filter: &Filter,
        sort: Sort,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<RawDocument>, StoreError> {
        let list = |database: &Database| {
            let rank = |document: &RawDocument| (sort_key(field(document, sort.field)), document.uid);
            let mut found = database.matching(collection, filter);
            found.sort_by_key(rank);
            if sort.order == Order::Descending {
                found.reverse();
            }
            if let Some(after) = after {
                let last = (sort_key(json(&after.value)), after.uid);
                let is_later = |document: &RawDocument| match sort.order {
                    Order::Ascending => rank(document) > last,
                    Order::Descending => rank(document) < last,
                };
                found.retain(is_later);
            }
            found.truncate(limit);
            Ok(found)
        };
        self.call("list", collection, list).await
    }

    async fn count(&self, collection: &'static str, filter: &Filter) -> Result<u64, StoreError> {
        self.call("count", collection, |database| Ok(database.matching(collection, filter).len() as u64)).await
    }

    async fn sum(&self, collection: &'static str, name: &'static str, filter: &Filter) -> Result<i64, StoreError> {
        let sum = |database: &Database| {
            let matching = database.matching(collection, filter);
            Ok(matching.iter().filter_map(|document| field(document, name).as_i64()).sum())
        };
        self.call("sum", collection, sum).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.call("ping", "database", |_| Ok(())).await
    }
}

fn json(value: &Value) -> Json {
    match value {
        Value::Text(text) => text.clone().into(),
        Value::Integer(number) => (*number).into(),
        Value::Boolean(flag) => (*flag).into(),
        Value::Null => Json::Null,
    }
}

fn field(document: &RawDocument, name: &str) -> Json {
    match name {
        "uid" => document.uid.to_string().into(),
        "createdAt" => document.created_at.to_rfc3339().into(),
        _ => name.split('.').fold(document.data.value().unwrap().into_owned(), |value, part| {
            value.get(part).cloned().unwrap_or_default()
        }),
    }
}

fn sort_key(value: Json) -> (i64, String) {
    (value.as_i64().unwrap_or_default(), value.as_str().unwrap_or_default().to_owned())
}

fn matches(filter: &Filter, document: &RawDocument) -> bool {
    match filter {
        Filter::All => true,
        Filter::Eq(name, value) => field(document, name) == json(value),
        Filter::In(name, values) => values.iter().any(|value| field(document, name) == json(value)),
        Filter::Range(name, from, to) => {
            let found = sort_key(field(document, name));
            from.as_ref().is_none_or(|from| sort_key(json(from)) <= found)
                && to.as_ref().is_none_or(|to| found < sort_key(json(to)))
        }
        Filter::And(all) => all.iter().all(|one| matches(one, document)),
        Filter::Or(any) => any.iter().any(|one| matches(one, document)),
        Filter::Prefix(..) | Filter::Text(..) => unreachable!("the engine asks for no texts"),
    }
}
