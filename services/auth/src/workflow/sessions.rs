//! What users do to their own sessions.

use dallosh_primitives::{Limit, Page, Uid};
use dallosh_service_kit::Caller;
use dallosh_store::Versioned;

use super::{Member, me};
use crate::{error::Error, session::Session, state::State};

/// Lists the caller's sessions, the newest first.
pub async fn list(
    state: &State,
    caller: &Caller,
    limit: Limit,
    cursor: Option<String>,
) -> Result<Page<Versioned<Session>>, Error> {
    let Member { user, .. } = me(state, caller).await?;
    Ok(state.store.sessions_of(&user, state.clock.now(), limit, cursor).await?)
}

/// Ends one of the caller's sessions.
///
/// # Errors
/// [`Error::NotFound`] when it is another user's, or over.
pub async fn end_own(state: &State, caller: &Caller, uid: Uid) -> Result<(), Error> {
    let Member { user, .. } = me(state, caller).await?;
    let session = state.store.session(uid).await?;
    if !session.is_some_and(|session| session.user == user.uid && session.is_live(state.clock.now())) {
        return Err(Error::NotFound);
    }
    end(state, caller, uid).await
}

/// Ends a session.
pub async fn end(state: &State, caller: &Caller, uid: Uid) -> Result<(), Error> {
    let now = state.clock.now();
    let end = |session: &mut Session| {
        session.end(now);
        Ok::<_, Error>(())
    };
    state.store.change_session(uid, &caller.name(), end).await?;
    Ok(())
}
