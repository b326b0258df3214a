//! What administrators do to accounts.

use dallosh_contracts::Permission;
use dallosh_primitives::{Limit, Page, Uid};
use dallosh_service_kit::{Caller, Problem, Revision};
use dallosh_store::{StoreErrorKind, Versioned};
use rand::{TryRng as _, rngs::SysRng};
use secrecy::SecretString;

use super::{ATTEMPTS, Member, actor::Actor, departure, with_role};
use crate::{
    error::Error,
    role::Role,
    session::Session,
    state::State,
    store::{Paging, UserFilter},
    tokens::TokenError,
    user::{Email, User},
};

/// Characters of a password that is made here: 5 bits each, none that look alike.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// How many, in groups.
const GROUPS: usize = 4;
const GROUP: usize = 5;

/// An account as administrators see it.
pub struct Account {
    /// The user and the role.
    pub member: Member,
    /// When the user signed in last.
    pub last_sign_in_at: Option<chrono::DateTime<chrono::Utc>>,
}

/// What a new account says.
pub struct NewUser {
    /// The address.
    pub email: Email,
    /// The name.
    pub name: Option<String>,
    /// The role.
    pub role: Uid,
    /// Whether it begins disabled.
    pub disabled: bool,
    /// The password, not checked yet; one is made when there is none.
    pub password: Option<SecretString>,
}

/// What is changed of an account; absent is unchanged.
#[derive(Default)]
pub struct UserChange {
    /// The address.
    pub email: Option<Email>,
    /// The name.
    pub name: Option<String>,
    /// The role.
    pub role: Option<Uid>,
    /// Whether the user may not sign in.
    pub disabled: Option<bool>,
    /// Another password, not checked yet, which the user is to change.
    pub password: Option<SecretString>,
}

/// Lists accounts.
///
/// # Errors
/// [`Error::Forbidden`] without `read_users`.
pub async fn list(state: &State, caller: &Caller, which: &UserFilter, paging: Paging) -> Result<Page<Account>, Error> {
    Actor::of(state, caller, Permission::ReadUsers).await?;
    accounts(state, which, paging).await
}

/// Lists accounts, for whoever may see them.
pub async fn accounts(state: &State, which: &UserFilter, paging: Paging) -> Result<Page<Account>, Error> {
    let Page { items, next_cursor } = state.store.users(which, paging).await?;
    let uids: Vec<_> = items.iter().map(|user| user.uid).collect();
    let mut roles: Vec<_> = items.iter().map(|user| user.data.role).collect();
    roles.sort_unstable();
    roles.dedup();
    let (roles, sign_ins) = (state.store.roles_of(&roles).await?, state.store.last_sign_ins(&uids).await?);
    let account = |user: Versioned<User>| {
        let last_sign_in_at = sign_ins.get(&user.uid).copied();
        let role = roles.get(&user.data.role).cloned();
        Account { member: Member::new(user, role), last_sign_in_at }
    };
    Ok(Page { items: items.into_iter().map(account).collect(), next_cursor })
}

/// Reads an account.
///
/// # Errors
/// [`Error::Forbidden`] without `read_users`; [`Error::NotFound`].
pub async fn get(state: &State, caller: &Caller, uid: Uid) -> Result<Account, Error> {
    Actor::of(state, caller, Permission::ReadUsers).await?;
    let member = find(state, uid).await?;
    account(state, member).await
}

/// Makes an account. The password that was made for it, when none was given, is told here and never again.
///
/// # Errors
/// [`Error::Forbidden`] without `manage_users`; [`Error::Beyond`] for a role that allows more than the caller may;
/// [`Error::WeakPassword`]; [`Error::EmailTaken`].
pub async fn create(state: &State, caller: &Caller, new: NewUser) -> Result<(Account, Option<SecretString>), Error> {
    create_as(state, &Actor::of(state, caller, Permission::ManageUsers).await?, new).await
}

