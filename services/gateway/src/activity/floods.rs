//! Refusals that are alike: the first ones are told one by one, and one entry stands for the rest, so that a flood fills
//! neither the log nor memory.

use std::{collections::HashMap, time::Duration};

use dallosh_contracts::Activity;
use tokio::time::Instant;

use crate::rates::Who;

/// How long refusals are put together.
pub const WINDOW: Duration = Duration::from_secs(5);
/// How many that are alike are told one by one, when none came for long.
const FIRST: u32 = 250;
/// How many more in each window.
const AGAIN: u32 = 10;
/// How many kinds are known at once; of more, each refusal is told.
const KINDS: usize = 4096;
/// How many segments of a path make out the route: `/v1/files`.
const ROUTE: usize = 3;

/// What makes refusals alike.
#[derive(PartialEq, Eq, Hash)]
struct Kind {
    who: Option<Who>,
    method: String,
    route: String,
    status: u16,
}

/// Refusals of a kind.
struct Flood {
    /// When the window began.
    since: Instant,
    /// How many are told one by one yet.
    left: u32,
    rest: Option<Activity>,
}

impl Flood {
    /// What stands for a window that is over.
    fn settle(&mut self, now: Instant) -> Option<Activity> {
        let windows = now.duration_since(self.since).as_secs() / WINDOW.as_secs();
        if windows == 0 {
            return None;
        }
        self.since = now;
        let more = u32::try_from(windows).unwrap_or(u32::MAX).saturating_mul(AGAIN);
        self.left = self.left.saturating_add(more).min(FIRST);
        self.rest.take()
    }
}

/// The kinds of the last minutes.
#[derive(Default)]
pub struct Floods(HashMap<Kind, Flood>);

impl Floods {
    /// Takes a refusal; gives what is to be told by now.
    pub fn take(&mut self, who: Option<Who>, refusal: Activity, now: Instant) -> Vec<Activity> {
        let kind = Kind { who, method: refusal.method.clone(), route: route(&refusal.path), status: refusal.status };
        if self.0.len() >= KINDS && !self.0.contains_key(&kind) {
            return vec![refusal];
        }
        let shared = format!("{}/…", kind.route);
        let flood = self.0.entry(kind).or_insert_with(|| Flood { since: now, left: FIRST, rest: None });
        let mut told: Vec<_> = flood.settle(now).into_iter().collect();
        if let Some(left) = flood.left.checked_sub(1) {
            flood.left = left;
            told.push(refusal);
            return told;
        }
        match &mut flood.rest {
            Some(rest) => {
                rest.times = rest.times.saturating_add(1);
                rest.duration_ms = rest.duration_ms.max(refusal.duration_ms);
                if rest.path != refusal.path {
                    rest.path = shared;
                }
            }
            rest @ None => *rest = Some(refusal),
        }
        told
    }

    /// What stands for those whose window is over.
    pub fn settle(&mut self, now: Instant) -> Vec<Activity> {
        let over = self.0.values_mut().filter_map(|flood| flood.settle(now)).collect();
        self.0.retain(|_, flood| flood.left < FIRST || flood.rest.is_some());
        over
    }

    /// What stands for all of them.
    pub fn drain(&mut self) -> Vec<Activity> {
        self.0.drain().filter_map(|(_, flood)| flood.rest).collect()
    }
}

fn route(path: &str) -> String {
    path.split('/').take(ROUTE).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use dallosh_primitives::{Clock as _, SystemClock, Uid};

    use super::*;

    fn refusal(path: &str, status: u16) -> Activity {
        Activity {
            id: Uid::new(),
            at: SystemClock.now(),
            method: "GET".to_owned(),
            path: path.to_owned(),
            status,
            requested_by: None,
            request_id: String::new(),
            ip: None,
            duration_ms: 1,
            times: 1,
        }
    }

    fn lines(told: &[Activity]) -> Vec<(&str, u16, u64)> {
        told.iter().map(|one| (one.path.as_str(), one.status, one.times)).collect()
    }

    /// So many of a path.
    fn take(floods: &mut Floods, count: u32, now: Instant) -> Vec<Activity> {
        (0..count).flat_map(|_| floods.take(None, refusal("/v1/files", 401), now)).collect()
    }

    #[test]
    fn of_refusals_that_are_alike_the_first_ones_are_told_and_one_stands_for_the_rest() {
        let (mut floods, now) = (Floods::default(), Instant::now());
        assert_eq!(lines(&take(&mut floods, FIRST + 15, now)), [("/v1/files", 401, 1); FIRST as usize]);
        assert!(floods.settle(now + WINDOW / 2).is_empty());
        assert_eq!(lines(&floods.settle(now + WINDOW)), [("/v1/files", 401, 15)]);
    }

    #[test]
    fn a_flood_that_goes_on_is_told_by_a_few_and_one_for_the_rest_in_each_window() {
        let (mut floods, now) = (Floods::default(), Instant::now());
        take(&mut floods, FIRST, now);
        for window in 1..5 {
            let now = now + WINDOW * window;
            let mut told = take(&mut floods, 500, now);
            told.extend(floods.settle(now + WINDOW - Duration::from_millis(1)));
            let rest: u64 = told.iter().filter(|one| one.times > 1).map(|one| one.times).sum();
            assert_eq!((told.len(), rest), (if window == 1 { 10 } else { 11 }, if window == 1 { 0 } else { 490 }));
        }
        assert_eq!(lines(&floods.drain()), [("/v1/files", 401, 490)]);
    }

    #[test]
    fn who_is_quiet_for_long_is_forgotten() {
        let (mut floods, now) = (Floods::default(), Instant::now());
        take(&mut floods, FIRST, now);
        assert!(floods.settle(now + WINDOW).is_empty() && floods.0.len() == 1);
        assert!(floods.settle(now + WINDOW * FIRST).is_empty() && floods.0.is_empty());
    }

    #[test]
    fn another_caller_route_or_status_is_no_part_of_a_flood() {
        let (mut floods, now) = (Floods::default(), Instant::now());
        let callers = [None, Some(Who::User(Uid::new())), Some(Who::at("203.0.113.1".parse().unwrap()))];
        for who in callers {
            for (path, status) in [("/v1/files", 401), ("/v1/tasks", 401), ("/v1/files", 403)] {
                for _ in 0..FIRST {
                    assert_eq!(floods.take(who, refusal(path, status), now).len(), 1, "{path} {status}");
                }
            }
        }
        assert!(floods.drain().is_empty());
    }

    #[test]
    fn paths_that_differ_are_told_as_what_they_share() {
        let (mut floods, now) = (Floods::default(), Instant::now());
        take(&mut floods, FIRST, now);
        for number in 0..2 {
            assert!(floods.take(None, refusal(&format!("/v1/files/{number}/content"), 401), now).is_empty());
        }
        assert_eq!(lines(&floods.drain()), [("/v1/files/…", 401, 2)]);
    }

    #[test]
    fn more_kinds_than_are_known_at_once_take_no_memory() {
        let (mut floods, now) = (Floods::default(), Instant::now());
        for number in 0..KINDS + 100 {
            let who = Some(Who::User(Uid::only("x").derived(&number.to_string())));
            assert_eq!(floods.take(who, refusal("/v1/files", 401), now).len(), 1);
        }
        assert_eq!(floods.0.len(), KINDS);
    }
}
