//! Every change of users, roles, sessions and API tokens.

mod actor;
mod api_tokens;
mod departure;
mod issuers;
pub mod revocations;
pub mod roles;
pub mod sessions;
pub mod users;

use chrono::{DateTime, Utc};
use dallosh_primitives::Uid;
use dallosh_service_kit::{Caller, Credential, Revision, Standing};
use dallosh_store::{Modified, StoreErrorKind, Versioned};
use secrecy::SecretString;

use crate::{
    error::Error,
    hashing::Verdict,
    role::Role,
    session::{Presented, Session},
    state::State,
    tokens::{ACCESS_LIFETIME, Holder, RefreshToken, Tokens},
    user::{Email, User},
};

pub use actor::Actor;
pub use api_tokens::{Exchanged, NewApiToken, create_api_token, delete_api_token, exchange, list_api_tokens};

/// How often a change of a user is tried again when another writer comes first.
const ATTEMPTS: u32 = 5;
/// Who wrote what a refresh token caused.
const REFRESH: &str = "refresh";

/// A user who may sign in, and the role.
#[derive(Debug, Clone)]
pub struct Member {
    /// The user.
    pub user: Versioned<User>,
    /// The role.
    pub role: Versioned<Role>,
}

impl Member {
    /// A user with the role, or with what is left of one that was deleted at the moment in which the user got it.
    fn new(user: Versioned<User>, role: Option<Versioned<Role>>) -> Self {
        let role = role.unwrap_or_else(|| Versioned::new(user.data.role, Role::gone(), "nobody", user.updated_at));
        Self { user, role }
    }

    /// What an access token says of the role.
    fn standing(&self) -> Standing {
        let (user, role) = (&self.user.data, &self.role);
        Standing { role: role.uid, role_revision: role.revision, assignment: user.assignment }
    }

    /// A number that changes with the user and with the role. A user who gets another role is another revision, so the
    /// role's own only has to differ below it.
    pub fn revision(&self) -> Revision {
        Revision(self.user.revision.saturating_mul(1 << 20).saturating_add(self.role.revision))
    }
}

/// What a sign-in or a refresh gives.
pub struct Grant {
    /// The access token.
    pub access: SecretString,
    /// The refresh token.
    pub refresh: RefreshToken,
    /// For whom.
    pub member: Member,
}

/// What a new account says.
pub struct Registration {
    /// The address.
    pub email: Email,
    /// The password, not checked yet.
    pub password: SecretString,
    /// The name.
    pub name: Option<String>,
}

/// Makes an account for an analyst. An address that is taken gives the same answer after the same work, so that nobody
/// learns who has an account; that account is not touched.
///
/// # Errors
/// [`Error::RegistrationClosed`]; and while nobody ever knew whether it is, none is made either.
pub async fn register(state: &State, registration: Registration) -> Result<(), Error> {
    match state.settings.current().await.ok_or(Error::RegistrationUnknown)?.registration {
        dallosh_contracts::Registration::Open => {}
        dallosh_contracts::Registration::Closed => return Err(Error::RegistrationClosed),
    }
    let Registration { email, password, name } = registration;
    state.passwords.check(&password, &email).await?;
    let hash = state.hashing.hash(&password).await?;
    let user = User::new(email, name, state.analyst, hash, state.clock.now());
    match state.store.insert_user(user, None).await {
        Err(error) if error.kind != StoreErrorKind::Duplicate => Err(error.into()),
        _ => Ok(()),
    }
}

/// Where a sign-in comes from.
pub struct Client {
    /// Its address.
    pub address: String,
    /// What it calls itself.
    pub user_agent: Option<String>,
}

/// Begins a session.
///
/// # Errors
/// [`Error::InvalidCredentials`] for an unknown address, a wrong password and a disabled account, after the same work;
/// [`Error::Blocked`] after too many of them from the client's address, whether there is such an account or not.
pub async fn login(state: &State, email: &str, password: &SecretString, client: Client) -> Result<Grant, Error> {
    let parsed = Email::parse(email);
    let (now, account) = (state.clock.now(), parsed.as_ref().map_or("", Email::as_str));
    let attempt = state.attempts.begin(account, &client.address, now);
    let attempt = attempt.map_err(|blocked| Error::Blocked(blocked, blocked.until - now))?;
    let grant = sign_in(state, parsed, password, client).await;
    if !matches!(grant, Err(Error::InvalidCredentials)) {
        attempt.forgive();
    }
    grant
}

