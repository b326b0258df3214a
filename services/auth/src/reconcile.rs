use std::{sync::Arc, time::Duration};

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::{state::State, workflow};

/// How often sessions that are over are deleted.
const PERIOD: Duration = Duration::from_hours(1);

/// Deletes sessions that are over, until `stop`.
pub async fn sweep(state: Arc<State>, stop: CancellationToken) {
    let mut timer = interval(PERIOD);
    timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = timer.tick() => {}
        }
        match workflow::sweep_sessions(&state).await {
            Ok(count) => tracing::debug!(count, "sessions that were over were deleted"),
            Err(error) => tracing::warn!(%error, "sessions that are over stay a while"),
        }
    }
}
