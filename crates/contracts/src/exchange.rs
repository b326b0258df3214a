use serde::{Deserialize, Serialize};

/// How every API token begins, so that people and secret scanners know one.
pub const API_TOKEN_PREFIX: &str = "dls_";

/// What a caller showed instead of an access token of ours: the door has it exchanged.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExchangeRequest {
    /// The credential.
    pub token: String,
}

/// The access token for it.
#[derive(Serialize, Deserialize)]
pub struct ExchangedToken {
    /// As a sign-in gives one.
    pub access_token: String,
    /// Seconds for which it is valid.
    pub expires_in: i64,
}
