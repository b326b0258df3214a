use std::{panic::AssertUnwindSafe, pin::Pin, sync::Arc, time::Duration};

use async_trait::async_trait;
use dallosh_broker::{Broker, Delivery, Handler, Message, Outcome, Queue};
use futures::FutureExt;
use lapin::{Connection, ConnectionProperties, options::QueueDeleteOptions};
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Far beyond what anything should take on a busy machine; only a failing test waits this long.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A broker with one work queue that no other test knows.
pub struct Fixture {
    pub broker: Broker,
    pub queue: Queue,
    /// The routing key that leads to the queue.
    pub key: &'static str,
}

pub fn unique(prefix: &str) -> String {
    format!("{prefix}-{}", Uuid::new_v4().simple())
}

pub fn unique_queue() -> (Queue, &'static str) {
    let key: &'static str = unique("work").leak();
    let bindings: &'static [&'static str] = vec![key].leak();
    (Queue { name: unique("test").leak(), bindings }, key)
}

pub fn amqp_url() -> String {
    #[expect(clippy::disallowed_methods, reason = "tests have no configuration but this")]
    std::env::var("DALLOSH_TEST_AMQP_URL").expect("set DALLOSH_TEST_AMQP_URL or run `make test`, which starts a server")
}

pub async fn on_memory<T: Future<Output = ()>>(case: impl FnOnce(Arc<Fixture>) -> T) {
    let (queue, key) = unique_queue();
    let broker = Broker::open("memory://", &[queue]).await.unwrap();
    case(Arc::new(Fixture { broker, queue, key })).await;
}

pub async fn on_rabbitmq<T: Future<Output = ()>>(case: impl FnOnce(Arc<Fixture>) -> T) {
    let url = amqp_url();
    let fixture = Arc::new(Fixture::open(&url).await);
    let result = AssertUnwindSafe(case(fixture.clone())).catch_unwind().await;
    fixture.broker.close().await;
    delete_queues(&url, &[fixture.queue]).await;
    if let Err(panic) = result {
        std::panic::resume_unwind(panic);
    }
}

pub async fn delete_queues(url: &str, queues: &[Queue]) {
    let connection = Connection::connect(url, ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    for queue in queues {
        for name in [queue.name.to_owned(), format!("{}.dead", queue.name)] {
            channel.queue_delete(name.as_str().into(), QueueDeleteOptions::default()).await.unwrap();
        }
    }
    connection.close(200, "OK".into()).await.unwrap();
}

/// Asks again and again until there is an answer.
pub async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.unwrap_or_else(|_| panic!("{what} did not happen"))
}

impl Fixture {
    pub async fn open(url: &str) -> Self {
        let (queue, key) = unique_queue();
        let broker = Broker::open(url, &[queue]).await.unwrap();
        eventually("a connection", async || broker.ping().await.ok()).await;
        Self { broker, queue, key }
    }

    pub fn message(&self, body: &str) -> Message {
        Message {
            routing_key: self.key.to_owned(),
            body: body.to_owned().into(),
            id: Uuid::new_v4().to_string(),
            traceparent: None,
        }
    }

    pub async fn publish(&self, body: &str) -> Message {
        let message = self.message(body);
        self.broker.publish(&message).await.unwrap();
        message
    }

    /// Consumes with a handler that answers at once.
    pub fn consume(&self, prefetch: u16, answer: impl Fn(&Delivery) -> Outcome + Send + Sync + 'static) -> Consuming {
        self.consume_slowly(prefetch, move |delivery| {
            let outcome = answer(&delivery);
            async move { outcome }.boxed()
        })
    }

    /// Consumes with a handler that takes its time.
    pub fn consume_slowly(
        &self,
        prefetch: u16,
        answer: impl Fn(Delivery) -> Pin<Box<dyn Future<Output = Outcome> + Send>> + Send + Sync + 'static,
    ) -> Consuming {
        let (sender, seen) = mpsc::unbounded_channel();
        let handler = Arc::new(Recorder { seen: sender, answer });
        let stop = CancellationToken::new();
        let (broker, queue, token) = (self.broker.clone(), self.queue, stop.clone());
        let task = tokio::spawn(async move { broker.consume(queue, prefetch, handler, token).await });
        Consuming { seen, stop, task }
    }

    pub fn consume_all(&self) -> Consuming {
        self.consume(8, |_| Outcome::Ack)
    }

    pub async fn dead_letters(&self, expected: usize) -> Vec<(Message, String)> {
        eventually("a dead letter", async || {
            let letters = self.broker.dead_letters(self.queue, 10).await.unwrap();
            (letters.len() >= expected).then_some(letters)
        })
        .await
    }
}

struct Recorder<F> {
    seen: mpsc::UnboundedSender<Delivery>,
    answer: F,
}

#[async_trait]
impl<F> Handler for Recorder<F>
where
    F: Fn(Delivery) -> Pin<Box<dyn Future<Output = Outcome> + Send>> + Send + Sync,
{
    async fn handle(&self, delivery: Delivery) -> Outcome {
        // The test may be through with looking.
        let _ = self.seen.send(delivery.clone());
        (self.answer)(delivery).await
    }
}

/// A consumer at work, and what its handler saw.
pub struct Consuming {
    pub seen: mpsc::UnboundedReceiver<Delivery>,
    pub stop: CancellationToken,
    pub task: JoinHandle<()>,
}

impl Consuming {
    pub async fn next(&mut self) -> Delivery {
        tokio::time::timeout(PATIENCE, self.seen.recv()).await.expect("nothing was delivered").unwrap()
    }

    /// Whether nothing more arrives for a while.
    pub async fn is_idle(&mut self) -> bool {
        tokio::time::timeout(Duration::from_millis(300), self.seen.recv()).await.is_err()
    }

    pub async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.task).await.expect("the consumer did not stop").unwrap();
    }
}
