use std::{collections::BTreeSet, sync::Arc};

use dallosh_contracts::Permission;
use dallosh_primitives::{Clock, Uid};
use dallosh_service_kit::Config;
use dallosh_store::Store;
use secrecy::SecretString;

use crate::{
    role::ADMIN,
    start::{self, StartError},
    state::State,
    tokens::TokenError,
};

/// Whoever may read the data folder, as a caller of the API: commands on the same machine need no password, for they
/// have the signing key anyway. Acts in the name of an admin account.
pub struct Operator {
    state: State,
    admin: Uid,
    session: Uid,
}

impl Operator {
    /// Reads the signing key, and makes it, the roles and the first accounts when they are not there.
    ///
    /// # Errors
    /// As [`service`](crate::service).
    pub async fn open(config: &Config, store: &Store, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        let state = start::state(config, store, clock).await?;
        let role = state.store.role_named(ADMIN).await?.ok_or(StartError::RoleMissing(ADMIN))?;
        let admin = state.store.enabled_user(role.uid).await?.ok_or(StartError::RoleMissing(ADMIN))?;
        Ok(Self { state, admin, session: Uid::new() })
    }

    /// An access token with every permission, valid for ten minutes.
    ///
    /// # Errors
    /// When signing fails.
    pub fn token(&self) -> Result<SecretString, TokenError> {
        let permissions = BTreeSet::from(Permission::ALL);
        self.state.tokens.access(self.admin, self.session, permissions, self.state.clock.now())
    }
}