async fn sign_in(state: &State, email: Option<Email>, password: &SecretString, client: Client) -> Result<Grant, Error> {
    let found = match email {
        Some(email) => state.store.user_by_email(&email).await?,
        None => None,
    };
    let verdict = state.hashing.compare(password, found.as_ref().map(|user| &user.data.password_hash)).await?;
    let mut user = match found {
        Some(user) if verdict != Verdict::Wrong && !user.data.disabled => user,
        _ => return Err(Error::InvalidCredentials),
    };
    if verdict == Verdict::Outdated {
        user = strengthen(state, user, password).await?;
    }
    let uid = Uid::new();
    let refresh = Tokens::refresh(uid)?;
    let now = state.clock.now();
    let mut session = Session::start(user.uid, user.data.generation, refresh.hash(), now);
    session.user_agent = client.user_agent;
    session.address = Some(client.address).filter(|address| !address.is_empty());
    let member = with_role(state, user).await?;
    let access = access_token(state, &member, uid)?;
    state.store.insert_session(uid, session).await?;
    state.store.note_sign_in(member.user.uid, now).await?;
    Ok(Grant { access, refresh, member })
}

/// Hashes a password again with today's effort. A user who was changed meanwhile keeps what they have.
async fn strengthen(state: &State, user: Versioned<User>, password: &SecretString) -> Result<Versioned<User>, Error> {
    let mut stronger = user.clone();
    stronger.data.password_hash = state.hashing.hash(password).await?;
    let by = user.uid.to_string();
    match state.store.replace_user(stronger, &by).await {
        Ok(stronger) => Ok(stronger),
        Err(error) if error.kind == StoreErrorKind::Stale => Ok(user),
        Err(error) => Err(error.into()),
    }
}

/// Replaces a refresh token, with one compare-and-set.
///
/// # Errors
/// [`Error::SignedOut`] for anything but the current token of a live session, or the one before within the grace. A
/// token that names a live session and is neither of these ends the session: it was copied.
pub async fn refresh(state: &State, presented: &str) -> Result<Grant, Error> {
    let token = RefreshToken::parse(presented).ok_or(Error::SignedOut)?;
    let successor = state.tokens.successor(&token)?;
    let (now, hash) = (state.clock.now(), token.hash());
    let mut judged = Presented::Ended;
    let change = |session: &mut Session| {
        judged = session.judge(&hash, now);
        match judged {
            Presented::Current => session.rotate(successor.hash(), now),
            Presented::Reused => session.end(now),
            Presented::JustReplaced | Presented::Ended => return Err(()),
        }
        Ok(())
    };
    if state.store.change_session(token.session, REFRESH, change).await? == Modified::Absent {
        return Err(Error::SignedOut);
    }
    match judged {
        Presented::Current | Presented::JustReplaced => {}
        Presented::Reused => {
            tracing::warn!(session.id = %token.session, "a refresh token was used again; its session is ended");
            return Err(Error::SignedOut);
        }
        Presented::Ended => return Err(Error::SignedOut),
    }
    let member = member_of(state, token.session).await?;
    Ok(Grant { access: access_token(state, &member, token.session)?, refresh: successor, member })
}

/// Ends the caller's session.
pub async fn logout(state: &State, caller: &Caller) -> Result<(), Error> {
    me(state, caller).await?;
    sessions::end(state, caller, caller.session).await
}

/// The caller as they are now, which may be less than their token says.
pub async fn me(state: &State, caller: &Caller) -> Result<Member, Error> {
    let member = match caller.credential {
        Credential::Session | Credential::ApiToken => member_of(state, caller.session).await?,
        // The session is the issuer's, who said a moment ago that it goes on.
        Credential::Issuer => {
            let user = state.store.user(caller.user).await?.filter(|user| !user.data.disabled);
            with_role(state, user.ok_or(Error::SignedOut)?).await?
        }
    };
    if member.user.uid == caller.user { Ok(member) } else { Err(Error::SignedOut) }
}

/// What a user changes of their own account; absent is unchanged.
#[derive(Default)]
pub struct Change {
    /// The name.
    pub name: Option<String>,
    /// The address.
    pub email: Option<Email>,
    /// The password, not checked yet.
    pub password: Option<SecretString>,
    /// The present password, needed for the address and the password.
    pub current_password: Option<SecretString>,
}

