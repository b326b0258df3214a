//! What is of `MongoDB` alone: a network between.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use dallosh_primitives::{SystemClock, Uid};
use dallosh_store::{Collection, Filter, Store, StoreErrorKind};
use tokio::net::TcpListener;

use crate::{
    backends::{mongodb_server, mongodb_url},
    proxy::{Fault, Proxy},
    suite::Account,
};

async fn accounts_through(proxy: &Proxy) -> Collection<Account> {
    let store = Store::open(&mongodb_url(&proxy.address), Arc::new(SystemClock)).await.unwrap();
    store.collection().await.unwrap()
}

#[tokio::test]
async fn an_insert_whose_answer_was_lost_is_found_done() {
    let proxy = Proxy::before(mongodb_server(), "insert").await;
    let accounts = accounts_through(&proxy).await;
    proxy.set(Fault::LoseAnswer);
    let written = accounts.insert(Account::default(), "test").await.unwrap();
    assert!(proxy.is_spent());
    assert_eq!(accounts.find(written.uid).await.unwrap(), Some(written));
    assert_eq!(accounts.count(&Filter::All).await.unwrap(), 1);
}

#[tokio::test]
async fn an_insert_that_was_lost_is_unavailable_and_can_be_repeated() {
    let proxy = Proxy::before(mongodb_server(), "insert").await;
    let accounts = accounts_through(&proxy).await;
    let uid = Uid::new();
    proxy.set(Fault::LoseRequest);
    let error = accounts.insert_as(uid, Account::default(), "test").await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unavailable);
    assert_eq!(accounts.find(uid).await.unwrap(), None);
    accounts.insert_as(uid, Account::default(), "test").await.unwrap();
}

#[tokio::test]
async fn a_lost_insert_of_a_taken_uid_is_a_duplicate() {
    let proxy = Proxy::before(mongodb_server(), "insert").await;
    let accounts = accounts_through(&proxy).await;
    let uid = accounts.insert(Account::default(), "test").await.unwrap().uid;
    proxy.set(Fault::LoseAnswer);
    let error = accounts.insert_as(uid, Account { visits: 1, ..Account::default() }, "test").await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Duplicate);
}

#[tokio::test]
async fn a_replacement_whose_answer_was_lost_is_found_done() {
    let proxy = Proxy::before(mongodb_server(), "update").await;
    let accounts = accounts_through(&proxy).await;
    let read = accounts.insert(Account::default(), "test").await.unwrap();
    proxy.set(Fault::LoseAnswer);
    let written = accounts.replace(read, "test").await.unwrap();
    assert!(proxy.is_spent());
    assert_eq!(accounts.find(written.uid).await.unwrap(), Some(written));
}

#[tokio::test]
async fn a_replacement_that_was_lost_is_unavailable_and_can_be_repeated() {
    let proxy = Proxy::before(mongodb_server(), "update").await;
    let accounts = accounts_through(&proxy).await;
    let read = accounts.insert(Account::default(), "test").await.unwrap();
    proxy.set(Fault::LoseRequest);
    assert_eq!(accounts.replace(read.clone(), "test").await.unwrap_err().kind, StoreErrorKind::Unavailable);
    accounts.replace(read, "test").await.unwrap();
}

#[tokio::test]
async fn a_stale_replacement_whose_answer_was_lost_is_not_taken_for_done() {
    let proxy = Proxy::before(mongodb_server(), "update").await;
    let accounts = accounts_through(&proxy).await;
    let read = accounts.insert(Account::default(), "test").await.unwrap();
    accounts.replace(read.clone(), "the winner").await.unwrap();
    proxy.set(Fault::LoseAnswer);
    assert_eq!(accounts.replace(read, "the loser").await.unwrap_err().kind, StoreErrorKind::Stale);
}

#[tokio::test]
async fn a_server_that_falls_silent_is_unavailable_in_time() {
    let proxy = Proxy::before(mongodb_server(), "insert").await;
    let accounts = accounts_through(&proxy).await;
    proxy.set(Fault::Swallow);
    let begun = Instant::now();
    let (write, read) = tokio::join!(accounts.insert(Account::default(), "test"), accounts.count(&Filter::All));
    assert_eq!(write.unwrap_err().kind, StoreErrorKind::Unavailable);
    assert_eq!(read.unwrap_err().kind, StoreErrorKind::Unavailable);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable_in_time() {
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let store = Store::open(&mongodb_url(&address.to_string()), Arc::new(SystemClock)).await.unwrap();
    let begun = Instant::now();
    assert_eq!(store.ping().await.unwrap_err().kind, StoreErrorKind::Unavailable);
    assert_eq!(store.collection::<Account>().await.err().unwrap().kind, StoreErrorKind::Unavailable);
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
}