/// Does what [`create`] does.
pub async fn create_as(state: &State, actor: &Actor, new: NewUser) -> Result<(Account, Option<SecretString>), Error> {
    let NewUser { email, name, role, disabled, password } = new;
    let role = role_to_give(state, actor, role).await?;
    let (password, made) = if let Some(password) = password {
        state.passwords.check(&password, &email).await?;
        (password, None)
    } else {
        let made = one_time_password()?;
        (made.clone(), Some(made))
    };
    let hash = state.hashing.hash(&password).await?;
    // Whoever made the account knows the password.
    let user =
        User { disabled, must_change_password: true, ..User::new(email, name, role.uid, hash, state.clock.now()) };
    let user = match state.store.insert_user(user, Some(&actor.name())).await {
        Err(error) if error.kind == StoreErrorKind::Duplicate => return Err(Error::EmailTaken),
        inserted => inserted?,
    };
    tracing::info!(by = %actor.name(), user.id = %user.uid, "an account was made");
    Ok((Account { member: Member { user, role }, last_sign_in_at: None }, made))
}

/// Changes an account, provided that the client knows the present revision.
///
/// # Errors
/// [`Error::Forbidden`] without `manage_users`; [`Error::NotFound`]; [`Error::Precondition`], as `knows` says;
/// [`Error::Beyond`] when the account or the new role allows more than the caller may; [`Error::OwnAccount`] for more
/// than the own name; [`Error::LastAdmin`]; [`Error::WeakPassword`]; [`Error::EmailTaken`].
pub async fn change(
    state: &State,
    caller: &Caller,
    uid: Uid,
    change: &UserChange,
    knows: impl Fn(Revision) -> Result<(), Problem>,
) -> Result<Account, Error> {
    change_as(state, &Actor::of(state, caller, Permission::ManageUsers).await?, uid, change, knows).await
}

/// Does what [`change`] does.
pub async fn change_as(
    state: &State,
    actor: &Actor,
    uid: Uid,
    change: &UserChange,
    knows: impl Fn(Revision) -> Result<(), Problem>,
) -> Result<Account, Error> {
    let UserChange { email, name, role, disabled, password } = change;
    for _ in 0..ATTEMPTS {
        let member = find(state, uid).await?;
        knows(member.revision())?;
        actor.may_decide_over(&member.role.data.permissions)?;
        let Member { user, role: present } = member;
        let new_role = role.filter(|role| *role != user.data.role);
        let touches_rights = new_role.is_some() || *disabled == Some(true) || password.is_some() || email.is_some();
        if actor.is(uid) && touches_rights {
            return Err(Error::OwnAccount);
        }
        let role = match new_role {
            Some(role) => role_to_give(state, actor, role).await?,
            None => present,
        };
        let mut after = user.data.clone();
        after.assign(role.uid, state.clock.now());
        if let Some(name) = name {
            after.name = Some(name.clone());
        }
        if let Some(email) = email {
            after.email = email.clone();
        }
        if let Some(disabled) = disabled {
            after.set_disabled(*disabled, state.clock.now());
        }
        if let Some(password) = password {
            state.passwords.check(password, &after.email).await?;
            after.change_password(state.hashing.hash(password).await?, state.clock.now());
            after.must_change_password = true;
        }
        if let Some(user) = departure::replace(state, user, after, &actor.name()).await? {
            tracing::info!(by = %actor.name(), user.id = %uid, "an account was changed");
            return account(state, Member { user, role }).await;
        }
    }
    Err(Error::Changed)
}

/// Deletes an account, provided that the client knows the present revision. What the user made stays.
///
/// # Errors
/// [`Error::Forbidden`] without `manage_users`; [`Error::NotFound`]; [`Error::Precondition`], as `knows` says;
/// [`Error::Beyond`] when the account allows more than the caller may; [`Error::OwnAccount`]; [`Error::LastAdmin`].
pub async fn delete(
    state: &State,
    caller: &Caller,
    uid: Uid,
    knows: impl Fn(Revision) -> Result<(), Problem>,
) -> Result<(), Error> {
    let actor = Actor::of(state, caller, Permission::ManageUsers).await?;
    let allowed = |member: &Member| {
        knows(member.revision())?;
        actor.may_decide_over(&member.role.data.permissions)?;
        if actor.is(uid) { Err(Error::OwnAccount) } else { Ok(()) }
    };
    remove(state, uid, &actor.name(), allowed).await?;
    tracing::info!(by = %actor.name(), user.id = %uid, "an account was deleted");
    Ok(())
}

