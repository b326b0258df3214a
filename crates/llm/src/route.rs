//! An ordered list of models, of which the first that works answers.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::meter::{Meter, PlannedCall, worst_case};
use crate::{
    Breaker, Completion, CompletionRequest, Entry, Limiter, Permit, Price, Provider, ProviderError, ProviderErrorKind,
    Spend, Usage,
};

/// The longest that a request waits for a rate-limited model while no other one is free.
pub const ROUTE_MAX_WAIT: Duration = Duration::from_secs(60);

/// The exponential backoff begins with at most this …
const BACKOFF_BASE: Duration = Duration::from_millis(500);
/// … and grows to at most this.
const BACKOFF_CAP: Duration = Duration::from_secs(30);

/// When to try again after an outage that no breaker and no provider set a time for.
const AFTER_OUTAGE: Duration = Duration::from_secs(5);

/// No outage is said to end sooner.
const SHORTEST_OUTAGE: Duration = Duration::from_secs(1);

/// About how many bytes of a prompt make a token, for the pace and never for a bill.
const BYTES_PER_TOKEN: u64 = 3;

/// One model of a route. Limiter and breaker belong to the model, not to the route: all routes share them.
#[derive(Clone)]
pub struct RoutedModel {
    /// What the meter and the answer name the model by.
    pub name: String,
    /// Whom to ask.
    pub provider: Arc<dyn Provider>,
    /// How fast.
    pub limiter: Arc<Limiter>,
    /// Whether at all.
    pub breaker: Arc<Breaker>,
    /// What it costs.
    pub price: Price,
    /// How often a request is sent again after a passing failure.
    pub retries: u32,
}

/// The models that may answer a request, in order of preference.
#[derive(Clone)]
pub struct Route {
    models: Vec<RoutedModel>,
    meter: Arc<dyn Meter>,
    stop: CancellationToken,
}

/// What is to be asked, put together for whichever model is about to be asked.
#[async_trait]
pub trait Question: Send + Sync {
    /// The request for the model at `place` in the route; `None` when there is nothing to ask it, or no more.
    async fn request(&self, place: usize) -> Option<CompletionRequest>;
}

/// The same request for every model.
#[async_trait]
impl Question for CompletionRequest {
    async fn request(&self, _: usize) -> Option<CompletionRequest> {
        Some(self.clone())
    }
}

/// An answer and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The answer, unchecked.
    pub completion: Completion,
    /// The place in the route of the model that gave it.
    pub place: usize,
    /// The route's name of the model that gave it.
    pub model: String,
    /// Calls that were made for it, by all models.
    pub attempts: u32,
    /// How long the last of them took.
    pub latency: Duration,
}

/// Why no model answered. The request is unharmed: it can be asked again as it is, except after `ContextTooLong`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// Every model is away for now.
    #[error("no model is available now: {reason}")]
    AllDown {
        /// When one may be back, from now.
        next_attempt_at_in: Duration,
        /// What is wrong with the first of them.
        reason: ProviderErrorKind,
    },
    /// Every model refused, and waiting changes nothing.
    #[error("every model refused: {0}")]
    AllRefused(Refusal),
    /// The request does not fit the first model that could take it; a smaller one may.
    #[error("the request is too long for the model")]
    ContextTooLong {
        /// The model's place in the route.
        place: usize,
    },
    /// The question had nothing to ask the model whose turn it was.
    #[error("there is nothing to ask")]
    NothingToAsk,
    /// The budget does not cover another call.
    #[error("the budget does not cover the worst case of another call")]
    OutOfBudget,
    /// Whoever owns the route stopped it. No call began after that.
    #[error("asking was interrupted")]
    Interrupted,
}

/// A refusal that only a change of settings ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// The key is not accepted or has no credit.
    #[error("the credentials were not accepted")]
    Unauthorized,
    /// The model or its address does not exist.
    #[error("the model does not exist")]
    NotFound,
    /// The provider does not accept requests of this form.
    #[error("the request was not accepted")]
    BadRequest,
}

/// One request on its way through the models.
struct Asking<'a> {
    route: &'a Route,
    question: &'a dyn Question,
    courses: Vec<Course<'a>>,
    attempts: u32,
}

/// How far a request came with one model.
struct Course<'a> {
    model: &'a RoutedModel,
    failures: u32,
    rate_limits: u32,
    waited: Duration,
    not_before: Option<Instant>,
    end: Option<ProviderErrorKind>,
}

enum Choice {
    Ask(usize),
    Wait(Instant),
    GiveUp,
}

impl fmt::Debug for RoutedModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoutedModel")
            .field("name", &self.name)
            .field("limiter", &self.limiter)
            .field("breaker", &self.breaker)
            .field("price", &self.price)
            .field("retries", &self.retries)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route").field("models", &self.models).finish_non_exhaustive()
    }
}