/// Changes the caller's account, provided that the client knows the present revision. Another password ends the
/// user's other sessions.
///
/// # Errors
/// [`Error::Changed`] when `knows` says no; [`Error::Invalid`] when the present password is missing or wrong;
/// [`Error::WeakPassword`]; [`Error::EmailTaken`].
pub async fn change_me(
    state: &State,
    caller: &Caller,
    change: Change,
    knows: impl Fn(Revision) -> bool,
) -> Result<Member, Error> {
    let mut attempt = 1;
    loop {
        let Member { user, role } = me(state, caller).await?;
        if !knows((Member { user: user.clone(), role: role.clone() }).revision()) {
            return Err(Error::Changed);
        }
        let changed = apply(state, user, &change).await?;
        match state.store.replace_user(changed, &caller.name()).await {
            Ok(user) => {
                if change.password.is_some() {
                    keep_session(state, caller, user.data.generation).await?;
                }
                return Ok(Member { user, role });
            }
            Err(error) if error.kind == StoreErrorKind::Duplicate => return Err(Error::EmailTaken),
            Err(error) if error.kind == StoreErrorKind::Stale && attempt < ATTEMPTS => attempt += 1,
            Err(error) => return Err(error.into()),
        }
    }
}

async fn apply(state: &State, mut user: Versioned<User>, change: &Change) -> Result<Versioned<User>, Error> {
    let Change { name, email, password, current_password } = change;
    if email.is_some() || password.is_some() {
        let Some(current) = current_password else {
            return Err(Error::Invalid(vec![("/current_password", "is needed to change the e-mail or the password")]));
        };
        check_current(state, &user, current).await?;
    }
    if let Some(name) = name {
        user.data.name = Some(name.clone());
    }
    if let Some(email) = email {
        user.data.email = email.clone();
    }
    if let Some(password) = password {
        state.passwords.check(password, &user.data.email).await?;
        user.data.change_password(state.hashing.hash(password).await?, state.clock.now());
    }
    Ok(user)
}

async fn check_current(state: &State, user: &Versioned<User>, current: &SecretString) -> Result<(), Error> {
    match state.hashing.compare(current, Some(&user.data.password_hash)).await? {
        Verdict::Wrong => Err(Error::Invalid(vec![("/current_password", "is not the present password")])),
        Verdict::Right | Verdict::Outdated => Ok(()),
    }
}

/// Deletes the caller's account and ends its sessions. The datasets and tasks that it made stay.
///
/// # Errors
/// [`Error::Invalid`] when the present password is wrong; [`Error::LastAdmin`].
pub async fn delete_me(state: &State, caller: &Caller, current: &SecretString) -> Result<(), Error> {
    let Member { user, .. } = me(state, caller).await?;
    check_current(state, &user, current).await?;
    users::remove(state, user.uid, &caller.name(), |_| Ok(())).await
}

/// Takes the caller's session into the user's new generation. A stop before this signs the caller out as well.
async fn keep_session(state: &State, caller: &Caller, generation: i64) -> Result<(), Error> {
    let keep = |session: &mut Session| {
        session.generation = generation;
        Ok::<_, Error>(())
    };
    state.store.change_session(caller.session, &caller.name(), keep).await?;
    Ok(())
}

/// Deletes sessions and revocations that no access token knows any more; says how many sessions.
pub async fn sweep_sessions(state: &State) -> Result<u64, Error> {
    let long_ago = state.clock.now() - revocations::KEPT;
    state.store.delete_revocations_before(long_ago).await?;
    Ok(state.store.delete_sessions_over_before(long_ago).await?)
}

/// The user of a live session.
async fn member_of(state: &State, session: Uid) -> Result<Member, Error> {
    let session = state.store.session(session).await?.ok_or(Error::SignedOut)?;
    let user = state.store.user(session.user).await?.ok_or(Error::SignedOut)?;
    if !lets_in(&session, &user, state.clock.now()) {
        return Err(Error::SignedOut);
    }
    with_role(state, user).await
}

/// Whether the session goes on for the user as they are now.
fn lets_in(session: &Session, user: &Versioned<User>, now: DateTime<Utc>) -> bool {
    session.is_live(now) && !user.data.disabled && user.data.generation == session.generation
}

async fn with_role(state: &State, user: Versioned<User>) -> Result<Member, Error> {
    let role = state.store.role(user.data.role).await?;
    Ok(Member::new(user, role))
}

