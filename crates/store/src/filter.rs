use chrono::{DateTime, Utc};
use dallosh_primitives::{Limit, Uid};

use crate::backend::time_text;

/// A value in a filter. Only these: no client's JSON ever reaches a query.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Text, compared byte by byte.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// True or false.
    Boolean(bool),
    /// The field is null or absent.
    Null,
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}
impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}
impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}
impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Boolean(flag)
    }
}
impl From<Uid> for Value {
    fn from(uid: Uid) -> Self {
        Self::Text(uid.to_string())
    }
}
impl From<DateTime<Utc>> for Value {
    /// Times are stored as text that sorts as they do.
    fn from(at: DateTime<Utc>) -> Self {
        Self::Text(time_text(at))
    }
}

/// Which documents. A field is a dotted path below `data`, or one of the envelope's `uid`, `createdAt`, `createdBy`,
/// `updatedAt`, `updatedBy`. Paths are the code's own, never a client's. A field holds a scalar, of one type in all documents
/// that have it: what is found in lists, and how types compare with each other, differs between databases.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// Every document.
    All,
    /// The field has this value.
    Eq(&'static str, Value),
    /// The field has one of these values.
    In(&'static str, Vec<Value>),
    /// From the first (inclusive) to the second (exclusive), each when given.
    Range(&'static str, Option<Value>, Option<Value>),
    /// The text begins with this.
    Prefix(&'static str, String),
    /// One of the fields contains this text, in any case (ASCII letters at least).
    Text(&'static [&'static str], String),
    /// All of them.
    And(Vec<Filter>),
    /// At least one of them.
    Or(Vec<Filter>),
}

impl Filter {
    /// The field has this value.
    pub fn eq(field: &'static str, value: impl Into<Value>) -> Self {
        Self::Eq(field, value.into())
    }

    /// The field has one of these values.
    pub fn any<V: Into<Value>>(field: &'static str, values: impl IntoIterator<Item = V>) -> Self {
        Self::In(field, values.into_iter().map(Into::into).collect())
    }

    /// Both this and the other.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::All, one) | (one, Self::All) => one,
            (Self::And(mut all), one) => {
                all.push(one);
                Self::And(all)
            }
            (one, another) => Self::And(vec![one, another]),
        }
    }
}

/// The direction of a sort.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Smallest first.
    Ascending,
    /// Largest first.
    Descending,
}

/// The order of a list; ties are broken by `uid` in the same direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sort {
    /// A field as in [`Filter`].
    pub field: &'static str,
    /// The direction.
    pub order: Order,
}

impl Sort {
    /// Smallest first.
    pub const fn ascending(field: &'static str) -> Self {
        Self { field, order: Order::Ascending }
    }

    /// Largest first.
    pub const fn descending(field: &'static str) -> Self {
        Self { field, order: Order::Descending }
    }
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct ListQuery {
    /// Which documents.
    pub filter: Filter,
    /// In which order; its field is never null in the listed documents.
    pub sort: Sort,
    /// How many at most.
    pub limit: Limit,
    /// The `next_cursor` of the page before; refused as [`BadCursor`](crate::StoreErrorKind::BadCursor) when it is none.
    pub cursor: Option<String>,
}

impl ListQuery {
    /// The first page, newest documents first.
    pub fn newest(filter: Filter) -> Self {
        Self { filter, sort: Sort::descending("createdAt"), limit: Limit::default(), cursor: None }
    }
}
