//! The databases that the suite runs on, each empty and its own.

use std::{future::Future, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use dallosh_primitives::{ManualClock, Uid};
use dallosh_store::Store;

/// An empty database and the clock of its documents.
pub struct Place {
    pub store: Store,
    pub clock: ManualClock,
}

impl Place {
    pub async fn at(url: &str) -> Self {
        let clock = ManualClock::new(DateTime::<Utc>::UNIX_EPOCH + TimeDelta::days(20_000));
        let store = Store::open(url, Arc::new(clock.clone())).await.unwrap();
        Self { store, clock }
    }
}

pub async fn on_sqlite<F: Future<Output = ()>>(case: impl FnOnce(Place) -> F) {
    let folder = tempfile::tempdir().unwrap();
    case(Place::at(&sqlite_url(&folder)).await).await;
}

pub fn sqlite_url(folder: &tempfile::TempDir) -> String {
    format!("sqlite://{}", folder.path().join("test.db").display())
}

pub async fn on_mongodb<F: Future<Output = ()>>(case: impl FnOnce(Place) -> F) {
    case(Place::at(&mongodb_url(&mongodb_server())).await).await;
}

/// The URL of a new database on the server.
pub fn mongodb_url(server: &str) -> String {
    format!("mongodb://{server}/test_{}", Uid::new().to_string().replace('-', ""))
}

/// `host:port` of the server that the tests are given.
#[expect(clippy::disallowed_methods, reason = "the one thing that these tests are told from outside")]
pub fn mongodb_server() -> String {
    let url = std::env::var("DALLOSH_TEST_MONGODB_URL")
        .expect("set DALLOSH_TEST_MONGODB_URL or run `make test`, which starts a server");
    let server = url.strip_prefix("mongodb://").expect("DALLOSH_TEST_MONGODB_URL begins with mongodb://");
    server.split(['/', '?']).next().unwrap().to_owned()
}