fn access_token(state: &State, member: &Member, session: Uid) -> Result<SecretString, Error> {
    let permissions = member.role.data.permissions.clone();
    let holder = Holder {
        user: member.user.uid,
        session,
        credential: Credential::Session,
        standing: member.standing(),
        permissions,
    };
    let now = state.clock.now();
    Ok(state.tokens.access(holder, now, now + ACCESS_LIFETIME)?)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, Version};
    use chrono::Utc;
    use dallosh_contracts::figures;
    use dallosh_primitives::SystemClock;
    use dallosh_service_kit::{Config, Profile, SettingsReader, Sources};
    use dallosh_store::Store;
    use ed25519_dalek::SigningKey;
    use metrics_exporter_prometheus::PrometheusBuilder;
    use secrecy::ExposeSecret as _;
    use tempfile::TempDir;

    use super::*;
    use crate::{attempts::Attempts, hashing::Hashing, issuers::Issuers, password::Passwords, store::AuthStore};

    const ANN: &str = "ann@example.com";

    /// A service with one account: ann@example.com, with the password "correct horse" hashed with little effort.
    async fn state() -> (State, Versioned<User>, TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("test.db").display());
        let clock = Arc::new(SystemClock);
        let store = AuthStore::open(&Store::open(&url, clock.clone()).await.unwrap()).await.unwrap();
        store.insert_role(Role::analyst(), "test").await.unwrap();
        let analyst = store.role_named("analyst").await.unwrap().unwrap().uid;
        let cheap = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8, 1, 1, None).unwrap());
        let hash = cheap.hash_password(b"correct horse").unwrap().to_string();
        let ann = User::new(Email::parse(ANN).unwrap(), None, analyst, hash.into(), Utc::now());
        let ann = store.insert_user(ann, None).await.unwrap();
        let tokens = Tokens::new(&SigningKey::from_bytes(&[1; 32])).unwrap();
        let state = State {
            store,
            hashing: Hashing::default(),
            passwords: Passwords::default(),
            attempts: Attempts::default(),
            tokens,
            published: Vec::new(),
            issuers: Issuers::new(&[], Profile::Development).unwrap(),
            clock,
            secure_cookies: false,
            settings: SettingsReader::new(&Config::load(&Sources::default()).unwrap()).unwrap(),
            admin: Uid::new(),
            analyst,
        };
        (state, ann, folder)
    }

    async fn login_from(state: &State, address: &str, email: &str, password: &str) -> Result<Grant, Error> {
        login(state, email, &password.into(), Client { address: address.to_owned(), user_agent: None }).await
    }

    #[tokio::test]
    async fn a_hash_of_less_effort_is_replaced_at_the_next_sign_in() {
        let (state, ann, _folder) = state().await;
        login_from(&state, "1.1.1.1", ANN, "correct horse").await.unwrap();
        let ann = state.store.user(ann.uid).await.unwrap().unwrap();
        assert!(ann.data.password_hash.expose_secret().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert_eq!((ann.revision, ann.data.generation), (2, 1));
        login_from(&state, "1.1.1.1", ANN, "correct horse").await.unwrap();
        assert_eq!(state.store.user(ann.uid).await.unwrap().unwrap().revision, 2);
    }

    #[tokio::test]
    async fn every_refused_sign_in_costs_exactly_one_comparison_whoever_is_asked_for() {
        let (state, ann, _folder) = state().await;
        let mut bob = User { email: Email::parse("bob@example.com").unwrap(), ..ann.data };
        bob.set_disabled(true, Utc::now());
        state.store.insert_user(bob, None).await.unwrap();
        let recorder = PrometheusBuilder::new().build_recorder();
        let figures = recorder.handle();
        let _here = metrics::set_default_local_recorder(&recorder);
        for (done, (email, password)) in [
            (ANN, "incorrect horse"),
            ("nobody@example.com", "correct horse"),
            ("bob@example.com", "correct horse"),
            ("no address", "correct horse"),
            (ANN, ""),
        ]
        .into_iter()
        .enumerate()
        {
            let refused = login_from(&state, &format!("1.1.1.{done}"), email, password).await;
            assert!(matches!(refused, Err(Error::InvalidCredentials)), "{email} {password}");
            let counted = format!("{} {}\n", figures::PASSWORD_HASHES, done + 1);
            assert!(figures.render().contains(&counted), "{email} {password}: {}", figures.render());
        }
    }
}
