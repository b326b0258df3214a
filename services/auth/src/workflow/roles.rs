//! What administrators do to roles.

use std::collections::BTreeSet;

use dallosh_contracts::Permission;
use dallosh_primitives::{Page, Uid};
use dallosh_service_kit::{Caller, Problem, Revision};
use dallosh_store::{StoreError, StoreErrorKind, Versioned};

use super::actor::Actor;
use crate::{
    error::Error,
    role::{ADMIN, ANALYST, Role},
    state::State,
    store::Paging,
};

/// What is changed of a role; absent is unchanged.
pub struct RoleChange {
    /// The name.
    pub name: Option<String>,
    /// What it allows.
    pub permissions: Option<BTreeSet<Permission>>,
}

/// Lists roles.
///
/// # Errors
/// [`Error::Forbidden`] without `read_users`.
pub async fn list(
    state: &State,
    caller: &Caller,
    text: Option<String>,
    paging: Paging,
) -> Result<Page<Versioned<Role>>, Error> {
    Actor::of(state, caller, Permission::ReadUsers).await?;
    Ok(state.store.roles(text, paging).await?)
}

/// Reads a role.
///
/// # Errors
/// [`Error::Forbidden`] without `read_users`; [`Error::NotFound`].
pub async fn get(state: &State, caller: &Caller, uid: Uid) -> Result<Versioned<Role>, Error> {
    Actor::of(state, caller, Permission::ReadUsers).await?;
    state.store.role(uid).await?.ok_or(Error::NotFound)
}

/// Makes a role.
///
/// # Errors
/// [`Error::Forbidden`] without `manage_users`; [`Error::Beyond`] when it would allow more than the caller may;
/// [`Error::NameTaken`].
pub async fn create(state: &State, caller: &Caller, role: Role) -> Result<Versioned<Role>, Error> {
    let actor = Actor::of(state, caller, Permission::ManageUsers).await?;
    actor.may_decide_over(&role.permissions)?;
    let role = state.store.insert_role(role, &actor.name()).await.map_err(refused)?;
    tracing::info!(by = %actor.name(), role.id = %role.uid, "a role was made");
    Ok(role)
}

/// Changes a role; its users have the new permissions from now on.
///
/// # Errors
/// [`Error::Forbidden`] without `manage_users`; [`Error::NotFound`]; [`Error::Precondition`], as `knows` says;
/// [`Error::FixedRole`]; [`Error::Beyond`] when it allows, or would allow, more than the caller may;
/// [`Error::NameTaken`].
pub async fn change(
    state: &State,
    caller: &Caller,
    uid: Uid,
    change: RoleChange,
    knows: impl Fn(Revision) -> Result<(), Problem>,
) -> Result<Versioned<Role>, Error> {
    let actor = Actor::of(state, caller, Permission::ManageUsers).await?;
    let mut role = state.store.role(uid).await?.ok_or(Error::NotFound)?;
    knows(Revision(role.revision))?;
    if uid == state.admin {
        return Err(Error::FixedRole(ADMIN, "allows everything, and stays as it is"));
    }
    actor.may_decide_over(&role.data.permissions)?;
    let RoleChange { name, permissions } = change;
    if let Some(name) = name {
        role.data.name = name;
    }
    if let Some(permissions) = permissions {
        actor.may_decide_over(&permissions)?;
        role.data.permissions = permissions;
    }
    let role = state.store.replace_role(role, &actor.name()).await.map_err(refused)?;
    tracing::info!(by = %actor.name(), role.id = %uid, "a role was changed");
    Ok(role)
}

/// Deletes a role that nobody has.
///
/// # Errors
/// As [`change`]; [`Error::RoleInUse`], with the number of its users.
pub async fn delete(
    state: &State,
    caller: &Caller,
    uid: Uid,
    knows: impl Fn(Revision) -> Result<(), Problem>,
) -> Result<(), Error> {
    let actor = Actor::of(state, caller, Permission::ManageUsers).await?;
    let role = state.store.role(uid).await?.ok_or(Error::NotFound)?;
    knows(Revision(role.revision))?;
    if uid == state.admin {
        return Err(Error::FixedRole(ADMIN, "allows everything, and stays as it is"));
    }
    if uid == state.analyst {
        return Err(Error::FixedRole(ANALYST, "is that of everybody who registers, and can't be deleted"));
    }
    actor.may_decide_over(&role.data.permissions)?;
    let users = state.store.count_users_with(uid).await?;
    if users > 0 {
        return Err(Error::RoleInUse(users));
    }
    state.store.delete_role(uid).await?;
    tracing::info!(by = %actor.name(), role.id = %uid, "a role was deleted");
    Ok(())
}

/// What the database refuses of a write.
fn refused(error: StoreError) -> Error {
    match error.kind {
        StoreErrorKind::Duplicate => Error::NameTaken,
        StoreErrorKind::Stale => Error::Changed,
        _ => error.into(),
    }
}
