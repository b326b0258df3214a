use std::{path::Path, time::Duration};

use chrono::TimeDelta;
use dallosh_primitives::{Clock as _, SystemClock};
use tokio_util::sync::CancellationToken;

use crate::{
    activity::{ActivityLog, anchors, chain::Place, entry::time_text},
    state::State,
};

/// How often the end of the log is anchored, and what is too old dropped.
const EVERY: Duration = Duration::from_secs(3600);

/// Drops what is older than the settings keep and anchors the end of the log, every hour until `stop`.
pub async fn keep(state: &State, file: &Path, anchored: &mut Place, stop: CancellationToken) {
    loop {
        drop_old(state).await;
        anchor(&state.log, file, anchored).await;
        if stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_none() {
            return;
        }
    }
}

/// The place of the last line of the anchors.
pub fn last_anchored(log: &ActivityLog, file: &Path) -> Place {
    let lines = anchors::read(file, log.key()).unwrap_or_default();
    lines.into_iter().next_back().and_then(|(_, place)| place).unwrap_or_default()
}

/// Adds the end of the log to the anchors, unless it is there.
pub async fn anchor(log: &ActivityLog, file: &Path, anchored: &mut Place) {
    let place = match log.end().await {
        Ok(place) => place,
        Err(error) => return tracing::warn!(%error, "the end of the activity log can't be read; it is not anchored"),
    };
    if place == *anchored || place.seq == 0 {
        return;
    }
    match anchors::add(file, &place, SystemClock.now(), log.key()) {
        Ok(()) => *anchored = place,
        Err(error) => tracing::error!(error = ?error, "the end of the activity log is not anchored"),
    }
}

async fn drop_old(state: &State) {
    let Ok(settings) = state.general().await else { return };
    let days = TimeDelta::days(i64::from(settings.data.log_retention_days));
    match state.log.drop_before(&time_text(SystemClock.now() - days)).await {
        Ok(0) => {}
        Ok(count) => tracing::info!(count, "entries of the activity log were dropped for their age"),
        Err(error) => tracing::warn!(%error, "old entries of the activity log can't be dropped"),
    }
}
