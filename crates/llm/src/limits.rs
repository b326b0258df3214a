//! How fast one model is asked: a concurrency that adapts, rates per minute, and the waits that a provider asks for.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::RateLimits;

/// The share of a minute's rate that may be used in a burst: by no more than this is a rate exceeded in any 60 seconds.
const BURST_SHARE: f64 = 0.05;

/// The bounds that the model's settings give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimiterConfig {
    /// Calls at once, at the start and at most; 0 counts as 1.
    pub concurrency: u32,
    /// Calls in a minute; without it the provider's own figure counts, once it is known.
    pub requests_per_minute: Option<u64>,
    /// Tokens in a minute; without it the provider's own figure counts, once it is known.
    pub tokens_per_minute: Option<u64>,
}

/// The limiter of one model, shared by all who ask it.
///
/// Its concurrency is halved by a rate limit and grows by one with as many successes in a row as it has places
/// (additive increase, multiplicative decrease).
#[derive(Debug)]
pub struct Limiter {
    pace: Mutex<Pace>,
    changed: Notify,
}

/// The provider asked for a wait that is not over; nobody starts before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gated {
    /// What is left of it.
    pub remaining: Duration,
}

/// A place among the calls at once; dropped without an outcome it is given back and teaches nothing.
#[derive(Debug)]
pub struct Permit<'a> {
    limiter: &'a Limiter,
    started: Option<Started>,
}

/// The limiter without clock and lock.
#[derive(Debug)]
struct Pace {
    most: u32,
    limit: u32,
    running: u32,
    successes: u32,
    /// Grows with each decrease: of calls that were refused together only one counts.
    epoch: u64,
    gate: Option<Instant>,
    requests: Option<Bucket>,
    tokens: Option<Bucket>,
}

#[derive(Debug)]
struct Bucket {
    per_minute: f64,
    level: f64,
    at: Instant,
    /// Whether the settings gave the rate, which the provider's figures then don't change.
    is_set: bool,
}

#[derive(Debug, Clone, Copy)]
struct Started {
    epoch: u64,
    tokens: f64,
}

#[derive(Debug)]
enum Start {
    Now(Started),
    Full,
    At(Instant),
    Gated(Instant),
}

impl Limiter {
    /// Makes a limiter that nobody uses yet.
    pub fn new(config: LimiterConfig) -> Self {
        Self { pace: Mutex::new(Pace::new(config, Instant::now())), changed: Notify::new() }
    }

    /// Waits for a place and for the rates; `tokens` is what the call will probably use.
    ///
    /// # Errors
    /// [`Gated`] as soon as the provider's wait is known, so that the caller can turn to another model.
    ///
    /// # Cancel safety
    /// Nothing is taken before it returns.
    pub async fn acquire(&self, tokens: u64) -> Result<Permit<'_>, Gated> {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            let now = Instant::now();
            let start = self.pace().start(now, tokens);
            match start {
                Start::Now(started) => return Ok(Permit { limiter: self, started: Some(started) }),
                Start::Gated(until) => return Err(Gated { remaining: until.duration_since(now) }),
                Start::Full => changed.await,
                Start::At(at) => {
                    tokio::select! {
                        () = changed => {}
                        () = tokio::time::sleep_until(at) => {}
                    }
                }
            }
        }
    }

    /// Returns what is left of the wait that the provider asked for.
    pub fn gate(&self) -> Option<Gated> {
        let now = Instant::now();
        let until = self.pace().gate.filter(|until| *until > now)?;
        Some(Gated { remaining: until.duration_since(now) })
    }

    /// Learns from what the provider says about its limits.
    pub fn observe(&self, limits: RateLimits) {
        self.pace().observe(Instant::now(), limits);
    }

    /// Returns how many calls are allowed at once now.
    pub fn concurrency(&self) -> u32 {
        self.pace().limit
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Pace, Instant)) {
        change(&mut self.pace(), Instant::now());
        self.changed.notify_waiters();
    }
}

