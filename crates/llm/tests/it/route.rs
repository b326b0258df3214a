//! Fallback, waiting, retries, circuits and reservations, in simulated time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use dallosh_llm::{
    Answered, Breaker, Builtin, Completion, CompletionRequest, Finish, Limiter, LimiterConfig, Meter, OutOfBudget,
    PlannedCall, Price, Provider, ProviderError, ProviderErrorKind, Refusal, Reservation, Route, RouteError,
    RoutedModel, Spend, Unmetered, Usage, labelling_request, worst_case,
};
use proptest::prelude::*;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use ProviderErrorKind::{BadAnswer, BadRequest, ContextTooLong, NotFound, Timeout, Unauthorized, Unavailable};

/// A model that fails as told and answers otherwise, counting what it would bill.
struct Scripted {
    script: Mutex<VecDeque<ProviderErrorKind>>,
    always: Mutex<Option<ProviderErrorKind>>,
    calls: Mutex<Vec<Instant>>,
    billed: Mutex<u64>,
    latency: Duration,
}

impl Scripted {
    fn new(script: impl IntoIterator<Item = ProviderErrorKind>) -> Arc<Self> {
        Self::slow(Duration::ZERO, script)
    }

    fn slow(latency: Duration, script: impl IntoIterator<Item = ProviderErrorKind>) -> Arc<Self> {
        Arc::new(Self {
            script: Mutex::new(script.into_iter().collect()),
            always: Mutex::default(),
            calls: Mutex::default(),
            billed: Mutex::default(),
            latency,
        })
    }

    fn always(kind: ProviderErrorKind) -> Arc<Self> {
        let model = Self::new([]);
        model.turn(Some(kind));
        model
    }

    fn turn(&self, always: Option<ProviderErrorKind>) {
        *self.always.lock().unwrap() = always;
    }

    fn calls(&self) -> usize {
        self.calls.lock().unwrap().len()
    }
}

#[async_trait]
impl Provider for Scripted {
    fn name(&self) -> &'static str {
        "scripted"
    }

    async fn complete(&self, request: &CompletionRequest) -> Result<Completion, ProviderError> {
        self.calls.lock().unwrap().push(Instant::now());
        let fault = self.script.lock().unwrap().pop_front().or(*self.always.lock().unwrap());
        tokio::time::sleep(self.latency).await;
        let usage =
            Usage { prompt_tokens: request.user.len() as u64, completion_tokens: u64::from(request.max_output_tokens) };
        let error = fault.map(ProviderError::new);
        if error.as_ref().is_none_or(|error| error.spend() == Spend::Unknown) {
            *self.billed.lock().unwrap() += usage.prompt_tokens + usage.completion_tokens;
        }
        match error {
            Some(error) => Err(error),
            None => Ok(Completion { text: request.user.clone(), usage, finish: Finish::Stop }),
        }
    }
}

/// A ledger in tokens.
#[derive(Default)]
struct Ledger {
    limit: u64,
    books: Mutex<Books>,
}

#[derive(Default)]
struct Books {
    reservations: u128,
    open: BTreeMap<u128, u64>,
    spent: u64,
    models: Vec<String>,
}

impl Ledger {
    fn with(limit: u64) -> Arc<Self> {
        Arc::new(Self { limit, ..Self::default() })
    }

    fn spent(&self) -> u64 {
        self.books.lock().unwrap().spent
    }

    fn is_settled(&self) -> bool {
        self.books.lock().unwrap().open.is_empty()
    }

    fn models(&self) -> Vec<String> {
        self.books.lock().unwrap().models.clone()
    }
}

#[async_trait]
impl Meter for Ledger {
    async fn reserve(&self, call: &PlannedCall<'_>) -> Result<Reservation, OutOfBudget> {
        let mut books = self.books.lock().unwrap();
        let worst = call.worst_case.prompt_tokens + call.worst_case.completion_tokens;
        if books.spent + books.open.values().sum::<u64>() + worst > self.limit {
            return Err(OutOfBudget);
        }
        books.reservations += 1;
        let id = books.reservations;
        books.open.insert(id, worst);
        books.models.push(call.model.to_owned());
        Ok(Reservation { id })
    }

