//! How often one caller may ask, and how many streams one may hold.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use dallosh_primitives::Uid;
use dallosh_service_kit::{Problem, RatePolicy};
use governor::{
    DefaultKeyedRateLimiter, Quota,
    clock::{Clock as _, DefaultClock},
};

/// Over this time a caller has the requests of as many seconds at once.
const WINDOW: Duration = Duration::from_secs(10);
/// After so many requests callers who are quiet again are forgotten.
const FORGET_EVERY: usize = 10_000;
/// How many streams of events there are at most, over all users.
const STREAMS: usize = 500;
/// How many one user may hold.
const STREAMS_EACH: usize = 5;

/// Who asks, as far as limits go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Who {
    /// A user, wherever they are.
    User(Uid),
    /// Somebody at this address, who is not known to be anybody.
    Address(IpAddr),
}

impl Who {
    /// Somebody at an address; of an IPv6 address the network counts that one customer gets.
    pub fn at(address: IpAddr) -> Self {
        Self::Address(match address {
            IpAddr::V4(_) => address,
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
            }
        })
    }
}

/// The limit of requests.
pub struct Rates {
    limiter: DefaultKeyedRateLimiter<Who>,
    policy: RatePolicy,
    asked: AtomicUsize,
}

impl Rates {
    /// So many requests a second on average, those of [`WINDOW`] at once.
    pub fn new(each_second: NonZeroU32) -> Self {
        let window = u32::try_from(WINDOW.as_secs()).unwrap_or(1);
        let quota = each_second.saturating_mul(NonZeroU32::MIN.saturating_add(window - 1));
        let limiter = DefaultKeyedRateLimiter::keyed(Quota::per_second(each_second).allow_burst(quota));
        let policy = RatePolicy { name: "requests", quota: quota.get(), window: WINDOW };
        Self { limiter, policy, asked: AtomicUsize::new(0) }
    }

    /// Counts a request.
    ///
    /// # Errors
    /// `rate_limited`, with the time until the next one is taken.
    pub fn count(&self, who: Who) -> Result<(), Problem> {
        if self.asked.fetch_add(1, Ordering::Relaxed) % FORGET_EVERY == FORGET_EVERY - 1 {
            self.limiter.retain_recent();
        }
        self.limiter.check_key(&who).map_err(|until| {
            let wait = until.wait_time_from(DefaultClock::default().now());
            Problem::rate_limited(self.policy, wait, "too many requests at once")
        })
    }
}

/// The streams that are open now.
#[derive(Clone, Default)]
pub struct Streams(Arc<Mutex<HashMap<Uid, usize>>>);

/// A stream that counts until it is dropped.
pub struct Held {
    streams: Streams,
    user: Uid,
}

impl Streams {
    /// Counts one more of a user.
    ///
    /// # Errors
    /// `rate_limited` when the user, or everybody together, has enough.
    pub fn hold(&self, user: Uid) -> Result<Held, Problem> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (of_user, of_all) = (open.get(&user).copied().unwrap_or_default(), open.values().sum::<usize>());
        if of_user >= STREAMS_EACH || of_all >= STREAMS {
            let quota = if of_user >= STREAMS_EACH { STREAMS_EACH } else { STREAMS };
            let policy = RatePolicy {
                name: "streams",
                quota: u32::try_from(quota).unwrap_or(u32::MAX),
                window: Duration::from_secs(1),
            };
            return Err(Problem::rate_limited(policy, Duration::from_secs(1), "too many streams are open; close one"));
        }
        *open.entry(user).or_default() += 1;
        Ok(Held { streams: self.clone(), user })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut open = self.streams.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.user) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_has_the_requests_of_ten_seconds_at_once_and_another_has_their_own() {
        let rates = Rates::new(NonZeroU32::new(2).unwrap());
        let (one, other) = (Who::User(Uid::new()), Who::at("2001:db8:1:2::1".parse().unwrap()));
        assert!((0..20).all(|_| rates.count(one).is_ok()));
        let refused = rates.count(one).unwrap_err();
        assert_eq!((refused.code.as_str(), refused.retry_after), ("rate_limited", Some(1)));
        assert!(rates.count(other).is_ok());
        let neighbour = Who::at("2001:db8:1:2:ffff::9".parse().unwrap());
        assert_eq!((neighbour == other, neighbour == Who::at("2001:db8:1:3::1".parse().unwrap())), (true, false));
    }

    #[test]
    fn a_user_holds_five_streams_and_all_together_five_hundred() {
        let streams = Streams::default();
        let user = Uid::new();
        let mut held: Vec<_> = (0..5).map(|_| streams.hold(user).unwrap_or_else(|error| panic!("{error}"))).collect();
        assert!(streams.hold(user).is_err());
        held.pop();
        held.push(streams.hold(user).unwrap_or_else(|error| panic!("{error}")));
        for _ in 5..500 {
            held.push(streams.hold(Uid::new()).unwrap_or_else(|error| panic!("{error}")));
        }
        assert!(streams.hold(Uid::new()).is_err());
        drop(held);
        assert!(streams.hold(user).is_ok() && streams.0.lock().unwrap().is_empty());
    }
}
