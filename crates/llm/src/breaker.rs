//! A circuit breaker: a model that does not work is asked only now and then whether it does again.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::ProviderErrorKind;

/// When a circuit opens and how often an open one is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerConfig {
    /// Failures in a row that open it; a refused key or an unknown model opens it at once.
    pub failures: u32,
    /// Between two probes of an open one.
    pub probe_interval: Duration,
}

/// The circuit breaker of one model, shared by all who ask it.
#[derive(Debug)]
pub struct Breaker {
    circuit: Mutex<Circuit>,
}

/// What a breaker says to somebody who wants to call.
#[derive(Debug)]
pub enum Entry<'a> {
    /// The call may be made.
    Allowed(Pass<'a>),
    /// The circuit is open.
    Refused {
        /// Until the next probe.
        retry_in: Duration,
        /// What opened it, or what the latest probe met.
        reason: ProviderErrorKind,
    },
}

/// The permission for one call; dropped without a result it leaves no trace, and a probe goes to the next one who asks.
#[derive(Debug)]
pub struct Pass<'a> {
    breaker: &'a Breaker,
    ticket: Option<Ticket>,
}

/// The breaker without clock and lock.
#[derive(Debug)]
struct Circuit {
    config: BreakerConfig,
    failures: u32,
    opened: Option<Opened>,
    /// Grows with each change between open and closed: what began before says nothing about now.
    generation: u64,
}

#[derive(Debug, Clone, Copy)]
struct Opened {
    next_probe: Instant,
    reason: ProviderErrorKind,
}

#[derive(Debug, Clone, Copy)]
struct Ticket {
    generation: u64,
    is_probe: bool,
}

impl Default for BreakerConfig {
    /// Five failures in a row, a probe every 30 s.
    fn default() -> Self {
        Self { failures: 5, probe_interval: Duration::from_secs(30) }
    }
}

impl Breaker {
    /// Makes a closed breaker.
    pub fn new(config: BreakerConfig) -> Self {
        Self { circuit: Mutex::new(Circuit { config, failures: 0, opened: None, generation: 0 }) }
    }

    /// Asks for a call.
    pub fn enter(&self) -> Entry<'_> {
        match self.circuit().enter(Instant::now()) {
            Ok(ticket) => Entry::Allowed(Pass { breaker: self, ticket: Some(ticket) }),
            Err((retry_in, reason)) => Entry::Refused { retry_in, reason },
        }
    }

    /// Returns how long calls are still refused and why; `None` when one would be allowed now.
    pub fn refuses(&self) -> Option<(Duration, ProviderErrorKind)> {
        self.circuit().refuses(Instant::now())
    }

    fn circuit(&self) -> MutexGuard<'_, Circuit> {
        self.circuit.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Breaker {
    fn default() -> Self {
        Self::new(BreakerConfig::default())
    }
}

impl Pass<'_> {
    /// Tells what became of the call.
    pub fn finish(mut self, result: Result<(), ProviderErrorKind>) {
        if let Some(ticket) = self.ticket.take() {
            self.breaker.circuit().finish(ticket, Instant::now(), result);
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.breaker.circuit().abandon(ticket, Instant::now());
        }
    }
}

impl Circuit {
    fn refuses(&self, now: Instant) -> Option<(Duration, ProviderErrorKind)> {
        let opened = self.opened.filter(|opened| now < opened.next_probe)?;
        Some((opened.next_probe.duration_since(now), opened.reason))
    }

    fn enter(&mut self, now: Instant) -> Result<Ticket, (Duration, ProviderErrorKind)> {
        if let Some(refused) = self.refuses(now) {
            return Err(refused);
        }
        if let Some(opened) = &mut self.opened {
            opened.next_probe = now + self.config.probe_interval;
        }
        Ok(Ticket { generation: self.generation, is_probe: self.opened.is_some() })
    }

    fn finish(&mut self, ticket: Ticket, now: Instant, result: Result<(), ProviderErrorKind>) {
        use ProviderErrorKind::{
            BadAnswer, BadRequest, ContextTooLong, NotFound, RateLimited, Timeout, Unauthorized, Unavailable,
        };
        if ticket.generation != self.generation {
            return;
        }
        match result {
            // Whoever refuses a request for what it is, or for now, works.
            Ok(()) | Err(RateLimited { .. } | BadRequest | ContextTooLong) => {
                self.failures = 0;
                if self.opened.take().is_some() {
                    self.generation += 1;
                }
            }
            Err(kind @ (Unauthorized | NotFound)) => self.open(now, kind),
            Err(kind @ (Unavailable | Timeout | BadAnswer)) => {
                self.failures = self.failures.saturating_add(1);
                if self.opened.is_some() || self.failures >= self.config.failures {
                    self.open(now, kind);
                }
            }
        }
    }

