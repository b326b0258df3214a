//! A model server on loopback that knows every text's right label, keeps books, and misbehaves when it is told to.

mod answer;
mod fault;
mod http;
mod label;
mod rate;

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::BufReader,
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
    task::JoinHandle,
    time::Instant,
};

use answer::{Api, Question, Reply};
use http::Request;
use label::{draw, share};
use rate::Buckets;

pub use fault::{Fault, Mistake, RetryAfter, UnknownFault};
pub use label::{RightLabel, right_label};
pub use rate::Rate;

/// A model server with the chat completions of `OpenAI` below [`FakeModel::url`] and Ollama's `/api/chat` at
/// [`FakeModel::origin`]. It answers every text with its [`right_label`], unless it was told otherwise.
///
/// What it does is a function of what it was told, of the requests and of their order: nothing is left to chance.
/// `GET /counts` shows its books. It ends when it is dropped.
pub struct FakeModel {
    address: SocketAddr,
    state: Arc<State>,
    open: watch::Sender<bool>,
    listening: watch::Receiver<bool>,
    task: JoinHandle<()>,
}

/// A call as it came.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The path.
    pub path: String,
    /// The `Authorization` header.
    pub authorization: Option<String>,
    /// The body.
    pub body: Value,
}

/// Tokens that a provider would bill: a quarter of the bytes of system prompt and texts, and of what it answered.
///
/// What is refused costs nothing. Whatever the model was at work on costs: what was reset, dripped or never sent as much as
/// its right answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Billed {
    /// Tokens received.
    pub prompt_tokens: u64,
    /// Tokens sent, never more than the call allowed.
    pub completion_tokens: u64,
}

/// How long an answer takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Latency {
    /// Always the same.
    Fixed(Duration),
    /// Lognormal, by the number of the call.
    Seeded {
        /// Another one gives other times.
        seed: u64,
        /// Half of the answers take less.
        median: Duration,
        /// The standard deviation of the logarithm; 0.5 is a usual one.
        sigma: f64,
    },
}

#[derive(Default)]
struct State {
    orders: Mutex<Orders>,
    books: Mutex<Books>,
}

/// What it was told.
#[derive(Default)]
struct Orders {
    script: VecDeque<Fault>,
    always: Option<Fault>,
    by_text: Vec<(String, Fault)>,
    sometimes: Option<Sometimes>,
    latency: Option<Latency>,
    rate: Option<Buckets>,
    key: Option<String>,
    context_tokens: Option<u64>,
    is_newer: bool,
}

struct Sometimes {
    share: f64,
    seed: u64,
    faults: Vec<Fault>,
    /// How often each request came: asked again, it may fare better.
    times: HashMap<u64, u32>,
}

#[derive(Default)]
struct Books {
    asked: Vec<Asked>,
    texts: Vec<String>,
    answered: Vec<String>,
    answers: BTreeMap<String, usize>,
    billed: Billed,
    written: u64,
}

