use std::borrow::Cow;

use async_trait::async_trait;
use chrono::{DateTime, SecondsFormat, Utc};
use dallosh_primitives::Uid;
use serde::de::DeserializeOwned;

use crate::{Filter, Index, Order, Sort, StoreError, StoreErrorKind, Value};

/// The `data` of a document in the form that a backend has at hand, so that what is read is parsed once.
#[derive(Debug, Clone)]
pub enum Data {
    /// Parsed.
    Value(serde_json::Value),
    /// JSON that nobody has read yet.
    Text(String),
}

impl Data {
    /// The document that it says.
    ///
    /// # Errors
    /// When it is no JSON, or another document.
    pub fn into_document<T: DeserializeOwned>(self) -> serde_json::Result<T> {
        match self {
            Self::Value(value) => serde_json::from_value(value),
            Self::Text(text) => serde_json::from_str(&text),
        }
    }

    /// What it says, parsed.
    ///
    /// # Errors
    /// When it is no JSON.
    pub fn value(&self) -> serde_json::Result<Cow<'_, serde_json::Value>> {
        Ok(match self {
            Self::Value(value) => Cow::Borrowed(value),
            Self::Text(text) => Cow::Owned(serde_json::from_str(text)?),
        })
    }
}

impl PartialEq for Data {
    /// Whether both say the same, in whatever form.
    fn eq(&self, other: &Self) -> bool {
        matches!((self.value(), other.value()), (Ok(one), Ok(another)) if one == another)
    }
}

/// A document as a backend keeps it: the envelope, and `data` as JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct RawDocument {
    /// The id.
    pub uid: Uid,
    /// The data.
    pub data: Data,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Who made it.
    pub created_by: String,
    /// When it was changed last.
    pub updated_at: DateTime<Utc>,
    /// Who changed it last.
    pub updated_by: String,
    /// The number of its writes.
    pub revision: i64,
}

/// A place after which a list goes on: the sort field's value and the uid of the last document shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Position {
    /// The value of the sort field.
    pub value: Value,
    /// The document.
    pub uid: Uid,
}

/// A database. Every write is durable when it returns, and is one document.
#[async_trait]
pub trait Backend: Send + Sync {
    /// Makes the collection and its indexes; does nothing when they are there.
    async fn prepare(&self, collection: &'static str, indexes: &[Index]) -> Result<(), StoreError>;
    /// Finds a document.
    async fn find(&self, collection: &'static str, uid: Uid) -> Result<Option<RawDocument>, StoreError>;
    /// Inserts a document.
    ///
    /// # Errors
    /// `Duplicate` when its uid or a unique field is taken.
    async fn insert(&self, collection: &'static str, document: RawDocument) -> Result<(), StoreError>;
    /// Inserts those of `documents` whose uid and unique fields are free; the uids of those that were inserted. Each is a
    /// write of its own: when the call fails, some may have been written.
    async fn insert_many(&self, collection: &'static str, documents: Vec<RawDocument>) -> Result<Vec<Uid>, StoreError>;
    /// Writes `document`, whose `revision` is already the new one, over the one with the revision before.
    ///
    /// # Errors
    /// `Stale` when the stored revision is another one or the document is gone; `Duplicate` when a unique field is taken.
    async fn replace(&self, collection: &'static str, document: RawDocument) -> Result<(), StoreError>;
    /// Deletes a document; `false` when there was none.
    async fn delete(&self, collection: &'static str, uid: Uid) -> Result<bool, StoreError>;
    /// Deletes what matches; says how many.
    async fn delete_many(&self, collection: &'static str, filter: &Filter) -> Result<u64, StoreError>;
    /// Lists at most `limit` documents in the order of `sort` (then `uid`, in the same direction), those after `after`.
    async fn list(
        &self,
        collection: &'static str,
        filter: &Filter,
        sort: Sort,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<RawDocument>, StoreError>;
    /// Counts what matches.
    async fn count(&self, collection: &'static str, filter: &Filter) -> Result<u64, StoreError>;
    /// Adds up a field of whole numbers over what matches; what lacks it counts nothing.
    async fn sum(&self, collection: &'static str, field: &'static str, filter: &Filter) -> Result<i64, StoreError>;
    /// Asks the database for a sign of life.
    async fn ping(&self) -> Result<(), StoreError>;
}

/// Whether larger values come first.
pub(crate) fn is_descending(sort: Sort) -> bool {
    sort.order == Order::Descending
}

/// The text of a time: sorts as the times do.
pub(crate) fn time_text(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// A collection or a path that is not made of letters, digits, `_` and `.`, so that it cannot stand in a query.
#[derive(Debug, thiserror::Error)]
#[error("not a name for a query: {0:?}")]
pub(crate) struct BadName(&'static str);

impl BadName {
    pub(crate) fn at(self, operation: &'static str, collection: &'static str) -> StoreError {
        StoreError::new(StoreErrorKind::Corrupt, operation, collection).because(self)
    }
}

/// The name of a collection or a dotted path, if it can stand in a query.
pub(crate) fn checked(name: &'static str) -> Result<&'static str, BadName> {
    let is_part =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if name.split('.').all(is_part) { Ok(name) } else { Err(BadName(name)) }
}

/// The first text after all that begin with `prefix`; none when there is no such text.
pub(crate) fn prefix_end(prefix: &str) -> Option<String> {
    let mut characters: Vec<char> = prefix.chars().collect();
    while let Some(last) = characters.pop() {
        let next = (u32::from(last) + 1..=u32::from(char::MAX)).find_map(char::from_u32);
        if let Some(next) = next {
            characters.push(next);
            return Some(characters.into_iter().collect());
        }
    }
    None
}

/// How deep `data` may be nested and how many bytes it may have, on every backend: what `MongoDB` takes (100 levels,
/// 16 MiB) less the envelope.
const MAX_DEPTH: usize = 90;
const MAX_BYTES: usize = 15 << 20;

/// Why `data` is something that not every backend keeps unchanged; none when it is not.
pub(crate) fn misfit(data: &serde_json::Value) -> Option<&'static str> {
    let mut bytes = 0;
    misfit_below(data, MAX_DEPTH, &mut bytes)
        .or_else(|| (bytes > MAX_BYTES).then_some("the document is larger than 15 MiB"))
}

fn misfit_below(value: &serde_json::Value, depth: usize, bytes: &mut usize) -> Option<&'static str> {
    use serde_json::Value as Json;
    // An element's type, name and value, as BSON counts them; the name of an array's element is its number.
    *bytes += 8;
    match value {
        Json::Null | Json::Bool(_) => None,
        Json::Number(number) => {
            *bytes += 8;
            (number.is_u64() && !number.is_i64()).then_some("a whole number is above 2^63 - 1")
        }
        Json::String(text) => {
            *bytes += text.len();
            None
        }
        Json::Array(_) | Json::Object(_) if depth == 0 => Some("the document is nested deeper than 90 levels"),
        Json::Array(values) => values.iter().find_map(|value| {
            *bytes += 4;
            misfit_below(value, depth - 1, bytes)
        }),
        Json::Object(members) => members.iter().find_map(|(name, value)| {
            *bytes += name.len();
            if name.starts_with('$') || name.contains(['.', '\0']) {
                return Some("a name begins with $ or contains a dot or a NUL");
            }
            misfit_below(value, depth - 1, bytes)
        }),
    }
}
