//! How near the limiter comes to the best that a rate-limited provider allows, in simulated time.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use dallosh_llm::{
    Breaker, Completion, CompletionRequest, Finish, Limiter, LimiterConfig, Price, Provider, ProviderError,
    ProviderErrorKind, RateLimits, Route, RoutedModel, Unmetered, Usage, labelling_request,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

const PAGES: u32 = 2000;
const PER_MINUTE: f64 = 600.0;
/// What the provider holds for a burst.
const BURST: f64 = 60.0;
/// A fifth of the key is used by others.
const OURS: f64 = 0.8;

/// A provider with a bucket of requests, latencies around 0.5 s and a fault in a hundred calls.
struct Rated {
    tells_limits: bool,
    bucket: Mutex<Bucket>,
}

struct Bucket {
    level: f64,
    at: Instant,
    calls: u32,
    refused: u32,
}

#[async_trait]
impl Provider for Rated {
    fn name(&self) -> &'static str {
        "rated"
    }

    async fn complete(&self, _: &CompletionRequest) -> Result<Completion, ProviderError> {
        let rate = PER_MINUTE * OURS / 60.0;
        let (number, wait) = {
            let mut bucket = self.bucket.lock().unwrap();
            let now = Instant::now();
            bucket.level = (bucket.level + (now - bucket.at).as_secs_f64() * rate).min(BURST);
            bucket.at = now;
            bucket.calls += 1;
            let missing = 1.0 - bucket.level;
            if missing > 0.0 {
                bucket.refused += 1;
            } else {
                bucket.level -= 1.0;
            }
            (bucket.calls, (missing > 0.0).then(|| (missing / rate).ceil()))
        };
        if let Some(seconds) = wait {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let retry_after = Some(Duration::from_secs_f64(seconds));
            return Err(ProviderErrorKind::RateLimited { retry_after }.into());
        }
        // From 0.2 s to 2 s, most of them short.
        let spread = f64::from(number * 7919 % 100) / 100.0;
        tokio::time::sleep(Duration::from_secs_f64(0.2 * 10_f64.powf(spread * spread))).await;
        if number % 100 == 99 {
            return Err(ProviderErrorKind::Unavailable.into());
        }
        let usage = Usage { prompt_tokens: 1, completion_tokens: 1 };
        Ok(Completion { text: String::new(), usage, finish: Finish::Stop })
    }

    fn limits(&self) -> Option<RateLimits> {
        let limits = RateLimits { limit_requests: Some(600), ..RateLimits::default() };
        self.tells_limits.then_some(limits)
    }
}

/// Asks for all pages; gives back the share of the best possible speed and the share of refused calls.
async fn run(tells_limits: bool, requests_per_minute: Option<u64>) -> (f64, f64) {
    let bucket = Bucket { level: BURST, at: Instant::now(), calls: 0, refused: 0 };
    let provider = Arc::new(Rated { tells_limits, bucket: Mutex::new(bucket) });
    let config = LimiterConfig { concurrency: 32, requests_per_minute, tokens_per_minute: None };
    let model = RoutedModel {
        name: "rated".to_owned(),
        provider: provider.clone(),
        limiter: Arc::new(Limiter::new(config)),
        breaker: Arc::new(Breaker::default()),
        price: Price::FREE,
        retries: 3,
    };
    let route = Route::new(vec![model], Arc::new(Unmetered), CancellationToken::new());
    let start = Instant::now();
    let pages = Arc::new(Mutex::new(0..PAGES));
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let (route, pages) = (route.clone(), pages.clone());
        workers.spawn(async move {
            while let Some(page) = { pages.lock().unwrap().next() } {
                let request = labelling_request(&[(page, "Merci")], &[]);
                while route.ask(&request).await.is_err() {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        });
    }
    workers.join_all().await;
    let best = (f64::from(PAGES) - BURST) / (PER_MINUTE * OURS / 60.0);
    let refused = provider.bucket.lock().unwrap().refused;
    (best / start.elapsed().as_secs_f64(), f64::from(refused) / f64::from(PAGES))
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_that_is_not_told_is_used_to_95_percent_with_at_most_5_percent_of_calls_refused() {
    for (tells_limits, setting) in [(false, None), (true, None), (false, Some(600)), (false, Some(480))] {
        let (speed, refused) = run(tells_limits, setting).await;
        eprintln!("told {tells_limits}, set {setting:?}: {speed:.3} of the best, {refused:.3} refused");
        assert!(speed >= 0.95 && refused <= 0.05, "{tells_limits} {setting:?}: {speed:.3} {refused:.3}");
    }
}
