//! What every service must not believe any more.

use chrono::TimeDelta;
use dallosh_service_kit::Revocations;

use crate::{error::Error, state::State, tokens::ACCESS_LIFETIME};

/// How long a revocation is kept: an access token's life, and a minute for clocks that differ.
pub const KEPT: TimeDelta = TimeDelta::seconds(ACCESS_LIFETIME.num_seconds() + 60);

/// What was revoked while access tokens from before can be out.
pub async fn list(state: &State) -> Result<Revocations, Error> {
    let now = state.clock.now();
    Ok(state.store.revocations(now - KEPT, now).await?)
}
