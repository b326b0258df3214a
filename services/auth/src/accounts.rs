use std::sync::Arc;

use chrono::{DateTime, Utc};
use dallosh_primitives::{Clock, Limit, Uid};
use dallosh_service_kit::Config;
use dallosh_store::{Sort, Store};
use secrecy::SecretString;
use serde::Serialize;

use crate::{
    error::Error,
    start::{self, StartError},
    state::State,
    store::{Paging, UserFilter},
    user::{Email, display_name},
    workflow::{
        Actor,
        users::{self, NewUser, UserChange},
    },
};

/// Why nothing was done to an account.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The address is none.
    #[error("that is no e-mail address")]
    NoEmail,
    /// The name is none.
    #[error("a name has 1 to 100 characters, and no control characters")]
    NoName,
    /// There is no such role.
    #[error("there is no role `{role}`; the roles are {}", .known.join(", "))]
    NoRole {
        /// What was asked for.
        role: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// Nobody has the address.
    #[error("no account has this e-mail address; `dallosh user list` shows them")]
    NoAccount,
    /// The password is refused, for this.
    #[error("the password {0}")]
    WeakPassword(String),
    /// The rules for accounts, or a part that is missing.
    #[error(transparent)]
    Refused(Box<dyn std::error::Error + Send + Sync>),
}

impl From<Error> for AccountError {
    fn from(error: Error) -> Self {
        match error {
            Error::WeakPassword(reason) => Self::WeakPassword(reason.to_string()),
            other => Self::Refused(Box::new(other)),
        }
    }
}

/// An account that was made or given another password.
pub struct Kept {
    /// Its id.
    pub uid: Uid,
    /// Its address, in lower case.
    pub email: String,
    /// The name of its role.
    pub role: String,
    /// Whether its user may not sign in.
    pub disabled: bool,
    /// The password that was made, to be shown once.
    pub password: Option<SecretString>,
}

/// An account as it is listed.
#[derive(Debug, Serialize)]
pub struct Listed {
    /// Its id.
    pub uid: Uid,
    /// Its address, in lower case.
    pub email: String,
    /// What to call the user.
    pub name: Option<String>,
    /// The name of the role; empty for one that is gone.
    pub role: String,
    /// Whether the user may not sign in.
    pub disabled: bool,
    /// Whether somebody else knows the password.
    pub must_change_password: bool,
    /// When the user signed in last.
    pub last_sign_in_at: Option<DateTime<Utc>>,
    /// When the account was made.
    pub created_at: DateTime<Utc>,
}

/// The accounts as the operator of the platform keeps them, who may write its database. It is one more process of this
/// service: it goes by the same rules, and others may run beside it.
pub struct Accounts {
    state: State,
}

impl Accounts {
    /// Opens the collections and makes the first roles, when they are not there; no accounts.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn open(config: &Config, store: &Store, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        Ok(Self { state: start::state_without_accounts(config, store, clock).await? })
    }

    /// Makes an account; without a password one is made. Either way its user is asked for another one.
    ///
    /// # Errors
    /// [`AccountError`]; nothing was made then.
    pub async fn add(
        &self,
        email: &str,
        name: Option<&str>,
        role: &str,
        password: Option<SecretString>,
    ) -> Result<Kept, AccountError> {
        let email = Email::parse(email).ok_or(AccountError::NoEmail)?;
        let name = name.map(|name| display_name(name).ok_or(AccountError::NoName)).transpose()?;
        let role = match self.state.store.role_named(role).await.map_err(Error::from)? {
            Some(role) => role.uid,
            None => return Err(AccountError::NoRole { role: role.to_owned(), known: self.roles().await? }),
        };
        let new = NewUser { email, name, role, disabled: false, password };
        let (account, password) = users::create_as(&self.state, &Actor::operator(), new).await?;
        Ok(kept(account, password))
    }

    /// Gives an account another password, and ends its sessions; without a password one is made. Either way its user is
    /// asked for another one.
    ///
    /// # Errors
    /// [`AccountError`]; the old one stays then.
    pub async fn set_password(&self, email: &str, password: Option<SecretString>) -> Result<Kept, AccountError> {
        let email = Email::parse(email).ok_or(AccountError::NoEmail)?;
        let found = self.state.store.user_by_email(&email).await.map_err(Error::from)?;
        let uid = found.ok_or(AccountError::NoAccount)?.uid;
        let (password, made) = if let Some(password) = password {
            (password, None)
        } else {
            let made = users::one_time_password()?;
            (made.clone(), Some(made))
        };
        let change = UserChange { password: Some(password), ..UserChange::default() };
        let account = users::change_as(&self.state, &Actor::operator(), uid, &change, |_| Ok(())).await?;
        Ok(kept(account, made))
    }

    /// All accounts, by their addresses.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list(&self) -> Result<Vec<Listed>, AccountError> {
        let (mut listed, mut cursor) = (Vec::new(), None);
        loop {
            let paging = Paging { sort: Sort::ascending("email"), limit: Limit::coerce(Some(i64::MAX)), cursor };
            let page = users::accounts(&self.state, &UserFilter::default(), paging).await?;
            listed.extend(page.items.into_iter().map(|account| {
                let (user, role) = (account.member.user, account.member.role);
                Listed {
                    uid: user.uid,
                    email: user.data.email.as_str().to_owned(),
                    name: user.data.name,
                    role: role.data.name,
                    disabled: user.data.disabled,
                    must_change_password: user.data.must_change_password,
                    last_sign_in_at: account.last_sign_in_at,
                    created_at: user.created_at,
                }
            }));
            cursor = page.next_cursor;
            if cursor.is_none() {
                return Ok(listed);
            }
        }
    }

    async fn roles(&self) -> Result<Vec<String>, AccountError> {
        let paging = Paging { sort: Sort::ascending("name"), limit: Limit::coerce(Some(i64::MAX)), cursor: None };
        let page = self.state.store.roles(None, paging).await.map_err(Error::from)?;
        Ok(page.items.into_iter().map(|role| role.data.name).collect())
    }
}

fn kept(account: users::Account, password: Option<SecretString>) -> Kept {
    let (user, role) = (account.member.user, account.member.role);
    let email = user.data.email.as_str().to_owned();
    Kept { uid: user.uid, email, role: role.data.name, disabled: user.data.disabled, password }
}
