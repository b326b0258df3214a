use std::{path::Path, sync::Arc};

use dallosh_primitives::{Clock, Uid};
use dallosh_service_kit::{ClientError, Config, ConfigErrors, Profile, SettingsReader};
use dallosh_store::{Store, StoreError, StoreErrorKind};
use secrecy::SecretString;

use crate::{
    attempts::Attempts,
    error::Error,
    hashing::{Hashing, Verdict},
    issuers::Issuers,
    keys::{self, KeyError},
    password::Passwords,
    role::{ADMIN, ANALYST, Role},
    state::State,
    store::AuthStore,
    tokens::{PublicKey, TokenError, Tokens},
    user::{Email, User},
};

/// Who makes what nobody asked for.
const SYSTEM: &str = "system";
/// The accounts of the development profile, which everybody knows, and their password.
const KNOWN_ADMIN: &str = "admin@free.com";
const KNOWN_ANALYST: &str = "user@free.com";
const KNOWN_PASSWORD: &str = "123456";

/// The service can't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration does not do; the message names the keys.
    #[error(transparent)]
    Configuration(ConfigErrors),
    /// The signing key can't be had.
    #[error("the signing key can't be had")]
    Key(#[from] KeyError),
    /// The master key can't be had.
    #[error("the master key can't be had")]
    MasterKey(#[from] dallosh_secrets::KeyError),
    /// Tokens can't be made with the signing key.
    #[error("tokens can't be made")]
    Token(#[from] TokenError),
    /// The database failed.
    #[error("the database failed")]
    Store(#[from] StoreError),
    /// Passwords can't be hashed.
    #[error("passwords can't be hashed")]
    Hashing(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A role that was just made is gone.
    #[error("the role `{0}` is missing")]
    RoleMissing(&'static str),
    /// A client of our own published keys or of the settings can't be set up.
    #[error("a client of the other services can't be set up")]
    Client(#[from] ClientError),
    /// The client that asks issuers for their keys can't be set up.
    #[error("the client of issuers can't be set up")]
    Issuers(#[from] reqwest::Error),
    /// The process is stopping.
    #[error("the process is stopping")]
    Stopping,
}

impl From<Error> for StartError {
    fn from(error: Error) -> Self {
        match error {
            Error::Store(error) => Self::Store(error),
            other => Self::Hashing(Box::new(other)),
        }
    }
}

/// Makes the collections, the roles and the first accounts, when they are not there. May be run any number of times,
/// by several processes at once.
///
/// # Errors
/// [`StartError::Configuration`] when the production profile has no admin and can't make one; [`StartError::Store`].
pub async fn init(config: &Config, store: &Store, clock: Arc<dyn Clock>) -> Result<(), StartError> {
    Beginning::open(config, store, clock).await?.run().await.map(|_| ())
}

/// Does what [`init`] does, reads the signing key, and gives what handlers need.
pub async fn state(config: &Config, store: &Store, clock: Arc<dyn Clock>) -> Result<State, StartError> {
    let beginning = Beginning::open(config, store, clock).await?;
    let roles = beginning.run().await?;
    assemble(beginning, roles).await
}

/// What [`state`] gives, with the first roles and without the first accounts, for the operator to make them.
pub async fn state_without_accounts(
    config: &Config,
    store: &Store,
    clock: Arc<dyn Clock>,
) -> Result<State, StartError> {
    let beginning = Beginning::open(config, store, clock).await?;
    let roles = beginning.roles().await?;
    assemble(beginning, roles).await
}

async fn assemble(
    Beginning { config, store, hashing, passwords, clock }: Beginning<'_>,
    FirstRoles { admin, analyst }: FirstRoles,
) -> Result<State, StartError> {
    let folder = config.data_dir.clone();
    let keys = move || Ok::<_, KeyError>((keys::load_or_make(&folder)?, keys::others(&folder)?));
    let (key, others) = tokio::task::spawn_blocking(keys).await.map_err(|_| StartError::Stopping)??;
    let tokens = Tokens::new(&key)?;
    let published = [tokens.public_key().clone()].into_iter().chain(others.iter().map(PublicKey::from)).collect();
    let secure_cookies = config.profile == Profile::Production;
    let issuers = Issuers::new(&config.issuers, config.profile)?;
    let (attempts, settings) = (Attempts::default(), SettingsReader::new(config)?);
    Ok(State {
        store,
        hashing,
        passwords,
        attempts,
        tokens,
        published,
        issuers,
        clock,
        secure_cookies,
        settings,
        admin,
        analyst,
    })
}

/// What passwords have to be, with the operator's list.
fn passwords(config: &Config) -> Result<Passwords, StartError> {
    let path = config.breached_passwords.as_deref();
    Passwords::open(path).map_err(|error| {
        let place = path.unwrap_or(Path::new("")).display();
        StartError::Configuration(ConfigErrors(vec![format!("auth.breached_passwords: {place}: {error}")]))
    })
}

/// The roles that are always there.
struct FirstRoles {
    admin: Uid,
    analyst: Uid,
}

struct Beginning<'a> {
    config: &'a Config,
    store: AuthStore,
    hashing: Hashing,
    passwords: Passwords,
    clock: Arc<dyn Clock>,
}

impl<'a> Beginning<'a> {
    async fn open(config: &'a Config, store: &Store, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        let store = AuthStore::open(store).await?;
        Ok(Self { config, store, hashing: Hashing::default(), passwords: passwords(config)?, clock })
    }

    async fn run(&self) -> Result<FirstRoles, StartError> {
        let FirstRoles { admin, analyst } = self.roles().await?;
        if self.config.has_known_accounts() {
            self.known_accounts(admin, analyst).await?;
        } else {
            self.close_known_accounts().await?;
            self.configured_admin(admin).await?;
        }
        Ok(FirstRoles { admin, analyst })
    }

    async fn roles(&self) -> Result<FirstRoles, StartError> {
        let admin = self.role(ADMIN, Role::admin()).await?;
        Ok(FirstRoles { admin, analyst: self.role(ANALYST, Role::analyst()).await? })
    }

    /// The role with this name, made when absent. The admin's always allows everything, also what a new version adds.
    async fn role(&self, name: &'static str, role: Role) -> Result<Uid, StartError> {
        match self.store.insert_role(role.clone(), SYSTEM).await {
            Ok(_) => {}
            Err(error) if error.kind == StoreErrorKind::Duplicate => {}
            Err(error) => return Err(error.into()),
        }
        let mut found = self.store.role_named(name).await?.ok_or(StartError::RoleMissing(name))?;
        let uid = found.uid;
        if name == ADMIN && found.data != role {
            found.data = role;
            match self.store.replace_role(found, SYSTEM).await {
                Err(error) if error.kind != StoreErrorKind::Stale => return Err(error.into()),
                _ => {}
            }
        }
        Ok(uid)
    }

    /// Makes the accounts of the development profile at the first start. The admin comes last: that there is one says
    /// that the first start is over, and what was deleted since does not come back.
    async fn known_accounts(&self, admin: Uid, analyst: Uid) -> Result<(), StartError> {
        tracing::info!("the development profile has accounts with a known password");
        if self.store.has_enabled_user(admin).await? {
            return Ok(());
        }
        for (email, role) in [(KNOWN_ANALYST, analyst), (KNOWN_ADMIN, admin)] {
            if let Some(email) = Email::parse(email) {
                self.account(email, &KNOWN_PASSWORD.into(), role, true).await?;
            }
        }
        Ok(())
    }

    /// Makes the first admin from the configuration, when no admin can sign in. The development profile does without.
    async fn configured_admin(&self, admin: Uid) -> Result<(), StartError> {
        if self.store.has_enabled_user(admin).await? {
            return Ok(());
        }
        if self.config.profile == Profile::Development && self.config.admin_email.is_none() {
            tracing::warn!(
                "no administrator can sign in, for others can reach this address and the known accounts are closed; `dallosh user add` makes one"
            );
            return Ok(());
        }
        let (email, password) = self.first_admin().await?;
        self.account(email, &password, admin, false).await?;
        if self.store.has_enabled_user(admin).await? {
            return Ok(());
        }
        let taken = "auth.admin_email: there is an account with this address, and it is no admin; choose another one";
        Err(StartError::Configuration(ConfigErrors(vec![taken.to_owned()])))
    }

    /// Disables the development accounts whose password everybody knows, in a database that was begun with them.
    async fn close_known_accounts(&self) -> Result<(), StartError> {
        for email in [KNOWN_ADMIN, KNOWN_ANALYST] {
            let Some(email) = Email::parse(email) else { continue };
            let Some(mut user) = self.store.user_by_email(&email).await?.filter(|user| !user.data.disabled) else {
                continue;
            };
            if self.hashing.compare(&KNOWN_PASSWORD.into(), Some(&user.data.password_hash)).await? == Verdict::Wrong {
                continue;
            }
            user.data.set_disabled(true, self.clock.now());
            tracing::warn!(user.id = %user.uid, "an account of the development profile was disabled: its password is known");
            match self.store.replace_user(user, SYSTEM).await {
                Err(error) if error.kind != StoreErrorKind::Stale => return Err(error.into()),
                _ => {}
            }
        }
        Ok(())
    }

    /// Makes an account, unless the address has one.
    async fn account(
        &self,
        email: Email,
        password: &SecretString,
        role: Uid,
        must_change_password: bool,
    ) -> Result<(), StartError> {
        let hash = self.hashing.hash(password).await?;
        let user = User { must_change_password, ..User::new(email, None, role, hash, self.clock.now()) };
        match self.store.insert_user(user, Some(SYSTEM)).await {
            Err(error) if error.kind != StoreErrorKind::Duplicate => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// The first admin as configured, or all that is wrong with it. Values are not repeated.
    async fn first_admin(&self) -> Result<(Email, SecretString), StartError> {
        let (config, mut wrong) = (self.config, Vec::new());
        let email = config.admin_email.as_deref().and_then(Email::parse);
        match (&config.admin_email, &email) {
            (None, _) => wrong.push("auth.admin_email is missing".to_owned()),
            (Some(_), None) => wrong.push("auth.admin_email is no e-mail address".to_owned()),
            (Some(_), Some(email)) if [KNOWN_ADMIN, KNOWN_ANALYST].contains(&email.as_str()) => {
                wrong.push("auth.admin_email is the address of a development account".to_owned());
            }
            _ => {}
        }
        match &config.admin_password {
            None => wrong.push("auth.admin_password is missing".to_owned()),
            Some(password) => {
                let nobody = Email::parse(KNOWN_ADMIN);
                if let Some(email) = email.as_ref().or(nobody.as_ref()) {
                    match self.passwords.check(password, email).await {
                        Err(Error::WeakPassword(reason)) => wrong.push(format!("auth.admin_password {reason}")),
                        checked => checked?,
                    }
                }
            }
        }
        match (email, &config.admin_password) {
            (Some(email), Some(password)) if wrong.is_empty() => Ok((email, password.clone())),
            _ => {
                let both =
                    "; the production profile makes its first admin from auth.admin_email and auth.admin_password";
                let lines = wrong.into_iter().map(|line| line + both).collect();
                Err(StartError::Configuration(ConfigErrors(lines)))
            }
        }
    }
}
