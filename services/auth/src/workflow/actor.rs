use std::collections::BTreeSet;

use dallosh_contracts::Permission;
use dallosh_primitives::Uid;
use dallosh_service_kit::{Caller, Credential};

use super::lets_in;
use crate::{error::Error, state::State};

/// Who decides over users and roles, with what their token and their role both allow at the moment.
pub struct Actor {
    /// The user; none for the operator.
    user: Option<Uid>,
    permissions: BTreeSet<Permission>,
}

impl Actor {
    /// The caller, who needs this permission.
    ///
    /// # Errors
    /// [`Error::NotForApiTokens`], which may read at most; [`Error::SignedOut`] when the caller is somebody no more; [`Error::Forbidden`].
    pub async fn of(state: &State, caller: &Caller, needed: Permission) -> Result<Self, Error> {
        if caller.credential == Credential::ApiToken && needed != Permission::ReadUsers {
            return Err(Error::NotForApiTokens);
        }
        let user = state.store.user(caller.user).await?.filter(|user| !user.data.disabled).ok_or(Error::SignedOut)?;
        // A token of the operator belongs to no session.
        if let Some(session) = state.store.session(caller.session).await?
            && !lets_in(&session, &user, state.clock.now())
        {
            return Err(Error::SignedOut);
        }
        let role = state.store.role(user.data.role).await?.map(|role| role.data.permissions).unwrap_or_default();
        let permissions: BTreeSet<_> = caller.permissions().intersection(&role).copied().collect();
        if permissions.contains(&needed) {
            Ok(Self { user: Some(user.uid), permissions })
        } else {
            Err(Error::Forbidden(needed))
        }
    }

    /// Whoever may write the database of the platform; has no account, and every right.
    pub fn operator() -> Self {
        Self { user: None, permissions: Permission::ALL.into() }
    }

    /// Whether it is this user.
    pub fn is(&self, user: Uid) -> bool {
        self.user == Some(user)
    }

    /// Refuses to decide over rights that the actor does not have, be it to give them or to take them.
    ///
    /// # Errors
    /// [`Error::Beyond`], with what is missing.
    pub fn may_decide_over(&self, permissions: &BTreeSet<Permission>) -> Result<(), Error> {
        let missing: Vec<_> = permissions.difference(&self.permissions).copied().collect();
        if missing.is_empty() { Ok(()) } else { Err(Error::Beyond(missing)) }
    }

    /// The name in `createdBy` and `updatedBy`.
    pub fn name(&self) -> String {
        self.user.map_or_else(|| "operator".to_owned(), |user| user.to_string())
    }
}
