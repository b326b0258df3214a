//! API tokens, and what they are exchanged for.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use dallosh_contracts::Permission;
use dallosh_primitives::Uid;
use dallosh_service_kit::{Caller, Credential};
use dallosh_store::Versioned;
use secrecy::SecretString;

use super::{issuers, me, with_role};
use crate::{
    api_token::{ApiToken, ApiTokenSecret, MOST},
    error::Error,
    state::State,
    tokens::{ACCESS_LIFETIME, Holder},
};

/// What a new API token says.
pub struct NewApiToken {
    /// What it is for.
    pub name: String,
    /// What it allows.
    pub permissions: BTreeSet<Permission>,
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
}

/// Makes an API token for the caller; its secret is known here for the last time.
///
/// # Errors
/// [`Error::Invalid`] for permissions that the caller does not have now, an end that is over, or too many tokens.
pub async fn create_api_token(
    state: &State,
    caller: &Caller,
    new: NewApiToken,
) -> Result<(Versioned<ApiToken>, ApiTokenSecret), Error> {
    let NewApiToken { name, permissions, expires_at } = new;
    let member = me(state, caller).await?;
    let mut wrong = Vec::new();
    if permissions.is_empty() {
        wrong.push(("/permissions", "must name at least one"));
    }
    if !permissions.is_subset(&member.role.data.permissions) {
        wrong.push(("/permissions", "must be among those that you have yourself"));
    }
    if expires_at.is_some_and(|end| end <= state.clock.now()) {
        wrong.push(("/expires_at", "must be in the future"));
    }
    if wrong.is_empty() && state.store.api_tokens_of(caller.user).await?.len() >= MOST {
        wrong.push(("", "you have 50 API tokens, the most there can be; delete one first"));
    }
    if !wrong.is_empty() {
        return Err(Error::Invalid(wrong));
    }
    let secret = ApiTokenSecret::make()?;
    let (hash, last4) = (secret.hash(), secret.last4());
    let token = ApiToken { user: caller.user, name, permissions, hash, last4, expires_at, last_used_at: None };
    Ok((state.store.insert_api_token(token).await?, secret))
}

/// The caller's API tokens, the newest first.
pub async fn list_api_tokens(state: &State, caller: &Caller) -> Result<Vec<Versioned<ApiToken>>, Error> {
    me(state, caller).await?;
    Ok(state.store.api_tokens_of(caller.user).await?)
}

/// Ends an API token of the caller.
///
/// # Errors
/// [`Error::NoApiToken`] when there is none, or it is somebody else's.
pub async fn delete_api_token(state: &State, caller: &Caller, uid: Uid) -> Result<(), Error> {
    me(state, caller).await?;
    let found = state.store.api_token(uid).await?.filter(|token| token.user == caller.user);
    if found.is_some() {
        // What it was exchanged for ends with it.
        state.store.revoke(uid, state.clock.now(), &caller.name()).await?;
    }
    if found.is_some() && state.store.delete_api_token(uid).await? { Ok(()) } else { Err(Error::NoApiToken) }
}

/// An access token, and when it ends.
pub struct Exchanged {
    /// The token.
    pub access: SecretString,
    /// Its end.
    pub ends_at: DateTime<Utc>,
}

/// Gives an access token for an API token, with what both the token and its user's role allow at this moment; or for
/// the token of an issuer.
///
/// # Errors
/// [`Error::SignedOut`] for one that is unknown or over, and for one of a user who may not sign in; and those of
/// issuers.
pub async fn exchange(state: &State, presented: &str) -> Result<Exchanged, Error> {
    let Some(secret) = ApiTokenSecret::parse(presented) else {
        return issuers::exchange(state, presented).await;
    };
    let now = state.clock.now();
    let found = state.store.api_token_by_hash(&secret.hash()).await?;
    let token = found.filter(|token| token.data.is_live(now)).ok_or(Error::SignedOut)?;
    let user = state.store.user(token.data.user).await?;
    let user = user.filter(|user| !user.data.disabled).ok_or(Error::SignedOut)?;
    if token.data.is_news(now) {
        // Nobody is kept out because this can't be written.
        if let Err(error) = state.store.touch_api_token(token.uid, &user.uid.to_string(), now).await {
            tracing::warn!(%error, token.id = %token.uid, "the use of an API token is not written down");
        }
    }
    let member = with_role(state, user).await?;
    let ends_at = token.data.expires_at.map_or(now + ACCESS_LIFETIME, |end| end.min(now + ACCESS_LIFETIME));
    let holder = Holder {
        user: member.user.uid,
        session: token.uid,
        credential: Credential::ApiToken,
        standing: member.standing(),
        permissions: token.data.allowed(&member.role.data.permissions),
    };
    Ok(Exchanged { access: state.tokens.access(holder, now, ends_at)?, ends_at })
}
