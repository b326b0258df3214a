//! The limits of a provider: a bucket of requests and one of tokens.

use tokio::time::Instant;

/// What a provider lets through.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Requests a minute; a tenth of it at once.
    pub requests_per_minute: Option<u32>,
    /// Tokens a minute, those of prompt and answer; a tenth of it at once.
    pub tokens_per_minute: Option<u32>,
    /// The share that others use up, from 0 to 1; the headers say nothing of it.
    pub used_by_others: f64,
    /// Whether answers tell the limits in `x-ratelimit-` headers.
    pub is_told: bool,
}

pub struct Buckets {
    rate: Rate,
    requests: Option<Bucket>,
    tokens: Option<Bucket>,
}

struct Bucket {
    per_second: f64,
    most: f64,
    level: f64,
    at: Instant,
}

impl Buckets {
    pub fn new(rate: Rate, now: Instant) -> Self {
        let bucket = |per_minute: Option<u32>| {
            let per_minute = f64::from(per_minute?) * (1.0 - rate.used_by_others);
            let most = (per_minute / 10.0).max(1.0);
            Some(Bucket { per_second: per_minute / 60.0, most, level: most, at: now })
        };
        Self { rate, requests: bucket(rate.requests_per_minute), tokens: bucket(rate.tokens_per_minute) }
    }

    /// Takes a call with so many tokens out; or the seconds until there will be room.
    pub fn take(&mut self, now: Instant, tokens: u64) -> Option<u64> {
        let tokens = f64::from(u32::try_from(tokens).unwrap_or(u32::MAX));
        let mut costs = [(self.requests.as_mut(), 1.0), (self.tokens.as_mut(), tokens)];
        let waits = costs.iter_mut().filter_map(|(bucket, cost)| bucket.as_mut()?.missing(now, *cost));
        if let Some(wait) = waits.reduce(f64::max) {
            return std::time::Duration::try_from_secs_f64(wait.ceil()).ok().map(|wait| wait.as_secs());
        }
        for (bucket, cost) in costs {
            if let Some(bucket) = bucket {
                bucket.level -= cost;
            }
        }
        None
    }

    pub fn headers(&self) -> Vec<(String, String)> {
        if !self.rate.is_told {
            return Vec::new();
        }
        let mut headers = Vec::new();
        let told = [
            ("requests", self.rate.requests_per_minute, &self.requests),
            ("tokens", self.rate.tokens_per_minute, &self.tokens),
        ];
        for (name, limit, bucket) in told {
            if let (Some(limit), Some(bucket)) = (limit, bucket) {
                headers.push((format!("x-ratelimit-limit-{name}"), limit.to_string()));
                headers
                    .push((format!("x-ratelimit-remaining-{name}"), format!("{:.0}", bucket.level.floor().max(0.0))));
            }
        }
        headers
    }
}

impl Bucket {
    /// Seconds until `cost` is there; a cost beyond the bucket needs a full one.
    fn missing(&mut self, now: Instant, cost: f64) -> Option<f64> {
        self.level = (self.level + (now - self.at).as_secs_f64() * self.per_second).min(self.most);
        self.at = now;
        let missing = cost.min(self.most) - self.level;
        (missing > 0.0).then(|| missing / self.per_second)
    }
}
