use std::{
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use futures::StreamExt;
use lapin::{Channel, Connection, ConnectionProperties, Event, uri::AMQPUri};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::topology::Topology;
use crate::{BrokerError, BrokerErrorKind};

/// Seconds between heartbeats; a dead broker is noticed after two of them at most.
const HEARTBEAT: u16 = 10;

/// How long a connection may take to come up, declarations included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a caller waits for a connection that is being made; when the last attempt failed, not at all.
const GRACE: Duration = Duration::from_secs(2);

/// How often the state of the connection is looked at, should lapin forget to tell.
const LOOK: Duration = Duration::from_millis(500);

/// How often the declarations are tried again that the broker refused because of other arguments.
pub(super) const MISMATCH_RETRY: Duration = Duration::from_secs(30);

/// A connection that lived this long was a good one: the next attempt comes soon.
const GOOD_LIFE: Duration = Duration::from_secs(5);

const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Where the broker is, and how it is told apart in the log: never by its URL, which holds a password.
pub(super) struct Server {
    uri: AMQPUri,
    address: String,
}

impl Server {
    pub(super) fn parse(url: &str) -> Result<Self, BrokerError> {
        // The parser's error may quote the URL with its password.
        let mut uri: AMQPUri = url.parse().map_err(|_| {
            BrokerError::new(BrokerErrorKind::Topology, "open").because("the broker's URL is malformed")
        })?;
        uri.query.heartbeat = Some(HEARTBEAT);
        let address = format!("{}:{}", uri.authority.host, uri.authority.port);
        Ok(Self { uri, address })
    }

    /// Returns when somebody there answers anything at all, be it by hanging up.
    async fn speaks(&self) -> std::io::Result<()> {
        let mut stream = TcpStream::connect((self.uri.authority.host.as_str(), self.uri.authority.port)).await?;
        stream.write_all(b"AMQP\0\0\x09\x01").await?;
        stream.read(&mut [0]).await.map(|_| ())
    }
}

/// Waits between attempts: from 0.2 s, doubled up to 5 s, each a random part of that.
#[derive(Default)]
pub(super) struct Backoff(u32);

impl Backoff {
    pub(super) fn reset(&mut self) {
        self.0 = 0;
    }

    pub(super) async fn wait(&mut self) {
        let bound = Duration::from_millis(200).saturating_mul(1 << self.0.min(5)).min(Duration::from_secs(5));
        self.0 = self.0.saturating_add(1);
        tokio::time::sleep(bound.mul_f64(rand::random())).await;
    }
}

/// One live connection. It is never repaired: what breaks on it makes the supervisor throw it away as a whole.
pub(super) struct Session {
    connection: Connection,
    /// Channels without work, in confirm mode.
    idle: Mutex<Vec<Channel>>,
    blocked: watch::Sender<bool>,
    given_up: CancellationToken,
    reason: OnceLock<String>,
}

impl Session {
    fn new(connection: Connection) -> Self {
        Self {
            connection,
            idle: Mutex::default(),
            blocked: watch::Sender::new(false),
            given_up: CancellationToken::new(),
            reason: OnceLock::new(),
        }
    }

    pub(super) async fn channel(&self) -> Result<Channel, lapin::Error> {
        self.connection.create_channel().await
    }

    pub(super) fn idle(&self) -> MutexGuard<'_, Vec<Channel>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the supervisor for another connection.
    pub(super) fn give_up(&self, reason: &str) {
        // The first reason is the one that counts.
        let _ = self.reason.set(reason.to_owned());
        self.given_up.cancel();
    }

    /// Resolves when the supervisor is done with this connection, or soon will be.
    pub(super) async fn ended(&self) {
        self.given_up.cancelled().await;
    }

    pub(super) fn is_blocked(&self) -> bool {
        self.connection.status().blocked()
    }

    /// Resolves when the broker refuses to read what is published.
    pub(super) async fn blocked(&self) {
        // The sender lives as long as `self`.
        let _ = self.blocked.subscribe().wait_for(|blocked| *blocked).await;
    }

    /// Waits for the end of the connection and says why it came; `None` when we wanted it.
    async fn watch(&self, topology: Option<&Topology>, closed: &CancellationToken) -> Option<String> {
        let mut events = std::pin::pin!(self.connection.events_listener());
        let mut look = tokio::time::interval(LOOK);
        let mut declare = tokio::time::interval(MISMATCH_RETRY);
        let mut last_error = None;
        while self.connection.status().connected() {
            tokio::select! {
                () = closed.cancelled() => return None,
                () = self.given_up.cancelled() => return self.reason.get().cloned(),
                Some(event) = events.next() => match event {
                    Event::Error(error) => last_error = Some(error.to_string()),
                    Event::ConnectionBlocked(reason) => {
                        tracing::warn!(reason, "RabbitMQ refuses publishers for now");
                        self.blocked.send_replace(true);
                    }
                    Event::ConnectionUnblocked => {
                        tracing::info!("RabbitMQ takes messages again");
                        self.blocked.send_replace(false);
                    }
                    _ => {}
                },
                _ = look.tick() => {}
                _ = declare.tick() => {
                    if let Some(topology) = topology
                        && topology.mismatch().is_some()
                        && let Err(error) = topology.declare_all(self).await
                    {
                        last_error = Some(error.to_string());
                    }
                }
            }
        }
        Some(last_error.unwrap_or_else(|| "the connection ended".to_owned()))
    }

    async fn close(&self) {
        self.given_up.cancel();
        if self.connection.status().connected() {
            let closing = self.connection.close(200, "OK".into());
            // A broker that does not answer has noticed by the closed socket.
            let _ = tokio::time::timeout(CLOSE_TIMEOUT, closing).await;
        }
    }
}

#[derive(Clone)]
enum State {
    Connecting,
    Up(Arc<Session>),
    Down(String),
    Closed,
}

/// A connection that is made again and again, by one task that owns it.
#[derive(Clone)]
pub(super) struct Link(watch::Receiver<State>);

impl Link {
    pub(super) fn start(
        name: &'static str,
        server: Arc<Server>,
        topology: Option<Arc<Topology>>,
        tasks: &TaskTracker,
        closed: CancellationToken,
    ) -> Self {
        let (state, receiver) = watch::channel(State::Connecting);
        tasks.spawn(Supervisor { name, server, topology, state, closed, wary: false }.run());
        Self(receiver)
    }

    /// The connection, or why there is none. Waits a little for one that is being made.
    pub(super) async fn session(&self, operation: &'static str) -> Result<Arc<Session>, BrokerError> {
        let mut states = self.0.clone();
        let settled = states.wait_for(|state| !matches!(state, State::Connecting));
        let state = match tokio::time::timeout(GRACE, settled).await {
            Ok(Ok(state)) => state.clone(),
            Ok(Err(_)) => State::Closed,
            Err(_) => State::Connecting,
        };
        let unavailable = BrokerError::new(BrokerErrorKind::Unavailable, operation);
        match state {
            State::Up(session) => Ok(session),
            State::Down(cause) => Err(unavailable.because(cause)),
            State::Connecting => Err(unavailable.because("the broker has not answered yet")),
            State::Closed => Err(unavailable.because("the broker was closed")),
        }
    }

    /// Waits for a connection; `None` when there will be none any more.
    pub(super) async fn up(&self) -> Option<Arc<Session>> {
        let mut states = self.0.clone();
        let state = states.wait_for(|state| matches!(state, State::Up(_) | State::Closed)).await.ok()?;
        match &*state {
            State::Up(session) => Some(session.clone()),
            _ => None,
        }
    }
}

struct Supervisor {
    name: &'static str,
    server: Arc<Server>,
    topology: Option<Arc<Topology>>,
    state: watch::Sender<State>,
    closed: CancellationToken,
    /// The last attempt got no answer at all.
    wary: bool,
}

impl Supervisor {
    async fn run(mut self) {
        let closed = self.closed.clone();
        let mut backoff = Backoff::default();
        let mut told = None;
        loop {
            let connected = tokio::select! {
                () = closed.cancelled() => break,
                connected = self.connect() => connected,
            };
            match connected {
                Ok(session) => {
                    tracing::info!(server = self.server.address, connection = self.name, "Connected to RabbitMQ");
                    told = None;
                    let since = Instant::now();
                    self.state.send_replace(State::Up(session.clone()));
                    let cause = session.watch(self.topology.as_deref(), &self.closed).await;
                    self.state.send_replace(State::Connecting);
                    session.close().await;
                    let Some(cause) = cause else { break };
                    tracing::warn!(server = self.server.address, connection = self.name, cause, "Lost RabbitMQ");
                    if since.elapsed() >= GOOD_LIFE {
                        backoff.reset();
                    }
                }
                Err(cause) => {
                    if told.as_ref() != Some(&cause) {
                        tracing::warn!(
                            server = self.server.address,
                            connection = self.name,
                            cause,
                            "RabbitMQ is unreachable; trying on"
                        );
                        told = Some(cause.clone());
                    }
                    self.state.send_replace(State::Down(cause));
                }
            }
            tokio::select! {
                () = closed.cancelled() => break,
                () = backoff.wait() => {}
            }
        }
        self.state.send_replace(State::Closed);
    }

    async fn connect(&mut self) -> Result<Arc<Session>, String> {
        let connected = tokio::time::timeout(CONNECT_TIMEOUT, async {
            // An attempt that lapin was not able to finish leaves a thread and a socket behind for as long as the
            // server is silent. There is to be one of them, not one for each attempt.
            if self.wary {
                self.server.speaks().await.map_err(|error| error.to_string())?;
            }
            self.open().await.map_err(|error| error.to_string())
        })
        .await;
        self.wary = connected.is_err();
        connected.unwrap_or_else(|_| Err(format!("no answer within {} s", CONNECT_TIMEOUT.as_secs()))).map(Arc::new)
    }

    async fn open(&self) -> Result<Session, lapin::Error> {
        let name = format!("dallosh {}", self.name);
        let properties = ConnectionProperties::default().with_connection_name(name.as_str().into());
        let session = Session::new(Connection::connect_uri(self.server.uri.clone(), properties).await?);
        if let Some(topology) = &self.topology {
            topology.declare_all(&session).await?;
        }
        Ok(session)
    }
}

#[cfg(test)]
mod tests {
    use super::Server;

    #[test]
    fn neither_the_address_nor_an_error_tells_the_password() {
        let server = Server::parse("amqp://user:hush@broker.example:5673/%2f").unwrap();
        assert_eq!(server.address, "broker.example:5673");

        let error = Server::parse("amqp://user:hush@broker.example:port").err().unwrap();
        assert!(!format!("{error:?} {error}").contains("hush"));
    }
}
