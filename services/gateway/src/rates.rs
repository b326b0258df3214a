//! How often one caller may ask, and how many streams and connections one may hold.

use std::{
    collections::HashMap,
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use dallosh_contracts::figures;
use dallosh_primitives::Uid;
use dallosh_service_kit::{Admission, ErrorCode, Problem, RatePolicy};
use governor::{
    DefaultKeyedRateLimiter, Quota,
    clock::{Clock as _, DefaultClock},
};
use ipnet::IpNet;
use nix::sys::resource::{Resource, getrlimit};

/// Over this time a caller has the requests of as many seconds at once.
const WINDOW: Duration = Duration::from_secs(10);
/// After so many requests callers who are quiet again are forgotten.
const FORGET_EVERY: usize = 10_000;
/// How many streams of events there are at most, over all users.
const STREAMS: usize = 2000;
/// How many one user may hold: one for each open window, and some.
const STREAMS_EACH: usize = 10;
/// Files that the process keeps for anything but connections.
const FILES_KEPT: u64 = 256;
/// Files that a connection may need: two handles of it, and three for the one to the service when that is in this process
/// too; and half as many again for those that are told to come back.
const FILES_EACH: u64 = 7;

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
        Self::Address(customer(address))
    }
}

fn customer(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
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

/// How many of something everybody holds, and who holds how many of them.
struct Counts<K> {
    all: usize,
    each: HashMap<K, usize>,
}

impl<K> Default for Counts<K> {
    fn default() -> Self {
        Self { all: 0, each: HashMap::new() }
    }
}

impl<K: Eq + Hash> Counts<K> {
    fn of(&self, who: &K) -> usize {
        self.each.get(who).copied().unwrap_or_default()
    }
}

/// One of something, that counts until it is dropped.
pub struct Held<K: Eq + Hash> {
    open: Arc<Mutex<Counts<K>>>,
    who: K,
}

impl<K: Eq + Hash + Copy> Held<K> {
    fn take(open: &Arc<Mutex<Counts<K>>>, counts: &mut Counts<K>, who: K) -> Self {
        counts.all += 1;
        *counts.each.entry(who).or_default() += 1;
        Self { open: open.clone(), who }
    }
}

impl<K: Eq + Hash> Drop for Held<K> {
    fn drop(&mut self) {
        let mut counts = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        counts.all -= 1;
        if let Some(count) = counts.each.get_mut(&self.who) {
            *count -= 1;
            if *count == 0 {
                counts.each.remove(&self.who);
            }
        }
    }
}

/// The streams that are open now.
#[derive(Clone, Default)]
pub struct Streams(Arc<Mutex<Counts<Uid>>>);

impl Streams {
    /// Counts one more of a user.
    ///
    /// # Errors
    /// `rate_limited` when the user, or everybody together, has enough.
    pub fn hold(&self, user: Uid) -> Result<Held<Uid>, Problem> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_user = open.of(&user);
        if of_user >= STREAMS_EACH || open.all >= STREAMS {
            let quota = if of_user >= STREAMS_EACH { STREAMS_EACH } else { STREAMS };
            let policy = RatePolicy {
                name: "streams",
                quota: u32::try_from(quota).unwrap_or(u32::MAX),
                window: Duration::from_secs(1),
            };
            return Err(Problem::rate_limited(policy, Duration::from_secs(1), "too many streams are open; close one"));
        }
        Ok(Held::take(&self.0, &mut open, user))
    }
}

/// The connections that are open now.
pub struct Connections {
    open: Arc<Mutex<Counts<IpAddr>>>,
    all: usize,
    each: usize,
    trusted: Vec<IpNet>,
}

impl Connections {
    /// At most `all`, of them `each` of one address. A `trusted` proxy brings many clients, and has no limit of its own.
    pub fn new(all: usize, each: usize, trusted: Vec<IpNet>) -> Self {
        Self { open: Arc::default(), all, each, trusted }
    }