impl FakeModel {
    /// Starts one at a free port.
    ///
    /// # Panics
    /// When this machine has no free port.
    pub async fn start() -> Self {
        #[expect(clippy::expect_used, reason = "a test can't go on without it")]
        Self::listen(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a free port on loopback")
    }

    /// Starts one at an address.
    pub async fn listen(address: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let state = Arc::new(State::default());
        let ((open, is_open), (is_listening, listening)) = (watch::channel(true), watch::channel(true));
        let task = tokio::spawn(accept(listener, address, state.clone(), is_open, is_listening));
        Ok(Self { address, state, open, listening, task })
    }

    /// Scheme, host and port: the base URL of an Ollama model.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The base URL of an `OpenAI` model.
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// How many calls came, refused ones included.
    pub fn calls(&self) -> usize {
        self.state.books().asked.len()
    }

    /// The calls in the order in which they came.
    pub fn asked(&self) -> Vec<Asked> {
        self.state.books().asked.clone()
    }

    /// The texts of all calls in the order in which they came, those of refused calls included.
    pub fn asked_texts(&self) -> Vec<String> {
        self.state.books().texts.clone()
    }

    /// The texts of the right answers that were written to the end, as often as they were.
    pub fn answered_texts(&self) -> Vec<String> {
        self.state.books().answered.clone()
    }

    /// How often each kind of answer was given: `right`, or the fault's name.
    pub fn answers(&self) -> BTreeMap<String, usize> {
        self.state.books().answers.clone()
    }

    /// What all calls so far are billed.
    pub fn billed(&self) -> Billed {
        self.state.books().billed
    }

    /// Bytes of huge answers that connections took.
    pub fn written(&self) -> u64 {
        self.state.books().written
    }

    /// What the next calls meet, one each, after what was scripted before.
    pub fn script(&self, faults: impl IntoIterator<Item = Fault>) {
        self.state.orders().script.extend(faults);
    }

    /// What every call meets from now on; `None` ends it.
    pub fn always(&self, fault: Option<Fault>) {
        self.state.orders().always = fault;
    }

    /// What every call meets that has a text with `words` in it.
    pub fn when(&self, words: &str, fault: Fault) {
        self.state.orders().by_text.push((words.to_owned(), fault));
    }

    /// Lets a `share` of the calls, from 0 to 1, meet one of the faults. Which is a function of the seed, the texts and of
    /// how often they were asked about.
    pub fn sometimes(&self, share: f64, seed: u64, faults: impl IntoIterator<Item = Fault>) {
        let faults = faults.into_iter().collect();
        self.state.orders().sometimes = Some(Sometimes { share, seed, faults, times: HashMap::new() });
    }

    /// How long answers take from now on; until then none at all.
    pub fn latency(&self, latency: Latency) {
        self.state.orders().latency = Some(latency);
    }

    /// What it lets through from now on; the rest is answered with 429 and a `Retry-After`.
    pub fn rate(&self, rate: Rate) {
        self.state.orders().rate = Some(Buckets::new(rate, Instant::now()));
    }

    /// Without this key a call is answered with 401.
    pub fn key(&self, key: &str) {
        self.state.orders().key = Some(key.to_owned());
    }

    /// Calls whose prompt and answer may take more tokens are answered with 400 `context_length_exceeded`.
    pub fn context_tokens(&self, tokens: u64) {
        self.state.orders().context_tokens = Some(tokens);
    }

    /// Refuses `max_tokens` and another temperature than 1 with 400, as `OpenAI`'s own newer models do.
    pub fn newer(&self) {
        self.state.orders().is_newer = true;
    }

    /// Refuses connections and ends those that are open, until [`FakeModel::accept`].
    pub async fn refuse(&self) {
        self.turn(false).await;
    }

    /// Takes connections again, at the same address.
    pub async fn accept(&self) {
        self.turn(true).await;
    }

    async fn turn(&self, on: bool) {
        self.open.send_replace(on);
        let _ = self.listening.clone().wait_for(|is| *is == on).await;
    }
}

impl Drop for FakeModel {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl std::ops::Sub for Billed {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self {
            prompt_tokens: self.prompt_tokens.saturating_sub(other.prompt_tokens),
            completion_tokens: self.completion_tokens.saturating_sub(other.completion_tokens),
        }
    }
}

impl Latency {
    fn of(self, call: usize) -> Duration {
        match self {
            Self::Fixed(time) => time,
            Self::Seeded { seed, median, sigma } => {
                let draw = |which: u8| share(draw(&[&seed.to_le_bytes(), &call.to_le_bytes(), &[which]]));
                // Box and Muller.
                let normal = (-2.0 * (1.0 - draw(0)).ln()).sqrt() * (std::f64::consts::TAU * draw(1)).cos();
                median.mul_f64((sigma * normal).exp())
            }
        }
    }
}

impl State {
    fn orders(&self) -> MutexGuard<'_, Orders> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a call down and decides what becomes of it.
    fn plan(&self, request: &Request, api: Api) -> (Reply, Duration) {
        let asked = Asked {
            path: request.path.clone(),
            authorization: request.authorization.clone(),
            body: serde_json::from_slice(&request.body).unwrap_or_default(),
        };
        let question = Question::read(api, &asked.body);
        let mut books = self.books();
        let call = books.asked.len();
        books.asked.push(asked.clone());
        books.texts.extend(question.texts.iter().map(|(_, text)| text.clone()));
        let mut orders = self.orders();
        let latency = orders.latency.map_or(Duration::ZERO, |latency| latency.of(call));
        let (fault, headers) = orders.decide(&asked, &question);
        let reply = Reply::new(&question, fault, headers);
        *books.answers.entry(reply.name()).or_default() += 1;
        let Billed { prompt_tokens, completion_tokens } = reply.billed();
        books.billed.prompt_tokens = books.billed.prompt_tokens.saturating_add(prompt_tokens);
        books.billed.completion_tokens = books.billed.completion_tokens.saturating_add(completion_tokens);
        (reply, latency)
    }

    fn counts(&self) -> Value {
        let books = self.books();
        let distinct = |texts: &[String]| texts.iter().collect::<std::collections::BTreeSet<_>>().len();
        json!({
            "calls": books.asked.len(),
            "answers": books.answers,
            "texts_asked": books.texts.len(),
            "texts_answered": books.answered.len(),
            "distinct_texts_answered": distinct(&books.answered),
            "prompt_tokens": books.billed.prompt_tokens,
            "completion_tokens": books.billed.completion_tokens,
        })
    }
}

impl Orders {
    /// The fault that a call meets, and the headers that its answer tells the limits by.
    fn decide(&mut self, asked: &Asked, question: &Question) -> (Option<Fault>, Vec<(String, String)>) {
        if let Some(fault) = self.script.pop_front() {
            return (Some(fault), Vec::new());
        }
        if let Some(key) = &self.key
            && asked.authorization.as_deref() != Some(&format!("Bearer {key}"))
        {
            return (Some(Fault::status(401)), Vec::new());
        }
        let mut headers = Vec::new();
        if let Some(rate) = &mut self.rate {
            let refused = rate.take(Instant::now(), question.expected_tokens());
            headers = rate.headers();
            if let Some(wait) = refused {
                return (Some(Fault::RateLimited(RetryAfter::Seconds(wait))), headers);
            }
        }
        let fault = self.refusal(question).or_else(|| self.always.clone()).or_else(|| self.of_text(question));
        (fault.or_else(|| self.sometimes.as_mut()?.draw(question)), headers)
    }

