use std::{collections::BTreeSet, sync::Arc};

use dallosh_contracts::Permission;
use dallosh_primitives::{Clock, Uid};
use dallosh_service_kit::{Config, Credential, Standing};
use dallosh_store::Store;
use secrecy::SecretString;

use crate::{
    keys,
    role::ADMIN,
    start::StartError,
    store::AuthStore,
    tokens::{ACCESS_LIFETIME, Holder, TokenError, Tokens},
};

/// Whoever may read the data folder, as a caller of the API: commands on the same machine need no password, for they
/// have the signing key anyway. Acts in the name of an admin account.
pub struct Operator {
    tokens: Tokens,
    clock: Arc<dyn Clock>,
    admin: Uid,
    standing: Standing,
    session: Uid,
}

impl Operator {
    /// Reads the signing key, and finds the admin that [`service`](crate::service) or [`init`](crate::init) made.
    ///
    /// # Errors
    /// When there is neither a key to be had nor an admin that may sign in.
    pub async fn open(config: &Config, store: &Store, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        let store = AuthStore::open(store).await?;
        let folder = config.data_dir.clone();
        let key = tokio::task::spawn_blocking(move || keys::load_or_make(&folder)).await;
        let tokens = Tokens::new(&key.map_err(|_| StartError::Stopping)??)?;
        let role = store.role_named(ADMIN).await?.ok_or(StartError::RoleMissing(ADMIN))?;
        let admin = store.enabled_user(role.uid).await?.ok_or(StartError::RoleMissing(ADMIN))?;
        let standing = Standing { role: role.uid, role_revision: role.revision, assignment: admin.data.assignment };
        Ok(Self { tokens, clock, admin: admin.uid, standing, session: Uid::new() })
    }

    /// An access token with every permission, valid for ten minutes.
    ///
    /// # Errors
    /// When signing fails.
    pub fn token(&self) -> Result<SecretString, TokenError> {
        let holder = Holder {
            user: self.admin,
            session: self.session,
            credential: Credential::Session,
            standing: self.standing,
            permissions: BTreeSet::from(Permission::ALL),
        };
        let now = self.clock.now();
        self.tokens.access(holder, now, now + ACCESS_LIFETIME)
    }
}
