use std::convert::Infallible;

use chrono::{DateTime, Utc};
use dallosh_contracts::Permission;
use dallosh_primitives::{Limit, Uid};
use dallosh_store::{Document, Filter, Index, ListQuery, StoreError, Versioned};
use serde::{Deserialize, Serialize};

use super::{AuthStore, SCHEMA_VERSION, turn};
use crate::{api_token::ApiToken, session::TokenHash};

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct ApiTokenDocument {
    schema_version: u32,
    user_id: Uid,
    name: String,
    permissions: Vec<Permission>,
    token_hash: String,
    last4: String,
    expires_at: Option<DateTime<Utc>>,
    last_used_at: Option<DateTime<Utc>>,
}

impl Document for ApiTokenDocument {
    const COLLECTION: &'static str = "api_tokens";
    const INDEXES: &'static [Index] =
        &[Index { fields: &["token_hash"], unique: true }, Index { fields: &["user_id"], unique: false }];
}

impl From<ApiToken> for ApiTokenDocument {
    fn from(token: ApiToken) -> Self {
        let ApiToken { user, name, permissions, hash, last4, expires_at, last_used_at } = token;
        Self {
            schema_version: SCHEMA_VERSION,
            user_id: user,
            name,
            permissions: permissions.into_iter().collect(),
            token_hash: hash.0,
            last4,
            expires_at,
            last_used_at,
        }
    }
}

impl From<ApiTokenDocument> for ApiToken {
    fn from(document: ApiTokenDocument) -> Self {
        let ApiTokenDocument {
            schema_version: _,
            user_id,
            name,
            permissions,
            token_hash,
            last4,
            expires_at,
            last_used_at,
        } = document;
        Self {
            user: user_id,
            name,
            permissions: permissions.into_iter().collect(),
            hash: TokenHash(token_hash),
            last4,
            expires_at,
            last_used_at,
        }
    }
}

impl AuthStore {
    /// Inserts an API token.
    pub async fn insert_api_token(&self, token: ApiToken) -> Result<Versioned<ApiToken>, StoreError> {
        let by = token.user.to_string();
        Ok(turn(self.api_tokens.insert(token.into(), by).await?, ApiToken::from))
    }

    /// The API tokens of a user, the newest first; at most [`Limit::MAX`].
    pub async fn api_tokens_of(&self, user: Uid) -> Result<Vec<Versioned<ApiToken>>, StoreError> {
        let limit = Limit::coerce(Some(Limit::MAX.into()));
        let query = ListQuery { limit, ..ListQuery::newest(Filter::eq("user_id", user)) };
        let found = self.api_tokens.list(&query).await?.items;
        Ok(found.into_iter().map(|found| turn(found, ApiToken::from)).collect())
    }

    /// Finds an API token.
    pub async fn api_token(&self, uid: Uid) -> Result<Option<ApiToken>, StoreError> {
        Ok(self.api_tokens.find(uid).await?.map(|found| found.data.into()))
    }

    /// Finds the API token with this secret.
    pub async fn api_token_by_hash(&self, hash: &TokenHash) -> Result<Option<Versioned<ApiToken>>, StoreError> {
        let query = ListQuery::newest(Filter::eq("token_hash", hash.0.as_str()));
        Ok(self.api_tokens.first(&query).await?.map(|found| turn(found, ApiToken::from)))
    }

    /// Writes down when an API token was used; one that is gone stays gone.
    pub async fn touch_api_token(&self, uid: Uid, by: &str, now: DateTime<Utc>) -> Result<(), StoreError> {
        let touch = |document: &mut Versioned<ApiTokenDocument>| {
            document.data.last_used_at = Some(now);
            Ok::<_, Infallible>(())
        };
        self.api_tokens.modify(uid, by, touch).await.map(|_| ())
    }

    /// Deletes an API token; `false` when there was none.
    pub async fn delete_api_token(&self, uid: Uid) -> Result<bool, StoreError> {
        self.api_tokens.delete(uid).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_of_schema_version_1_are_read() {
        let document = serde_json::json!({
            "schema_version": 1, "user_id": Uid::new(), "name": "ci", "permissions": ["read_datasets", "read_tasks"],
            "token_hash": "h", "last4": "wxyz", "expires_at": null, "last_used_at": "2026-01-02T03:04:05.000006Z",
        });
        let read = ApiToken::from(serde_json::from_value::<ApiTokenDocument>(document.clone()).unwrap());
        assert_eq!(serde_json::to_value(ApiTokenDocument::from(read)).unwrap(), document);
    }
}