/// Takes an account away: it is disabled first, so that nothing of it works however far the rest comes.
pub async fn remove(
    state: &State,
    uid: Uid,
    by: &str,
    allowed: impl Fn(&Member) -> Result<(), Error>,
) -> Result<(), Error> {
    for _ in 0..ATTEMPTS {
        let member = find(state, uid).await?;
        allowed(&member)?;
        let mut after = member.user.data.clone();
        after.set_disabled(true, state.clock.now());
        if let Some(user) = departure::replace(state, member.user, after, by).await? {
            // Else a token of the account would be good again once the account is gone.
            state.store.revoke(user.uid, state.clock.now(), by).await?;
            return Ok(state.store.delete_user(user.uid).await?);
        }
    }
    Err(Error::Changed)
}

/// Lists a user's sessions, the newest first.
///
/// # Errors
/// [`Error::Forbidden`] without `read_users`; [`Error::NotFound`].
pub async fn sessions(
    state: &State,
    caller: &Caller,
    uid: Uid,
    limit: Limit,
    cursor: Option<String>,
) -> Result<Page<Versioned<Session>>, Error> {
    Actor::of(state, caller, Permission::ReadUsers).await?;
    let Member { user, .. } = find(state, uid).await?;
    Ok(state.store.sessions_of(&user, state.clock.now(), limit, cursor).await?)
}

/// Ends all sessions of a user, with one write.
///
/// # Errors
/// [`Error::Forbidden`] without `manage_users`; [`Error::NotFound`]; [`Error::Beyond`] when the account allows more than
/// the caller may.
pub async fn end_sessions(state: &State, caller: &Caller, uid: Uid) -> Result<(), Error> {
    let actor = Actor::of(state, caller, Permission::ManageUsers).await?;
    for _ in 0..ATTEMPTS {
        let Member { user, role } = find(state, uid).await?;
        actor.may_decide_over(&role.data.permissions)?;
        let mut after = user.data.clone();
        after.sign_out(state.clock.now());
        if departure::replace(state, user, after, &actor.name()).await?.is_some() {
            tracing::info!(by = %actor.name(), user.id = %uid, "a user was signed out everywhere");
            return Ok(());
        }
    }
    Err(Error::Changed)
}

async fn find(state: &State, uid: Uid) -> Result<Member, Error> {
    with_role(state, state.store.user(uid).await?.ok_or(Error::NotFound)?).await
}

async fn account(state: &State, member: Member) -> Result<Account, Error> {
    let uid = member.user.uid;
    let last_sign_in_at = state.store.last_sign_ins(&[uid]).await?.get(&uid).copied();
    Ok(Account { member, last_sign_in_at })
}

/// A role that the actor may give.
async fn role_to_give(state: &State, actor: &Actor, uid: Uid) -> Result<Versioned<Role>, Error> {
    let missing = || Error::Invalid(vec![("/role_id", "there is no such role")]);
    let role = state.store.role(uid).await?.ok_or_else(missing)?;
    actor.may_decide_over(&role.data.permissions)?;
    Ok(role)
}

/// A password of 100 random bits that can be read out.
pub fn one_time_password() -> Result<SecretString, Error> {
    let mut bytes = [0; GROUPS * GROUP];
    SysRng.try_fill_bytes(&mut bytes).map_err(TokenError::from)?;
    let letter = |byte: &u8| ALPHABET.get(usize::from(byte % 32)).copied().map_or('a', char::from);
    let groups: Vec<String> = bytes.chunks(GROUP).map(|group| group.iter().map(letter).collect()).collect();
    Ok(groups.join("-").into())
}