    /// Takes a connection, or refuses it with a problem. Beyond twice as many as there may be of one address, and half as
    /// many again as there may be in all, one ends without any.
    pub fn admit(&self, peer: Option<IpAddr>) -> Option<Admission> {
        let peer = peer?;
        let is_trusted = self.trusted.iter().any(|network| network.contains(&peer));
        let from = customer(peer);
        let most = self.all.min(room_for_connections());
        // Nobody has all of it.
        let each = self.each.min(most / 2).max(1);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let (of_one, of_all) = (open.of(&from), open.all);
        let is_too_many = !is_trusted && of_one >= each;
        if of_all >= most.saturating_add(most / 2) || (is_too_many && of_one >= each.saturating_mul(2)) {
            metrics::counter!(figures::CONNECTIONS_REFUSED).increment(1);
            return None;
        }
        let refusal = if is_too_many {
            let quota = u32::try_from(each).unwrap_or(u32::MAX);
            let policy = RatePolicy { name: "connections", quota, window: Duration::from_secs(1) };
            let detail = "too many connections are open from this address; close some";
            Some(Problem::rate_limited(policy, Duration::from_secs(1), detail))
        } else if of_all >= most {
            Some(Problem::new(ErrorCode::Unavailable, "every connection that can be served at once is in use"))
        } else {
            None
        };
        if refusal.is_some() {
            metrics::counter!(figures::CONNECTIONS_REFUSED).increment(1);
        }
        Some(Admission { place: Arc::new(Held::take(&self.open, &mut open, from)), refusal })
    }
}

/// How many connections the files suffice for that this process may open by now.
fn room_for_connections() -> usize {
    let files = getrlimit(Resource::RLIMIT_NOFILE).map_or(u64::MAX, |(soft, _)| soft);
    usize::try_from(files.saturating_sub(FILES_KEPT) / FILES_EACH).unwrap_or(usize::MAX).max(1)
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
    fn a_user_holds_ten_streams_and_all_together_two_thousand() {
        let streams = Streams::default();
        let user = Uid::new();
        let mut held: Vec<_> = (0..10).map(|_| streams.hold(user).unwrap_or_else(|error| panic!("{error}"))).collect();
        assert!(streams.hold(user).is_err());
        held.pop();
        held.push(streams.hold(user).unwrap_or_else(|error| panic!("{error}")));
        for _ in 10..STREAMS {
            held.push(streams.hold(Uid::new()).unwrap_or_else(|error| panic!("{error}")));
        }
        assert!(streams.hold(Uid::new()).is_err());
        drop(held);
        assert!(streams.hold(user).is_ok() && streams.0.lock().unwrap().each.is_empty());
    }

    #[test]
    fn an_address_has_its_connections_and_then_is_told_so_and_then_is_not_heard_and_others_have_theirs() {
        let connections = Connections::new(9, 2, vec!["10.0.0.0/8".parse().unwrap()]);
        let (one, other) = ("203.0.113.1".parse().unwrap(), "2001:db8:1:2::1".parse().unwrap());
        let code = |admission: &Admission| admission.refusal.as_ref().map(|problem| problem.code.as_str());
        let mut held: Vec<_> = (0..4).map(|_| connections.admit(Some(one)).unwrap()).collect();
        assert_eq!(held.iter().map(code).collect::<Vec<_>>(), [None, None, Some("rate_limited"), Some("rate_limited")]);
        assert!(connections.admit(Some(one)).is_none());
        assert_eq!(code(&connections.admit(Some(other)).unwrap()), None);
        held.clear();
        held.push(connections.admit(Some(one)).unwrap());
        assert_eq!(code(&held[0]), None);
    }

    #[test]
    fn a_proxys_clients_are_not_one_address_and_all_together_have_a_limit() {
        let connections = Connections::new(4, 2, vec!["10.0.0.0/8".parse().unwrap()]);
        let (proxy, other) = ("10.0.0.1".parse().unwrap(), "203.0.113.1".parse().unwrap());
        let code = |admission: &Admission| admission.refusal.as_ref().map(|problem| problem.code.as_str());
        let mut held: Vec<_> = (0..4).map(|_| connections.admit(Some(proxy)).unwrap()).collect();
        assert_eq!(held.iter().map(code).collect::<Vec<_>>(), [None; 4]);
        held.extend([connections.admit(Some(other)).unwrap(), connections.admit(Some(proxy)).unwrap()]);
        assert_eq!(held[4..].iter().map(code).collect::<Vec<_>>(), [Some("unavailable"); 2]);
        assert!(connections.admit(Some(other)).is_none());
        held.clear();
        assert_eq!(code(&connections.admit(Some(other)).unwrap()), None);
        assert!(connections.open.lock().unwrap().each.is_empty());
    }
}
