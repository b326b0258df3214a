//! The events of all jobs in one order.

use std::{fmt, str::FromStr};

use chrono::{DateTime, TimeDelta, Utc};
use dallosh_contracts::TaskEvent;
use dallosh_primitives::{Limit, Page, Uid};
use dallosh_store::{Filter, ListQuery, Sort};

use crate::{Engine, JobError};

/// How old an event in the log has to be before it is told. Events come into the log from several processes: one with an
/// earlier time may show up a moment after one with a later, and whoever was told the later would never hear of it. So
/// the clocks of the processes must not differ by more than this.
const SETTLED: TimeDelta = TimeDelta::seconds(1);

/// A place in the log of all jobs. Its order is when events came into the log, and among those of one moment their ids;
/// it never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogPosition {
    at: DateTime<Utc>,
    uid: Uid,
}

/// The text is no place in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a place in the log of events")]
pub struct InvalidPosition;

impl fmt::Display for LogPosition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.at.timestamp_micros(), self.uid)
    }
}

impl FromStr for LogPosition {
    type Err = InvalidPosition;

    fn from_str(text: &str) -> Result<Self, InvalidPosition> {
        let (at, uid) = text.split_once('-').ok_or(InvalidPosition)?;
        let at = at.parse().ok().and_then(DateTime::from_timestamp_micros).ok_or(InvalidPosition)?;
        Ok(Self { at, uid: uid.parse().map_err(|_| InvalidPosition)? })
    }
}

impl Engine {
    /// The place behind all events that are told by now.
    pub fn log_end(&self) -> LogPosition {
        LogPosition { at: self.clock.now() - SETTLED, uid: Uid::new() }
    }

    /// The events behind a place, in the order of the log, each with its own place; of one user's jobs or of all. What
    /// came in less than a second ago is not among them yet.
    pub async fn log_after(
        &self,
        owner: Option<Uid>,
        after: LogPosition,
        limit: Limit,
    ) -> Result<Vec<(LogPosition, TaskEvent)>, JobError> {
        let LogPosition { at, uid } = after;
        // Nothing but the next id sorts directly behind an id with a blank.
        let same_moment = Filter::eq("createdAt", at).and(Filter::Range("uid", Some(format!("{uid} ").into()), None));
        let next_moment = at.checked_add_signed(TimeDelta::microseconds(1)).unwrap_or(at);
        let later = Filter::Range("createdAt", Some(next_moment.into()), None);
        let end = self.clock.now() - SETTLED;
        let filter = Filter::Range("createdAt", Some(at.into()), Some(end.into()))
            .and(Filter::Or(vec![same_moment, later]))
            .and(of(owner));
        let query = ListQuery { filter, sort: Sort::ascending("createdAt"), limit, cursor: None };
        let found = self.events.list(&query).await?.items.into_iter();
        Ok(found.map(|one| (LogPosition { at: one.created_at, uid: one.uid }, one.data.event)).collect())
    }

    /// The events of the log, the newest first.
    pub async fn log_newest(
        &self,
        owner: Option<Uid>,
        limit: Limit,
        cursor: Option<String>,
    ) -> Result<Page<TaskEvent>, JobError> {
        let query = ListQuery { limit, cursor, ..ListQuery::newest(of(owner)) };
        Ok(self.events.list(&query).await?.map(|one| one.data.event))
    }
}

fn of(owner: Option<Uid>) -> Filter {
    owner.map_or(Filter::All, |owner| Filter::eq("owner", owner))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_was_written_and_nothing_else_is_one() {
        let at = DateTime::from_timestamp_micros(1_763_742_259_123_456).unwrap();
        let position = LogPosition { at, uid: Uid::new() };
        assert_eq!(position.to_string().parse(), Ok(position));
        for text in
            ["", "7", "-", "x-y", "1763742259123456-", "9223372036854775807-019e5f6e-1f0b-7cc2-9d2e-0a4d3a1f2b3c"]
        {
            assert_eq!(text.parse::<LogPosition>(), Err(InvalidPosition), "{text}");
        }
    }
}