    fn open(&mut self, now: Instant, reason: ProviderErrorKind) {
        if self.opened.is_none() {
            self.generation += 1;
        }
        self.opened = Some(Opened { next_probe: now + self.config.probe_interval, reason });
    }

    fn abandon(&mut self, ticket: Ticket, now: Instant) {
        if let Some(opened) = self.opened.as_mut().filter(|_| ticket.is_probe && ticket.generation == self.generation) {
            opened.next_probe = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DOWN: Result<(), ProviderErrorKind> = Err(ProviderErrorKind::Unavailable);
    const REFUSED: Result<(), ProviderErrorKind> = Err(ProviderErrorKind::Unauthorized);

    fn finish(breaker: &Breaker, result: Result<(), ProviderErrorKind>) {
        let Entry::Allowed(pass) = breaker.enter() else { panic!("refused") };
        pass.finish(result);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_key_opens_at_once_and_other_failures_with_the_fifth_in_a_row() {
        for (result, calls) in [(REFUSED, 1), (Err(ProviderErrorKind::NotFound), 1), (DOWN, 5)] {
            let breaker = Breaker::default();
            for call in 0..calls {
                assert_eq!(breaker.refuses(), None, "{result:?} {call}");
                finish(&breaker, result);
            }
            assert_eq!(breaker.refuses(), Some((Duration::from_secs(30), result.unwrap_err())));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_success_in_between_starts_the_count_again() {
        let breaker = Breaker::default();
        for result in [DOWN, DOWN, DOWN, DOWN, Ok(()), DOWN, DOWN, DOWN, DOWN] {
            finish(&breaker, result);
        }
        assert_eq!(breaker.refuses(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn an_open_circuit_lets_one_probe_through_every_30_seconds_until_one_succeeds() {
        let breaker = Breaker::default();
        finish(&breaker, REFUSED);
        for _ in 0..3 {
            assert!(matches!(breaker.enter(), Entry::Refused { reason: ProviderErrorKind::Unauthorized, .. }));
            tokio::time::advance(Duration::from_secs(30)).await;
            let Entry::Allowed(probe) = breaker.enter() else { panic!("no probe") };
            assert!(matches!(breaker.enter(), Entry::Refused { .. }));
            probe.finish(REFUSED);
        }
        tokio::time::advance(Duration::from_secs(30)).await;
        finish(&breaker, Ok(()));
        assert!(matches!(breaker.enter(), Entry::Allowed(_)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_is_given_up_goes_to_the_next_one_who_asks() {
        let breaker = Breaker::default();
        finish(&breaker, REFUSED);
        tokio::time::advance(Duration::from_secs(30)).await;
        drop(breaker.enter());
        assert!(matches!(breaker.enter(), Entry::Allowed(_)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_from_before_the_opening_does_not_close_the_circuit() {
        let breaker = Breaker::default();
        let Entry::Allowed(old) = breaker.enter() else { panic!("refused") };
        finish(&breaker, REFUSED);
        old.finish(Ok(()));
        assert!(breaker.refuses().is_some());
    }

    proptest! {
        /// Calls that may overlap, against what the words promise.
        #[test]
        fn whatever_happens_an_open_circuit_is_asked_at_most_once_in_an_interval(
            steps in prop::collection::vec((0_u64..20, 0_u8..5, any::<prop::sample::Index>()), 1..200),
        ) {
            let start = Instant::now();
            let mut now = start;
            let config = BreakerConfig::default();
            let mut circuit = Circuit { config, failures: 0, opened: None, generation: 0 };
            let mut running: Vec<Ticket> = Vec::new();
            let mut last_probe: Option<(u64, Instant)> = None;
            for (seconds, action, which) in steps {
                now += Duration::from_secs(seconds);
                let was_open = circuit.opened.is_some();
                if action < 2 || running.is_empty() {
                    if let Ok(ticket) = circuit.enter(now) {
                        prop_assert_eq!(ticket.is_probe, was_open);
                        if ticket.is_probe {
                            if let Some((generation, at)) = last_probe {
                                prop_assert!(generation != ticket.generation || now - at >= config.probe_interval);
                            }
                            last_probe = Some((ticket.generation, now));
                        }
                        running.push(ticket);
                    } else {
                        prop_assert!(was_open);
                    }
                } else {
                    let ticket = running.swap_remove(which.index(running.len()));
                    let result = [Ok(()), DOWN, REFUSED][usize::from(action) - 2];
                    let current = ticket.generation == circuit.generation;
                    circuit.finish(ticket, now, result);
                    if current {
                        prop_assert!(result.is_err() || circuit.opened.is_none());
                        prop_assert!(result != REFUSED || circuit.opened.is_some());
                    } else {
                        prop_assert_eq!(circuit.opened.is_some(), was_open);
                    }
                }
                prop_assert!(circuit.opened.is_some() || circuit.failures < config.failures);
            }
        }
    }
}
