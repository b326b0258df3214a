//! Another master key.

use clap::Subcommand;
use dallosh_admin::{OperatorLog, reseal_models};
use dallosh_failpoints::Failpoint;
use dallosh_secrets::{MasterKeys, Resealed, Sealer};
use dallosh_service_kit::Config;

use crate::{
    folder::DataFolder,
    stack::{StackError, open_database, part},
};

/// Who seals what is sealed anew.
const OPERATOR: &str = "operator";

#[derive(Debug, Subcommand)]
pub enum SecretsCommand {
    /// Seal every key of a model with another master key. One in the key file is made, while nothing runs; one from the
    /// configuration is set before, with the former one in `auth.previous_master_keys`, and services may run.
    Rotate,
}

/// Makes a new master key in the key file, or takes the configured one, and seals with it what former ones sealed. Every
/// step leaves everything readable, and the whole may be done again.
///
/// # Errors
/// When it can't be done, or not be finished.
pub async fn rotate(config: &Config) -> Result<(), StackError> {
    dallosh_failpoints::arm(config.failpoints.clone());
    let keys = || config.master_keys().map_err(part("the master key"));
    let store = open_database(config).await?;
    let log = || async { OperatorLog::open(config, &store).await.map_err(part("the activity log")) };
    // A running service knows the keys that were there at its start.
    let held = if config.master_key.is_none() { Some(DataFolder::take(&config.data_dir, None)?) } else { None };
    if held.is_none() && !keys()?.has_previous() {
        let reason = "auth.master_key is the only master key: set a new one there, the former one in \
                      auth.previous_master_keys, and start every service anew with both";
        return Err(StackError::Configuration(reason.to_owned()));
    }
    log().await?;
    if held.is_some() {
        MasterKeys::rotate_file(&config.data_dir).map_err(part("the master key"))?;
        Failpoint::RotatePostKey.pass().await.map_err(part("the master key"))?;
    }
    let sealer = Sealer::new(&keys()?).map_err(part("the master key"))?;
    let models = reseal_models(&store, &sealer, OPERATOR).await.map_err(part("the keys of models"))?;
    let tasks =
        dallosh_tasks::reseal(&store, &sealer, OPERATOR).await.map_err(part("the keys that tasks took along"))?;
    // The end of the log is under the new key from here on.
    log().await?.record("/secrets/rotate".to_owned()).await.map_err(part("the activity log"))?;
    drop(held);
    println!("the master key is {}", sealer.key_id());
    for (Resealed { anew, lost }, what) in [(models, "models"), (tasks, "tasks")] {
        println!("{anew} {what} are sealed with it");
        if lost > 0 {
            println!("{lost} {what} are sealed with a key that is not here; they need another one");
        }
    }
    println!("former keys prove the activity log of their time; docs/operations.md says when they may go");
    Ok(())
}
