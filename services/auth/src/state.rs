use std::sync::Arc;

use dallosh_primitives::{Clock, Uid};
use dallosh_service_kit::SettingsReader;

use crate::{
    attempts::Attempts,
    hashing::Hashing,
    issuers::Issuers,
    password::Passwords,
    store::AuthStore,
    tokens::{PublicKey, Tokens},
};

/// What handlers and the sweeper share.
pub struct State {
    /// The collections.
    pub store: AuthStore,
    /// Hashes of passwords.
    pub hashing: Hashing,
    /// What a new password has to be.
    pub passwords: Passwords,
    /// Wrong passwords of late.
    pub attempts: Attempts,
    /// Tokens.
    pub tokens: Tokens,
    /// The keys that verify access tokens: of the one that signs, and others.
    pub published: Vec<PublicKey>,
    /// Who else says who users are.
    pub issuers: Issuers,
    /// The time of sessions and tokens.
    pub clock: Arc<dyn Clock>,
    /// Whether browsers get cookies for TLS only, however a request came.
    pub secure_cookies: bool,
    /// Whether people may register.
    pub settings: SettingsReader,
    /// The role that allows everything.
    pub admin: Uid,
    /// The role of those who register.
    pub analyst: Uid,
}