impl Route {
    /// Makes a route of `models` in order of preference, whose calls `meter` counts. Once `stop` is cancelled no call
    /// begins any more.
    pub fn new(models: Vec<RoutedModel>, meter: Arc<dyn Meter>, stop: CancellationToken) -> Self {
        Self { models, meter, stop }
    }

    /// The same route, whose calls another meter counts.
    #[must_use]
    pub fn metered_by(&self, meter: Arc<dyn Meter>) -> Self {
        Self { meter, ..self.clone() }
    }

    /// The models in order.
    pub fn models(&self) -> &[RoutedModel] {
        &self.models
    }

    /// Asks the models in order until one answers.
    ///
    /// A rate-limited model is waited for, up to [`ROUTE_MAX_WAIT`], unless another one is free; a passing failure is
    /// repeated with exponential backoff and full jitter as often as the model's `retries` say; whatever else goes
    /// wrong leads to the next model. A model without an answer in the end costs the request nothing but time.
    ///
    /// # Errors
    /// See [`RouteError`]. A route without models answers `AllRefused(NotFound)`.
    ///
    /// # Cancel safety
    /// Dropping the future abandons a running call, whose reservation then counts as spent. To stop without that,
    /// cancel the route's token: a running call ends and counts.
    pub async fn ask(&self, question: &dyn Question) -> Result<Answered, RouteError> {
        let asking =
            Asking { route: self, question, courses: self.models.iter().map(Course::new).collect(), attempts: 0 };
        asking.run().await
    }
}

impl Asking<'_> {
    async fn run(mut self) -> Result<Answered, RouteError> {
        loop {
            if self.route.stop.is_cancelled() {
                return Err(RouteError::Interrupted);
            }
            match self.choose() {
                Choice::Ask(place) => {
                    if let Some(answered) = self.attempt(place).await? {
                        return Ok(answered);
                    }
                }
                Choice::Wait(until) => self.or_stop(tokio::time::sleep_until(until)).await?,
                Choice::GiveUp => return Err(self.outcome()),
            }
        }
    }

    /// Picks the first model that is free; without one, waits for the first that soon will be.
    fn choose(&mut self) -> Choice {
        let now = Instant::now();
        let mut soonest: Option<(Instant, &mut Course<'_>)> = None;
        for (place, course) in self.courses.iter_mut().enumerate() {
            if course.end.is_some() || course.model.breaker.refuses().is_some() {
                continue;
            }
            let own = course.not_before.filter(|at| *at > now);
            match course.model.limiter.gate() {
                None => return own.map_or(Choice::Ask(place), Choice::Wait),
                Some(gate) => {
                    let until = own.map_or(now + gate.remaining, |own| own.max(now + gate.remaining));
                    let patient = course.waited + (until - now) <= ROUTE_MAX_WAIT;
                    if patient && soonest.as_ref().is_none_or(|(soonest, _)| until < *soonest) {
                        soonest = Some((until, course));
                    }
                }
            }
        }
        match soonest {
            Some((until, course)) => {
                course.waited += until - now;
                Choice::Wait(until)
            }
            None => Choice::GiveUp,
        }
    }

    /// Makes one call; `None` when the models have to be looked at again.
    async fn attempt(&mut self, place: usize) -> Result<Option<Answered>, RouteError> {
        let Some(model) = self.courses.get(place).map(|course| course.model) else { return Ok(None) };
        let Some(request) = self.question.request(place).await else { return Err(RouteError::NothingToAsk) };
        let worst_case = worst_case(&request);
        let probable_tokens = worst_case.prompt_tokens / BYTES_PER_TOKEN + worst_case.completion_tokens;
        let Ok(permit) = self.or_stop(model.limiter.acquire(probable_tokens)).await? else { return Ok(None) };
        let Entry::Allowed(pass) = model.breaker.enter() else { return Ok(None) };
        let worst_case = if model.provider.is_metered() { worst_case } else { Usage::default() };
        let call = PlannedCall {
            model: &model.name,
            worst_case,
            worst_cost: model.price.cost(worst_case),
            price: model.price,
        };
        let meter = &self.route.meter;
        let reservation = meter.reserve(&call).await.map_err(|_| RouteError::OutOfBudget)?;
        if self.route.stop.is_cancelled() {
            meter.settle(reservation, Spend::Nothing).await;
            return Err(RouteError::Interrupted);
        }
        self.attempts += 1;
        let begun = Instant::now();
        let result = model.provider.complete(&request).await;
        let latency = begun.elapsed();
        pass.finish(result.as_ref().map(|_| ()).map_err(|error| error.kind));
        if let Some(limits) = model.provider.limits() {
            model.limiter.observe(limits);
        }
        let spend = spent(model, &result);
        match result {
            Ok(completion) => {
                let used = completion.usage.prompt_tokens.saturating_add(completion.usage.completion_tokens);
                permit.succeeded((used > 0).then_some(used));
                meter.settle(reservation, spend).await;
                let model = model.name.clone();
                Ok(Some(Answered { completion, place, model, attempts: self.attempts, latency }))
            }
            Err(error) => {
                let too_long = error.kind == ProviderErrorKind::ContextTooLong;
                if let Some(course) = self.courses.get_mut(place) {
                    course.failed(&error, permit);
                }
                meter.settle(reservation, spend).await;
                if too_long { Err(RouteError::ContextTooLong { place }) } else { Ok(None) }
            }
        }
    }

    /// Waits for `future`, unless the route is stopped.
    async fn or_stop<T>(&self, future: impl Future<Output = T>) -> Result<T, RouteError> {
        tokio::select! {
            biased;
            () = self.route.stop.cancelled() => Err(RouteError::Interrupted),
            output = future => Ok(output),
        }
    }

    /// Says why no model could be asked.
    fn outcome(&self) -> RouteError {
        let mut refusal = None;
        let mut down: Option<(Duration, ProviderErrorKind)> = None;
        for course in &self.courses {
            let (next, kind) = course.state();
            match Refusal::of(kind) {
                Some(refused) => refusal = refusal.or(Some(refused)),
                None => down = Some(down.map_or((next, kind), |(soonest, first)| (soonest.min(next), first))),
            }
        }
        match down {
            Some((next_attempt_at_in, reason)) => RouteError::AllDown { next_attempt_at_in, reason },
            None => RouteError::AllRefused(refusal.unwrap_or(Refusal::NotFound)),
        }
    }
}