    async fn settle(&self, reservation: Reservation, spend: Spend) {
        let mut books = self.books.lock().unwrap();
        let worst = books.open.remove(&reservation.id).expect("a reservation is settled once");
        books.spent += match spend {
            Spend::Nothing => 0,
            Spend::Exactly(usage) => usage.prompt_tokens + usage.completion_tokens,
            Spend::Unknown => worst,
        };
    }
}

fn limited(seconds: u64) -> ProviderErrorKind {
    ProviderErrorKind::RateLimited { retry_after: Some(Duration::from_secs(seconds)) }
}

fn routed(name: &str, provider: Arc<dyn Provider>) -> RoutedModel {
    let config = LimiterConfig { concurrency: 4, requests_per_minute: None, tokens_per_minute: None };
    RoutedModel {
        name: name.to_owned(),
        provider,
        limiter: Arc::new(Limiter::new(config)),
        breaker: Arc::new(Breaker::default()),
        price: Price::FREE,
        retries: 3,
    }
}

fn route(models: &[&Arc<Scripted>]) -> Route {
    metered(models, Arc::new(Unmetered), &CancellationToken::new())
}

/// Models named a, b, c, …
fn metered(models: &[&Arc<Scripted>], meter: Arc<dyn Meter>, stop: &CancellationToken) -> Route {
    let models = models.iter().zip('a'..).map(|(&model, name)| routed(&name.to_string(), model.clone()));
    Route::new(models.collect(), meter, stop.clone())
}

fn request() -> CompletionRequest {
    labelling_request(&[(0, "Plus d'internet")], &[])
}

async fn ask(route: &Route) -> Result<Answered, RouteError> {
    route.ask(&request()).await
}