impl Permit<'_> {
    /// Says that the call went well and how many tokens it used, if known.
    pub fn succeeded(self, tokens: Option<u64>) {
        self.end(|pace, now, started| pace.succeeded(now, started, tokens));
    }

    /// Says that the provider refused the call for now; nobody starts before `wait` is over.
    pub fn rate_limited(self, wait: Duration) {
        self.end(|pace, now, started| pace.rate_limited(now, started, wait));
    }

    /// Says that the call failed for another reason.
    pub fn failed(self) {
        drop(self);
    }

    fn end(mut self, change: impl FnOnce(&mut Pace, Instant, Started)) {
        if let Some(started) = self.started.take() {
            self.limiter.change(|pace, now| {
                pace.running = pace.running.saturating_sub(1);
                change(pace, now, started);
            });
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if self.started.take().is_some() {
            self.limiter.change(|pace, _| pace.running = pace.running.saturating_sub(1));
        }
    }
}

impl Pace {
    fn new(config: LimiterConfig, now: Instant) -> Self {
        let most = config.concurrency.max(1);
        let bucket = |rate: Option<u64>| rate.filter(|rate| *rate > 0).map(|rate| Bucket::new(rate, true, now));
        Self {
            most,
            limit: most,
            running: 0,
            successes: 0,
            epoch: 0,
            gate: None,
            requests: bucket(config.requests_per_minute),
            tokens: bucket(config.tokens_per_minute),
        }
    }

    fn start(&mut self, now: Instant, tokens: u64) -> Start {
        if let Some(until) = self.gate.filter(|until| *until > now) {
            return Start::Gated(until);
        }
        if self.running >= self.limit {
            return Start::Full;
        }
        let tokens = float(tokens);
        let costs = [(&mut self.requests, 1.0), (&mut self.tokens, tokens)];
        let mut buckets: Vec<_> =
            costs.into_iter().filter_map(|(bucket, cost)| Some((bucket.as_mut()?, cost))).collect();
        let ready = buckets.iter_mut().filter_map(|(bucket, cost)| bucket.ready_at(now, *cost)).max();
        if let Some(at) = ready {
            return Start::At(at);
        }
        for (bucket, cost) in buckets {
            bucket.level -= cost;
        }
        self.running += 1;
        Start::Now(Started { epoch: self.epoch, tokens })
    }

    fn succeeded(&mut self, now: Instant, started: Started, tokens: Option<u64>) {
        if let (Some(bucket), Some(used)) = (&mut self.tokens, tokens) {
            bucket.give_back(now, started.tokens - float(used));
        }
        if started.epoch == self.epoch {
            self.successes += 1;
            if self.successes >= self.limit {
                self.successes = 0;
                self.limit = (self.limit + 1).min(self.most);
            }
        }
    }

    fn rate_limited(&mut self, now: Instant, started: Started, wait: Duration) {
        if let Some(bucket) = &mut self.tokens {
            bucket.give_back(now, started.tokens);
        }
        let until = now + wait;
        self.gate = Some(self.gate.map_or(until, |gate| gate.max(until)));
        if started.epoch == self.epoch {
            self.epoch += 1;
            self.successes = 0;
            self.limit = (self.limit / 2).max(1);
        }
    }

    fn observe(&mut self, now: Instant, limits: RateLimits) {
        let told = [
            (&mut self.requests, limits.limit_requests, limits.remaining_requests),
            (&mut self.tokens, limits.limit_tokens, limits.remaining_tokens),
        ];
        for (bucket, limit, remaining) in told {
            if let Some(rate) = limit.filter(|rate| *rate > 0) {
                let bucket = bucket.get_or_insert_with(|| Bucket::new(rate, false, now));
                bucket.refill(now);
                if !bucket.is_set {
                    bucket.per_minute = float(rate);
                }
            }
            if let (Some(bucket), Some(remaining)) = (bucket, remaining) {
                bucket.refill(now);
                bucket.level = bucket.level.min(float(remaining));
            }
        }
    }
}

impl Bucket {
    fn new(per_minute: u64, is_set: bool, now: Instant) -> Self {
        let mut bucket = Self { per_minute: float(per_minute), level: 0.0, at: now, is_set };
        bucket.level = bucket.capacity();
        bucket
    }

    fn capacity(&self) -> f64 {
        (self.per_minute * BURST_SHARE).max(1.0)
    }

    fn refill(&mut self, now: Instant) {
        let seconds = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = self.at.max(now);
        self.level = (self.level + seconds * self.per_minute / 60.0).min(self.capacity());
    }

