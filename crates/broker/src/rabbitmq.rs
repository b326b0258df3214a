mod consumer;
mod link;
mod publisher;
mod subscriber;
mod topology;
mod wire;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use lapin::options::BasicGetOptions;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use self::{
    link::{Link, Server},
    publisher::Publisher,
    topology::Topology,
};
use crate::{
    BrokerError, BrokerErrorKind, Handler, Message, Queue, Subscription, broker::Backend, work::SUBSCRIBER_BUFFER,
};

/// The longest time that a question to the broker other than a publish may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// How long `subscribe` waits for its queue; later it is bound in the background.
const SUBSCRIBE_GRACE: Duration = Duration::from_secs(2);

/// How long `close` waits for the connections to say goodbye.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// `RabbitMQ` through lapin, on two supervised connections: one publishes, one consumes. A broker with a memory or
/// disk alarm stops reading from the publishing one, and acknowledgements must not get stuck behind that.
pub(crate) struct RabbitBackend {
    publisher: Arc<Publisher>,
    consuming: Link,
    topology: Arc<Topology>,
    peeking: Mutex<()>,
    tasks: TaskTracker,
    closed: CancellationToken,
    _close_on_drop: DropGuard,
}

impl RabbitBackend {
    pub(crate) fn start(url: &str, queues: &[Queue]) -> Result<Self, BrokerError> {
        let server = Arc::new(Server::parse(url)?);
        let topology = Arc::new(Topology::new(queues));
        let tasks = TaskTracker::new();
        let closed = CancellationToken::new();
        let publishing = Link::start("publish", server.clone(), Some(topology.clone()), &tasks, closed.clone());
        let consuming = Link::start("consume", server, None, &tasks, closed.clone());
        Ok(Self {
            publisher: Arc::new(Publisher::new(publishing, topology.clone())),
            consuming,
            topology,
            peeking: Mutex::default(),
            tasks,
            _close_on_drop: closed.clone().drop_guard(),
            closed,
        })
    }
}

#[async_trait]
impl Backend for RabbitBackend {
    async fn publish(&self, message: &Message) -> Result<(), BrokerError> {
        self.publisher.publish(message).await
    }

    async fn consume(&self, queue: Queue, prefetch: u16, handler: Arc<dyn Handler>, stop: CancellationToken) {
        consumer::Consumer {
            queue,
            prefetch: prefetch.max(1),
            handler,
            link: self.consuming.clone(),
            topology: self.topology.clone(),
            publisher: self.publisher.clone(),
            stop,
            closed: self.closed.clone(),
        }
        .run()
        .await;
    }

    async fn subscribe(&self, pattern: &str) -> Result<Subscription, BrokerError> {
        let pattern = wire::short(pattern, "subscribe")?;
        let (messages, receiver) = mpsc::channel(SUBSCRIBER_BUFFER);
        let (bound, is_bound) = oneshot::channel();
        self.tasks.spawn(subscriber::forward(self.consuming.clone(), pattern, messages, bound, self.closed.clone()));
        // Bound or not yet, the subscription is good: the task goes on trying.
        let _ = tokio::time::timeout(SUBSCRIBE_GRACE, is_bound).await;
        Ok(Subscription(receiver))
    }

    async fn dead_letters(&self, queue: Queue, limit: usize) -> Result<Vec<(Message, String)>, BrokerError> {
        const OPERATION: &str = "dead_letters";
        // Two at once would hide messages from each other.
        let _alone = self.peeking.lock().await;
        let session = self.consuming.session(OPERATION).await?;
        let read = async {
            let channel = session.channel().await?;
            let mut letters = Vec::new();
            let mut unanswered = Vec::new();
            while letters.len() < limit {
                let name = topology::dead_name(queue).as_str().into();
                let Some(got) = channel.basic_get(name, BasicGetOptions::default()).await? else { break };
                letters.push(wire::dead_letter(&got.delivery));
                unanswered.push(got);
            }
            // A closed channel gives everything back.
            channel.close(200, "peeked".into()).await?;
            Ok::<_, lapin::Error>(letters)
        };
        match tokio::time::timeout(ANSWER_TIMEOUT, read).await {
            Ok(read) => read.map_err(|error| BrokerError::new(BrokerErrorKind::Unavailable, OPERATION).because(error)),
            Err(elapsed) => Err(BrokerError::new(BrokerErrorKind::Unavailable, OPERATION).because(elapsed)),
        }
    }

    async fn ping(&self) -> Result<(), BrokerError> {
        const OPERATION: &str = "ping";
        self.publisher.ensure_ready(OPERATION).await?;
        let session = self.consuming.session(OPERATION).await?;
        let answer = async {
            let channel = session.channel().await?;
            channel.close(200, "pinged".into()).await
        };
        match tokio::time::timeout(ANSWER_TIMEOUT, answer).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(BrokerError::new(BrokerErrorKind::Unavailable, OPERATION).because(error)),
            Err(elapsed) => {
                session.give_up("a ping was not answered");
                return Err(BrokerError::new(BrokerErrorKind::Unavailable, OPERATION).because(elapsed));
            }
        }
        match self.topology.mismatch() {
            Some(mismatch) => Err(BrokerError::new(BrokerErrorKind::Topology, OPERATION).because(mismatch)),
            None => Ok(()),
        }
    }

    async fn close(&self) {
        self.closed.cancel();
        self.tasks.close();
        if tokio::time::timeout(CLOSE_TIMEOUT, self.tasks.wait()).await.is_err() {
            tracing::warn!("The connections to RabbitMQ did not close in time");
        }
    }
}
