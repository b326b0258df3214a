use dallosh_primitives::{Clock as _, SystemClock, Uid};
use dallosh_secrets::KeyError;
use dallosh_service_kit::Config;
use dallosh_store::{Store, StoreError};

use crate::activity::{
    ActivityLog, chain_key,
    entry::{Draft, time_text},
};

/// The method of what an operator did by a command.
const METHOD: &str = "OPERATOR";

/// The log can't take what an operator does.
#[derive(Debug, thiserror::Error)]
pub enum OperatorLogError {
    /// The database failed.
    #[error("the log can't be read or written")]
    Store(#[from] StoreError),
    /// The key can't be had.
    #[error("the master key can't be had")]
    Key(#[from] KeyError),
    /// An entry of ours would break the chain.
    #[error("the activity log is under another master key: set `auth.master_key` as the services have it")]
    OtherKey,
}

/// The activity log, for what an operator does without the door.
pub struct OperatorLog {
    log: ActivityLog,
}

impl OperatorLog {
    /// Opens it, beside the services that write it or without them.
    ///
    /// # Errors
    /// [`OperatorLogError`], before anything is to be told.
    pub async fn open(config: &Config, store: &Store) -> Result<Self, OperatorLogError> {
        let log = ActivityLog::open(store, chain_key(config)?).await?;
        if log.head().await?.data.is_genuine(log.key()) { Ok(Self { log }) } else { Err(OperatorLogError::OtherKey) }
    }

    /// Appends what was done, as a path such as `/v1/users/{id}/passwd`.
    ///
    /// # Errors
    /// [`OperatorLogError::Store`].
    pub async fn record(&self, path: String) -> Result<(), OperatorLogError> {
        let uid = Uid::new();
        let draft = Draft {
            at: time_text(SystemClock.now()),
            method: METHOD.to_owned(),
            path,
            status: Some(200),
            requested_by: None,
            request_id: uid.to_string(),
            ip: None,
            duration_ms: 0,
            lost: 0,
            times: 1,
        };
        Ok(self.log.append(&[(uid, draft)]).await?)
    }
}