    /// What a real server would not accept of this call.
    fn refusal(&self, question: &Question) -> Option<Fault> {
        let refused = |error: Value| Some(Fault::Status(400, Vec::new(), json!({ "error": error }).to_string()));
        if self.is_newer
            && let Some((parameter, code, message)) = question.outdated()
        {
            return refused(json!({
                "message": message, "type": "invalid_request_error", "param": parameter, "code": code,
            }));
        }
        let context = self.context_tokens?;
        let (prompt, answer) = (question.prompt_tokens(), question.max_tokens.unwrap_or_default());
        (prompt.saturating_add(answer) > context).then_some(())?;
        refused(json!({
            "message": format!(
                "This model's maximum context length is {context} tokens. However, you requested {} tokens ({prompt} in the messages, \
                 {answer} in the completion). Please reduce the length of the messages or completion.",
                prompt.saturating_add(answer)
            ),
            "type": "invalid_request_error", "param": "messages", "code": "context_length_exceeded",
        }))
    }

    fn of_text(&self, question: &Question) -> Option<Fault> {
        let meets = |words: &str| question.texts.iter().any(|(_, text)| text.contains(words));
        self.by_text.iter().find(|(words, _)| meets(words)).map(|(_, fault)| fault.clone())
    }
}

impl Sometimes {
    fn draw(&mut self, question: &Question) -> Option<Fault> {
        let texts: Vec<&[u8]> = question.texts.iter().map(|(_, text)| text.as_bytes()).collect();
        let request = draw(&texts);
        let times = self.times.entry(request).or_default();
        *times = times.saturating_add(1);
        let drawn =
            |which: u8| draw(&[&self.seed.to_le_bytes(), &request.to_le_bytes(), &times.to_le_bytes(), &[which]]);
        if share(drawn(0)) >= self.share {
            return None;
        }
        let which = drawn(1).checked_rem(u64::try_from(self.faults.len()).ok()?)?;
        self.faults.get(usize::try_from(which).ok()?).cloned()
    }
}

/// Takes connections while it is open, and keeps the port while it is not.
async fn accept(
    listener: TcpListener,
    address: SocketAddr,
    state: Arc<State>,
    mut open: watch::Receiver<bool>,
    is_listening: watch::Sender<bool>,
) {
    let (mut listener, of_connections) = (Some(listener), open.clone());
    loop {
        let Some(listening) = &listener else {
            // Bound and not listening: connections are refused, and nobody else gets the port.
            let Ok(socket) = bound(address) else { return };
            is_listening.send_replace(false);
            if open.wait_for(|open| *open).await.is_err() {
                return;
            }
            let Ok(again) = socket.listen(1024) else { return };
            listener = Some(again);
            is_listening.send_replace(true);
            continue;
        };
        tokio::select! {
            is_closed = closed(&mut open) => {
                if !is_closed {
                    return;
                }
                listener = None;
            }
            accepted = listening.accept() => if let Ok((stream, _)) = accepted {
                let (state, mut open) = (state.clone(), of_connections.clone());
                tokio::spawn(async move {
                    let mut stream = BufReader::new(stream);
                    tokio::select! {
                        _ = closed(&mut open) => {}
                        () = serve(&mut stream, &state) => return,
                    }
                    let _ = stream.get_ref().set_zero_linger();
                });
            },
        }
    }
}

/// Waits until it is closed; `false` when nobody can close it any more.
async fn closed(open: &mut watch::Receiver<bool>) -> bool {
    open.wait_for(|open| !open).await.is_ok()
}

fn bound(address: SocketAddr) -> std::io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// Answers the calls of one connection until either side ends it.
async fn serve(stream: &mut BufReader<TcpStream>, state: &State) {
    while let Some(request) = http::read(stream).await {
        let Some(api) = Api::of(&request.path) else {
            let (status, body) = match request.path.as_str() {
                "/counts" => (200, state.counts()),
                _ => (404, json!({ "error": { "message": "there is nothing here" } })),
            };
            if http::send(stream, status, &[], body.to_string().as_bytes()).await.is_none() {
                return;
            }
            continue;
        };
        let (reply, latency) = state.plan(&request, api);
        tokio::time::sleep(latency).await;
        let written = |bytes| state.books().written += bytes;
        if reply.send(stream, written).await.is_none() {
            return;
        }
        state.books().answered.extend(reply.into_right_texts());
    }
}
