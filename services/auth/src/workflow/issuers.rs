//! Users whom somebody else vouches for.

use dallosh_primitives::Uid;
use dallosh_service_kit::{Credential, Standing};
use dallosh_store::{StoreErrorKind, Versioned};
use secrecy::SecretString;

use super::{ATTEMPTS, Exchanged, departure, with_role};
use crate::{
    error::Error,
    issuers::Identity,
    state::State,
    tokens::{ACCESS_LIFETIME, Holder, Tokens},
    user::{Email, User},
};

/// The id of the user whom an issuer calls `subject`. That it is derived makes them one user, however often and by
/// however many processes at once they come for the first time.
fn user_of(identity: &Identity) -> Uid {
    Uid::only(&identity.issuer).derived(&identity.subject)
}

/// Gives an access token for a token of an issuer; makes the user at the first one.
///
/// # Errors
/// [`Error::SignedOut`] for a token that is not valid, and for a disabled user; [`Error::NoRole`] when the issuer gives
/// no role that exists here; [`Error::Issuer`] when its keys can't be had.
pub(super) async fn exchange(state: &State, presented: &str) -> Result<Exchanged, Error> {
    let identity = state.issuers.verify(presented).await?;
    let name = identity.role.as_deref().ok_or(Error::NoRole)?;
    let role = state.store.role_named(name).await?.ok_or_else(|| {
        tracing::warn!(role = name, issuer = identity.issuer, "auth.issuers names a role that does not exist");
        Error::NoRole
    })?;
    let user = admitted(state, &identity, role.uid).await?;
    let (uid, assignment, member) = (user.uid, user.data.assignment, with_role(state, user).await?);
    // The last administrator keeps the role, but comes in with what the issuer gives.
    let role = if identity.governs_role { role } else { member.role };
    let now = state.clock.now();
    let ends_at = identity.ends_at.min(now + ACCESS_LIFETIME);
    let holder = Holder {
        user: uid,
        session: uid.derived(&identity.issuer),
        credential: Credential::Issuer,
        standing: Standing { role: role.uid, role_revision: role.revision, assignment },
        permissions: role.data.permissions,
    };
    Ok(Exchanged { access: state.tokens.access(holder, now, ends_at)?, ends_at })
}

/// The user, with the role that the issuer gives them now if it decides over that.
async fn admitted(state: &State, identity: &Identity, role: Uid) -> Result<Versioned<User>, Error> {
    let uid = user_of(identity);
    let mut attempt = 1;
    loop {
        let Some(user) = state.store.user(uid).await? else {
            match make(state, uid, identity, role).await {
                Err(Error::Store(error)) if error.kind == StoreErrorKind::Duplicate && attempt < ATTEMPTS => {}
                Err(error) => return Err(error),
                Ok(()) => tracing::info!(user.id = %uid, issuer = identity.issuer, "a user came in by an issuer"),
            }
            attempt += 1;
            continue;
        };
        if user.data.disabled {
            return Err(Error::SignedOut);
        }
        if !identity.governs_role || user.data.role == role {
            return Ok(user);
        }
        let mut after = user.data.clone();
        after.assign(role, state.clock.now());
        match departure::replace(state, user.clone(), after, &identity.issuer).await {
            Ok(Some(user)) => return Ok(user),
            Ok(None) if attempt < ATTEMPTS => attempt += 1,
            Ok(None) => return Err(Error::Changed),
            Err(Error::LastAdmin) => {
                tracing::warn!(user.id = %uid, issuer = identity.issuer, "an issuer takes the role of the last administrator away");
                return Ok(user);
            }
            Err(error) => return Err(error),
        }
    }
}

/// Makes the user. An address that has an account stays that account's alone: whoever can have an issuer vouch for an
/// address must not come into the account by it.
async fn make(state: &State, uid: Uid, identity: &Identity, role: Uid) -> Result<(), Error> {
    let nobody = || Email::parse(&format!("{uid}@issuer.invalid"));
    let free = match &identity.email {
        Some(email) if state.store.user_by_email(email).await?.is_none() => Some(email.clone()),
        _ => None,
    };
    let email = free.or_else(nobody).ok_or(Error::SignedOut)?;
    // A password that nobody knows: signing in with one fails as for everybody else, in the same time.
    let password: SecretString = Tokens::refresh(uid)?.to_text();
    let hash = state.hashing.hash(&password).await?;
    let user = User::new(email, identity.name.clone(), role, hash, state.clock.now());
    state.store.insert_user_as(uid, user, &identity.issuer).await?;
    Ok(())
}
