//! The last administrator stays, also when several go at once.
//!
//! A write is one document, so that "somebody else stays" can't be a part of it. Instead who is to go is marked first;
//! then the others are counted, those with a mark left out; then the change is written over the very document that was
//! marked. Of two who go at once, the one whose mark came second finds the first one marked: both can't be written.
//! A mark that a dead process left behind is taken away by whoever meets it, and what that process still writes is stale.

use std::time::Duration;

use chrono::TimeDelta;
use dallosh_primitives::Uid;
use dallosh_store::{StoreErrorKind, Versioned};
use rand::RngExt as _;

use crate::{error::Error, state::State, user::User};

/// After this a mark is nobody's any more.
const FORGOTTEN: TimeDelta = TimeDelta::seconds(30);
/// How often it is tried again while others are going too.
const ATTEMPTS: u32 = 8;

/// Writes `after` over `user`; none when the user was changed since it was read. When that takes an administrator away,
/// another one has to stay.
///
/// # Errors
/// [`Error::LastAdmin`]; [`Error::EmailTaken`].
pub async fn replace(
    state: &State,
    user: Versioned<User>,
    after: User,
    by: &str,
) -> Result<Option<Versioned<User>>, Error> {
    let is_admin = |user: &User| user.role == state.admin && !user.disabled;
    if !is_admin(&user.data) || is_admin(&after) {
        return write(state, Versioned { data: User { leaving_since: None, ..after }, ..user }, by).await;
    }
    let mut user = user;
    for attempt in 0..ATTEMPTS {
        let marked = User { leaving_since: Some(state.clock.now()), ..user.data.clone() };
        let Some(marked) = write(state, Versioned { data: marked, ..user }, by).await? else {
            return Ok(None);
        };
        let others = others(state, marked.uid).await?;
        if matches!(others, Others::Stay) {
            return write(state, Versioned { data: User { leaving_since: None, ..after }, ..marked }, by).await;
        }
        let unmarked = User { leaving_since: None, ..marked.data.clone() };
        let Some(unmarked) = write(state, Versioned { data: unmarked, ..marked }, by).await? else {
            return Ok(None);
        };
        if matches!(others, Others::None) {
            return Err(Error::LastAdmin);
        }
        user = unmarked;
        tokio::time::sleep(Duration::from_millis(rand::rng().random_range(0..10_u64 << attempt))).await;
    }
    Err(Error::LastAdmin)
}

/// Who else is an administrator that can sign in.
enum Others {
    /// Somebody who is not going.
    Stay,
    /// Only such as are going too, perhaps.
    Going,
    /// Nobody.
    None,
}

async fn others(state: &State, uid: Uid) -> Result<Others, Error> {
    let mut found = Others::None;
    for other in state.store.enabled_users(state.admin).await?.into_iter().filter(|other| other.uid != uid) {
        let Some(since) = other.data.leaving_since else { return Ok(Others::Stay) };
        found = Others::Going;
        if since + FORGOTTEN < state.clock.now() {
            let by = other.updated_by.clone();
            let unmarked = User { leaving_since: None, ..other.data.clone() };
            if write(state, Versioned { data: unmarked, ..other }, &by).await?.is_some() {
                return Ok(Others::Stay);
            }
        }
    }
    Ok(found)
}

async fn write(state: &State, user: Versioned<User>, by: &str) -> Result<Option<Versioned<User>>, Error> {
    match state.store.replace_user(user, by).await {
        Ok(user) => Ok(Some(user)),
        Err(error) if error.kind == StoreErrorKind::Stale => Ok(None),
        Err(error) if error.kind == StoreErrorKind::Duplicate => Err(Error::EmailTaken),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::{DateTime, Utc};
    use dallosh_primitives::SystemClock;
    use dallosh_service_kit::{Config, Profile, SettingsReader, Sources};
    use dallosh_store::Store;
    use ed25519_dalek::SigningKey;

    use super::*;
    use crate::{
        attempts::Attempts, hashing::Hashing, issuers::Issuers, password::Passwords, role::Role, store::AuthStore,
        tokens::Tokens, user::Email,
    };

    /// Takes away an administrator beside whom there is one with this mark.
    async fn takes_one_away(other_leaves_since: DateTime<Utc>) -> bool {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("test.db").display());
        let clock = Arc::new(SystemClock);
        let store = AuthStore::open(&Store::open(&url, clock.clone()).await.unwrap()).await.unwrap();
        let admin = store.insert_role(Role::admin(), "test").await.unwrap().uid;
        let user = |email: &str| User::new(Email::parse(email).unwrap(), None, admin, "hash".into(), Utc::now());
        let one = store.insert_user(user("one@example.com"), None).await.unwrap();
        let marked = User { leaving_since: Some(other_leaves_since), ..user("other@example.com") };
        store.insert_user(marked, None).await.unwrap();
        let state = State {
            store,
            hashing: Hashing::default(),
            passwords: Passwords::default(),
            attempts: Attempts::default(),
            tokens: Tokens::new(&SigningKey::from_bytes(&[1; 32])).unwrap(),
            published: Vec::new(),
            issuers: Issuers::new(&[], Profile::Development).unwrap(),
            clock,
            secure_cookies: false,
            settings: SettingsReader::new(&Config::load(&Sources::default()).unwrap()).unwrap(),
            admin,
            analyst: Uid::new(),
        };
        let mut after = one.data.clone();
        after.set_disabled(true, Utc::now());
        let outcome = replace(&state, one.clone(), after, "test").await;
        let stays = state.store.user(one.uid).await.unwrap().unwrap();
        assert_eq!(stays.data.leaving_since, None, "a mark is left");
        match outcome {
            Ok(Some(_)) | Err(Error::LastAdmin) => stays.data.disabled,
            _ => panic!("neither done nor refused"),
        }
    }

    #[tokio::test]
    async fn who_may_be_going_too_does_not_count_until_the_mark_is_forgotten() {
        assert!(!takes_one_away(Utc::now()).await);
        assert!(takes_one_away(Utc::now() - FORGOTTEN - TimeDelta::seconds(1)).await);
    }
}