    /// Returns when a call that costs `cost` may start; `None` for now. One that costs more than the bucket holds
    /// starts with a full one and leaves a debt.
    fn ready_at(&mut self, now: Instant, cost: f64) -> Option<Instant> {
        self.refill(now);
        let missing = cost.min(self.capacity()) - self.level;
        let wait = Duration::try_from_secs_f64(missing * 60.0 / self.per_minute).ok()?;
        // What is missing may be less than the arithmetic tells apart.
        (wait > Duration::from_micros(1)).then(|| now + wait)
    }

    fn give_back(&mut self, now: Instant, amount: f64) {
        self.refill(now);
        self.level = (self.level + amount).min(self.capacity());
    }
}

/// Rates and counts of tokens are far below what a float holds exactly.
#[expect(clippy::cast_precision_loss)]
fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OPEN: LimiterConfig = LimiterConfig { concurrency: 8, requests_per_minute: None, tokens_per_minute: None };

    #[tokio::test(start_paused = true)]
    async fn nobody_starts_before_the_wait_is_over_that_the_provider_asked_for() {
        let limiter = Limiter::new(OPEN);
        let Ok(permit) = limiter.acquire(1).await else { panic!("gated") };
        permit.rate_limited(Duration::from_secs(7));
        assert_eq!(limiter.acquire(1).await.unwrap_err(), Gated { remaining: Duration::from_secs(7) });
        tokio::time::advance(Duration::from_millis(6999)).await;
        assert!(limiter.acquire(1).await.is_err());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(limiter.acquire(1).await.is_ok());
        assert_eq!(limiter.gate(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_wait_for_a_place_hear_of_a_wait_at_once() {
        let limiter = Limiter::new(LimiterConfig { concurrency: 1, ..OPEN });
        let permit = limiter.acquire(1).await.unwrap();
        let (waiting, ()) = tokio::join!(limiter.acquire(1), async { permit.rate_limited(Duration::from_secs(90)) });
        assert_eq!(waiting.unwrap_err(), Gated { remaining: Duration::from_secs(90) });
    }

    #[tokio::test(start_paused = true)]
    async fn calls_that_are_refused_together_halve_the_concurrency_once() {
        let limiter = Limiter::new(OPEN);
        let (first, second) = (limiter.acquire(1).await.unwrap(), limiter.acquire(1).await.unwrap());
        first.rate_limited(Duration::ZERO);
        second.rate_limited(Duration::ZERO);
        assert_eq!(limiter.concurrency(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn the_concurrency_grows_by_one_with_a_window_of_successes_up_to_its_setting() {
        let limiter = Limiter::new(LimiterConfig { concurrency: 4, ..OPEN });
        limiter.acquire(1).await.unwrap().rate_limited(Duration::ZERO);
        let mut seen = vec![limiter.concurrency()];
        for _ in 0..12 {
            limiter.acquire(1).await.unwrap().succeeded(None);
            seen.push(limiter.concurrency());
        }
        assert_eq!(seen, [2, 2, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4, 4]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_of_requests_spreads_them_over_the_minute() {
        let limiter = Limiter::new(LimiterConfig { requests_per_minute: Some(60), ..OPEN });
        let start = Instant::now();
        for _ in 0..63 {
            limiter.acquire(1).await.unwrap().succeeded(None);
        }
        let took = start.elapsed();
        assert!(took >= Duration::from_secs(60) && took < Duration::from_millis(60_200), "{took:?}");
    }

    /// The most that was started in any 60 seconds.
    fn busiest_minute(starts: &[(Instant, u64)]) -> u64 {
        let minute = |first: Instant| {
            let within = |at: Instant| at >= first && at < first + Duration::from_secs(60);
            starts.iter().filter(|(at, _)| within(*at)).map(|(_, cost)| cost).sum()
        };
        starts.iter().map(|(first, _)| minute(*first)).max().unwrap_or(0)
    }

    #[tokio::test(start_paused = true)]
    async fn rates_of_the_settings_are_used_and_exceeded_by_no_more_than_5_percent_in_any_60_seconds() {
        for (requests, tokens, cost) in [(Some(600), None, 1), (Some(7), None, 1), (None, Some(90_000), 900)] {
            let limiter = Limiter::new(LimiterConfig {
                concurrency: 64,
                requests_per_minute: requests,
                tokens_per_minute: tokens,
            });
            let (begin, starts) = (Instant::now(), Mutex::new(Vec::new()));
            let worker = |number: u64| {
                let (limiter, starts) = (&limiter, &starts);
                async move {
                    // Rests and storms by turns, so that what was saved up would show.
                    for call in 0_u64.. {
                        if begin.elapsed() > Duration::from_secs(600) {
                            break;
                        }
                        if call % 20 == 19 {
                            tokio::time::sleep(Duration::from_secs(10 + number % 3)).await;
                        }
                        let permit = limiter.acquire(cost).await.unwrap();
                        starts.lock().unwrap().push((Instant::now(), cost));
                        tokio::time::sleep(Duration::from_millis(50 + number * 13)).await;
                        permit.succeeded(Some(cost));
                    }
                }
            };
            futures::future::join_all((0..16).map(worker)).await;
            let busiest = busiest_minute(&starts.into_inner().unwrap());
            let rate = requests.or(tokens).unwrap();
            assert!(busiest * 100 <= rate * 105, "{busiest} of {rate}");
            assert!(busiest * 100 >= rate * 90, "{busiest} of {rate}: the rate is hardly used");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn tokens_that_were_not_used_are_given_back() {
        let limiter = Limiter::new(LimiterConfig { tokens_per_minute: Some(6000), ..OPEN });
        let start = Instant::now();
        for _ in 0..12 {
            limiter.acquire(600).await.unwrap().succeeded(Some(50));
        }
        assert!(start.elapsed() <= Duration::from_secs(6), "{:?}", start.elapsed());
        limiter.acquire(100_000).await.unwrap().succeeded(None);
        let before = Instant::now();
        limiter.acquire(1).await.unwrap().failed();
        assert!(before.elapsed() > Duration::from_secs(900), "a call beyond the rate leaves a debt");
    }

    #[tokio::test(start_paused = true)]
    async fn the_providers_figures_slow_down_but_never_loosen_the_settings() {
        let limiter = Limiter::new(LimiterConfig { requests_per_minute: Some(60), ..OPEN });
        limiter.observe(RateLimits {
            limit_requests: Some(6000),
            remaining_requests: Some(0),
            ..RateLimits::default()
        });
        let start = Instant::now();
        limiter.acquire(1).await.unwrap().failed();
        assert_eq!(start.elapsed().as_millis(), 1000);
        let unset = Limiter::new(OPEN);
        unset.observe(RateLimits { limit_tokens: Some(60_000), remaining_tokens: Some(0), ..RateLimits::default() });
        let start = Instant::now();
        unset.acquire(1000).await.unwrap().failed();
        assert_eq!(start.elapsed().as_millis(), 1000);
    }

    proptest! {
        #[test]
        fn whatever_happens_the_bounds_hold(
            most in 0_u32..10, rate in prop::option::of(1_u64..200),
            steps in prop::collection::vec((0_u64..3000, 0_u8..4, any::<prop::sample::Index>(), 0_u64..5000), 1..300),
        ) {
            let start = Instant::now();
            let mut now = start;
            let config = LimiterConfig { concurrency: most, requests_per_minute: rate, tokens_per_minute: None };
            let mut pace = Pace::new(config, now);
            let (mut running, mut starts, mut gate) = (Vec::new(), Vec::new(), start);
            for (millis, action, which, wait) in steps {
                now += Duration::from_millis(millis);
                if action < 2 || running.is_empty() {
                    match pace.start(now, 1) {
                        Start::Now(started) => {
                            prop_assert!(now >= gate && running.len() < most.max(1) as usize);
                            running.push(started);
                            starts.push(now);
                        }
                        Start::At(at) => prop_assert!(at > now && rate.is_some()),
                        Start::Gated(until) => prop_assert!(until == gate && until > now),
                        Start::Full => prop_assert!(running.len() >= pace.limit as usize),
                    }
                } else {
                    let started = running.swap_remove(which.index(running.len()));
                    pace.running -= 1;
                    if action == 2 {
                        pace.succeeded(now, started, None);
                    } else {
                        pace.rate_limited(now, started, Duration::from_millis(wait));
                        gate = gate.max(now + Duration::from_millis(wait));
                    }
                }
                prop_assert!((1..=most.max(1)).contains(&pace.limit));
                prop_assert_eq!(pace.running as usize, running.len());
            }
            if let Some(rate) = rate {
                let starts: Vec<_> = starts.into_iter().map(|at| (at, 1)).collect();
                prop_assert!(busiest_minute(&starts) * 100 <= rate * 105);
            }
        }
    }
}