#[tokio::test(start_paused = true)]
async fn only_the_first_model_is_asked_while_it_works() {
    let (a, b) = (Scripted::new([]), Scripted::new([]));
    let answered = ask(&route(&[&a, &b])).await.unwrap();
    assert_eq!((answered.model.as_str(), answered.attempts), ("a", 1));
    assert_eq!((a.calls(), b.calls()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn fallback_loses_no_request_and_the_circuit_bounds_the_calls_to_a_broken_model() {
    for (fault, most) in [(Unauthorized, 4), (NotFound, 4), (Unavailable, 8), (Timeout, 8), (BadAnswer, 8)] {
        let (a, b) = (Scripted::always(fault), Scripted::new([]));
        let route = route(&[&a, &b]);
        let mut asking = tokio::task::JoinSet::new();
        for id in 0..50 {
            let route = route.clone();
            asking.spawn(async move {
                let request = labelling_request(&[(id, "Merci")], &[]);
                let answered = route.ask(&request).await.unwrap();
                assert_eq!((answered.model.as_str(), &answered.completion.text), ("b", &request.user));
            });
        }
        assert_eq!(asking.join_all().await.len(), 50);
        assert_eq!(b.calls(), 50, "each request is answered once");
        assert!((1..=most).contains(&a.calls()), "{fault:?}: {}", a.calls());
    }
}

#[tokio::test(start_paused = true)]
async fn a_rate_limited_model_that_is_the_only_one_is_waited_for_up_to_60_seconds() {
    let a = Scripted::new([limited(40)]);
    let start = Instant::now();
    assert_eq!(ask(&route(&[&a])).await.unwrap().attempts, 2);
    assert!(start.elapsed() >= Duration::from_secs(40) && start.elapsed() < Duration::from_secs(41));

    let a = Scripted::new([limited(61)]);
    let start = Instant::now();
    let Err(RouteError::AllDown { next_attempt_at_in, reason }) = ask(&route(&[&a])).await else { panic!("answered") };
    assert_eq!((next_attempt_at_in, start.elapsed()), (Duration::from_secs(61), Duration::ZERO));
    assert!(matches!(reason, ProviderErrorKind::RateLimited { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_rate_limited_model_is_not_waited_for_while_another_one_is_free() {
    let (a, b) = (Scripted::new([limited(2)]), Scripted::new([]));
    let route = route(&[&a, &b]);
    let start = Instant::now();
    assert_eq!(ask(&route).await.unwrap().model, "b");
    assert_eq!(ask(&route).await.unwrap().model, "b");
    assert_eq!((start.elapsed(), a.calls()), (Duration::ZERO, 1));
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(ask(&route).await.unwrap().model, "a");
}

#[tokio::test(start_paused = true)]
async fn of_two_rate_limited_models_the_one_that_is_back_first_is_waited_for() {
    let (a, b) = (Scripted::new([limited(20)]), Scripted::new([limited(10)]));
    let start = Instant::now();
    assert_eq!(ask(&route(&[&a, &b])).await.unwrap().model, "b");
    assert_eq!(start.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn no_request_reaches_a_model_before_its_wait_is_over() {
    let a = Scripted::new([limited(7)]);
    let route = route(&[&a]);
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let route = route.clone();
        asking.spawn(async move { ask(&route).await.unwrap() });
    }
    asking.join_all().await;
    let calls = a.calls.lock().unwrap();
    let first = calls[0];
    let early = calls.iter().filter(|at| **at > first && **at < first + Duration::from_secs(7)).count();
    assert_eq!((calls.len(), early), (21, 0));
}

#[tokio::test(start_paused = true)]
async fn a_model_that_is_always_rate_limited_is_given_up_in_time() {
    let a = Scripted::always(ProviderErrorKind::RateLimited { retry_after: None });
    let start = Instant::now();
    assert!(matches!(ask(&route(&[&a])).await, Err(RouteError::AllDown { .. })));
    assert!(start.elapsed() <= Duration::from_secs(60) && a.calls() > 1);
}

#[tokio::test(start_paused = true)]
async fn a_passing_failure_is_repeated_as_often_as_the_settings_say() {
    for fault in [Unavailable, Timeout, BadAnswer] {
        let a = Scripted::new([fault; 3]);
        assert_eq!(ask(&route(&[&a])).await.unwrap().attempts, 4);
        let a = Scripted::new([fault; 4]);
        let Err(RouteError::AllDown { reason, .. }) = ask(&route(&[&a])).await else { panic!("answered") };
        assert_eq!((reason, a.calls()), (fault, 4));
    }
}

#[tokio::test(start_paused = true)]
async fn what_will_not_pass_is_not_repeated() {
    for fault in [Unauthorized, NotFound, BadRequest] {
        let (a, b) = (Scripted::always(fault), Scripted::new([]));
        assert_eq!(ask(&route(&[&a, &b])).await.unwrap().attempts, 2);
        assert_eq!(a.calls(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_all_models_says_when_to_come_back_and_ends_by_itself() {
    let (a, b) = (Scripted::always(Unavailable), Scripted::always(Timeout));
    let route = route(&[&a, &b]);
    let mut told = None;
    for _ in 0..2 {
        told = ask(&route).await.err();
    }
    let Some(RouteError::AllDown { next_attempt_at_in, reason }) = told else { panic!("{told:?}") };
    assert!(next_attempt_at_in > Duration::ZERO && next_attempt_at_in <= Duration::from_secs(30));
    assert_eq!(reason, Unavailable);
    assert_eq!((a.calls(), b.calls()), (5, 5), "open circuits are not asked");
    b.turn(None);
    tokio::time::advance(next_attempt_at_in + Duration::from_secs(30)).await;
    assert_eq!(ask(&route).await.unwrap().model, "b");
}

#[tokio::test(start_paused = true)]
async fn when_every_model_refuses_waiting_is_not_suggested() {
    for (fault, refusal) in
        [(Unauthorized, Refusal::Unauthorized), (NotFound, Refusal::NotFound), (BadRequest, Refusal::BadRequest)]
    {
        let (a, b) = (Scripted::always(fault), Scripted::always(Unauthorized));
        let route = route(&[&a, &b]);
        for _ in 0..2 {
            assert_eq!(ask(&route).await, Err(RouteError::AllRefused(refusal)));
        }
    }
    assert_eq!(ask(&route(&[])).await, Err(RouteError::AllRefused(Refusal::NotFound)));
    let (a, b) = (Scripted::always(Unauthorized), Scripted::always(Unavailable));
    assert!(matches!(ask(&route(&[&a, &b])).await, Err(RouteError::AllDown { reason: Unavailable, .. })));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_too_long_is_handed_back_instead_of_tried_elsewhere() {
    let (a, b) = (Scripted::always(ContextTooLong), Scripted::new([]));
    assert_eq!(ask(&route(&[&a, &b])).await, Err(RouteError::ContextTooLong { place: 0 }));
    assert_eq!((a.calls(), b.calls()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn once_stopped_no_call_begins_and_waits_end_at_once() {
    let (stop, ledger) = (CancellationToken::new(), Ledger::with(u64::MAX));
    let a = Scripted::new([limited(50)]);
    let route = metered(&[&a], ledger.clone(), &stop);
    let start = Instant::now();
    let (result, ()) = tokio::join!(ask(&route), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        stop.cancel();
    });
    assert_eq!((result, start.elapsed()), (Err(RouteError::Interrupted), Duration::from_secs(1)));
    assert_eq!(ask(&route).await, Err(RouteError::Interrupted));
    assert_eq!(a.calls(), 1);
    assert!(ledger.is_settled());
}

#[tokio::test(start_paused = true)]
async fn a_call_in_flight_ends_and_counts_when_the_route_is_stopped() {
    let (stop, ledger) = (CancellationToken::new(), Ledger::with(u64::MAX));
    let a = Scripted::slow(Duration::from_secs(20), []);
    let route = metered(&[&a], ledger.clone(), &stop);
    let (result, ()) = tokio::join!(ask(&route), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        stop.cancel();
    });
    assert_eq!(result.unwrap().latency, Duration::from_secs(20));
    assert_eq!(ledger.spent(), *a.billed.lock().unwrap());
}

#[tokio::test(start_paused = true)]
async fn every_attempt_is_reserved_and_settled_under_its_own_model() {
    let ledger = Ledger::with(u64::MAX);
    let (a, b) = (Scripted::new([Unavailable, limited(70)]), Scripted::new([Unauthorized]));
    let c = Scripted::new([]);
    let route = metered(&[&a, &b, &c], ledger.clone(), &CancellationToken::new());
    let answered = ask(&route).await.unwrap();
    assert_eq!(ledger.models(), ["a", "a", "b", "c"]);
    assert_eq!(answered.attempts, 4);
    assert!(ledger.is_settled());
    let worst = worst_case(&request());
    let used = answered.completion.usage;
    let expected = worst.prompt_tokens + worst.completion_tokens + used.prompt_tokens + used.completion_tokens;
    assert_eq!(ledger.spent(), expected, "the outage counts as its worst case, refusals as nothing");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_the_budget_does_not_cover_is_not_made() {
    let worst = worst_case(&request());
    let ledger = Ledger::with(worst.prompt_tokens + worst.completion_tokens - 1);
    let a = Scripted::new([]);
    let route = metered(&[&a], ledger, &CancellationToken::new());
    assert_eq!(ask(&route).await, Err(RouteError::OutOfBudget));
    assert_eq!(a.calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_worst_cost_of_a_call_is_set_aside_in_money_too() {
    struct Teller(Mutex<Vec<(Usage, String)>>);

    #[async_trait]
    impl Meter for Teller {
        async fn reserve(&self, call: &PlannedCall<'_>) -> Result<Reservation, OutOfBudget> {
            self.0.lock().unwrap().push((call.worst_case, call.worst_cost.to_string()));
            Err(OutOfBudget)
        }

        async fn settle(&self, _: Reservation, _: Spend) {}
    }

    let teller = Arc::new(Teller(Mutex::default()));
    let price: Price =
        serde_json::from_str(r#"{"input_per_million_tokens": "1000000", "output_per_million_tokens": "0"}"#).unwrap();
    let model = RoutedModel { price, ..routed("a", Scripted::new([])) };
    let route = Route::new(vec![model], teller.clone(), CancellationToken::new());
    assert_eq!(ask(&route).await, Err(RouteError::OutOfBudget));
    let worst = worst_case(&request());
    assert_eq!(*teller.0.lock().unwrap(), [(worst, worst.prompt_tokens.to_string())]);
}

#[tokio::test(start_paused = true)]
async fn an_open_circuit_and_a_full_budget_leave_each_other_alone() {
    let worst = worst_case(&request());
    let ledger = Ledger::with(worst.prompt_tokens + worst.completion_tokens);
    let a = Scripted::new([Unauthorized]);
    let route = metered(&[&a], ledger.clone(), &CancellationToken::new());
    assert_eq!(ask(&route).await, Err(RouteError::AllRefused(Refusal::Unauthorized)));
    tokio::time::advance(Duration::from_secs(30)).await;
    ledger.books.lock().unwrap().spent = 1;
    assert_eq!(ask(&route).await, Err(RouteError::OutOfBudget));
    ledger.books.lock().unwrap().spent = 0;
    assert_eq!(ask(&route).await.unwrap().attempts, 1, "a probe that was never sent is not used up");
}

#[tokio::test(start_paused = true)]
async fn the_offline_model_needs_no_budget() {
    let route = Route::new(vec![routed("builtin", Arc::new(Builtin))], Ledger::with(0), CancellationToken::new());
    assert_eq!(ask(&route).await.unwrap().model, "builtin");
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_figures_counts_as_its_worst_case() {
    struct Silent;

    #[async_trait]
    impl Provider for Silent {
        fn name(&self) -> &'static str {
            "silent"
        }

        async fn complete(&self, _: &CompletionRequest) -> Result<Completion, ProviderError> {
            Ok(Completion { text: "{}".to_owned(), usage: Usage::default(), finish: Finish::Stop })
        }
    }

    let ledger = Ledger::with(u64::MAX);
    let route = Route::new(vec![routed("silent", Arc::new(Silent))], ledger.clone(), CancellationToken::new());
    ask(&route).await.unwrap();
    let worst = worst_case(&request());
    assert_eq!(ledger.spent(), worst.prompt_tokens + worst.completion_tokens);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Two models with any mishaps, any budget, eight at a time.
    #[test]
    fn what_is_billed_never_exceeds_the_budget(
        limit in 0_u64..20_000,
        mishaps in prop::collection::vec((any::<bool>(), 0_usize..7), 0..60),
        latency in 0_u64..3000,
    ) {
        let kinds = [Unavailable, Timeout, BadAnswer, limited(1), Unauthorized, BadRequest, ContextTooLong];
        let of = |first: bool| mishaps.iter().filter(move |mishap| mishap.0 == first).map(|mishap| kinds[mishap.1]);
        let latency = Duration::from_millis(latency);
        let (a, b) = (Scripted::slow(latency, of(true)), Scripted::slow(latency, of(false)));
        let ledger = Ledger::with(limit);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let route = metered(&[&a, &b], ledger.clone(), &CancellationToken::new());
            let mut asking = tokio::task::JoinSet::new();
            for _ in 0..8 {
                let route = route.clone();
                asking.spawn(async move {
                    for _ in 0..6 {
                        let _any = ask(&route).await;
                    }
                });
            }
            asking.join_all().await;
        });
        let billed = *a.billed.lock().unwrap() + *b.billed.lock().unwrap();
        prop_assert!(billed <= ledger.spent(), "{} billed, {} in the books", billed, ledger.spent());
        prop_assert!(ledger.spent() <= limit);
        prop_assert!(ledger.is_settled());
    }
}