impl<'a> Course<'a> {
    fn new(model: &'a RoutedModel) -> Self {
        Self { model, failures: 0, rate_limits: 0, waited: Duration::ZERO, not_before: None, end: None }
    }

    /// Decides what a failed call means for the rest of the way.
    fn failed(&mut self, error: &ProviderError, permit: Permit<'_>) {
        let retry_after = error.retry_after();
        if let ProviderErrorKind::RateLimited { .. } = error.kind {
            let wait = retry_after.unwrap_or_default().max(backoff(self.rate_limits));
            self.rate_limits += 1;
            return permit.rate_limited(wait);
        }
        let wait = backoff(self.failures);
        self.failures += 1;
        match retry_after {
            Some(asked) if error.kind.is_transient() => permit.rate_limited(asked),
            _ => permit.failed(),
        }
        if !error.kind.is_transient() || self.failures > self.model.retries {
            self.end = Some(error.kind);
        } else {
            self.not_before = Some(Instant::now() + wait);
        }
    }

    /// Says what keeps the model from answering and when that may end.
    fn state(&self) -> (Duration, ProviderErrorKind) {
        let gate = self.model.limiter.gate().map(|gate| gate.remaining);
        let open = self.model.breaker.refuses();
        let limited = ProviderErrorKind::RateLimited { retry_after: gate };
        let kind = self.end.or(open.map(|(_, kind)| kind)).unwrap_or(limited);
        let next = gate.max(open.map(|(retry_in, _)| retry_in)).unwrap_or(AFTER_OUTAGE).max(SHORTEST_OUTAGE);
        (next, kind)
    }
}

impl Refusal {
    fn of(kind: ProviderErrorKind) -> Option<Self> {
        match kind {
            ProviderErrorKind::Unauthorized => Some(Self::Unauthorized),
            ProviderErrorKind::NotFound => Some(Self::NotFound),
            ProviderErrorKind::BadRequest => Some(Self::BadRequest),
            ProviderErrorKind::RateLimited { .. }
            | ProviderErrorKind::Unavailable
            | ProviderErrorKind::Timeout
            | ProviderErrorKind::BadAnswer
            | ProviderErrorKind::ContextTooLong => None,
        }
    }
}

/// Returns what a call cost. An answer without figures of a model that counts tokens may have cost anything.
fn spent(model: &RoutedModel, result: &Result<Completion, ProviderError>) -> Spend {
    match result {
        Ok(completion) if model.provider.is_metered() && completion.usage == Usage::default() => Spend::Unknown,
        Ok(completion) => Spend::Exactly(completion.usage),
        Err(error) => error.spend(),
    }
}

/// Exponential backoff with full jitter.
fn backoff(failures: u32) -> Duration {
    let most = BACKOFF_BASE.saturating_mul(1 << failures.min(16)).min(BACKOFF_CAP);
    most.mul_f64(rand::random())
}
