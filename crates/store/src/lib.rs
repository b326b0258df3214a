//! The document adapter: typed collections with compare-and-set on `revision`, on `SQLite` or `MongoDB`.
//!
//! A service writes its queries once, against [`Collection`]; which database answers is one URL. Deliberately not
//! here: multi-document transactions, change streams, raw queries. One document is one atomic write on every backend,
//! and everything above is built to need no more.

mod backend;
mod collection;
mod document;
mod error;
mod filter;
mod mongodb;
mod sqlite;
mod store;

pub use backend::{Backend, Data, Position, RawDocument};
pub use collection::{Collection, Modified, Unread};
pub use document::{Document, Index, Versioned};
pub use error::{StoreError, StoreErrorKind};
pub use filter::{Filter, ListQuery, Order, Sort, Value};
pub use sqlite::{check_sqlite, copy_sqlite};
pub use store::Store;
