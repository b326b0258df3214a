use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::StreamExt;
use lapin::{
    Channel, Consumer as Stream,
    message::Delivery as LapinDelivery,
    options::{
        BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions,
        QueueDeclareOptions,
    },
    types::FieldTable,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use super::{
    ANSWER_TIMEOUT,
    link::{Backoff, Link, MISMATCH_RETRY, Session},
    publisher::Publisher,
    topology::{DeclareError, Topology},
    wire,
};
use crate::{Handler, Outcome, Queue, work};

/// How long a message is held back whose dead letter could not be written.
const BURIAL_HOLD: Duration = Duration::from_secs(1);

/// The shortest time between the loss of a consumer and the next one, so that the other consumers of a deleted queue
/// have heard of it before it is declared again.
const LOST_PAUSE: Duration = Duration::from_millis(200);

/// How often a consumer without deliveries asks whether it still is one.
const PROBE: Duration = Duration::from_millis(1500);

/// Consumes one work queue, over as many connections as it takes.
pub(super) struct Consumer {
    pub(super) queue: Queue,
    pub(super) prefetch: u16,
    pub(super) handler: Arc<dyn Handler>,
    pub(super) link: Link,
    pub(super) topology: Arc<Topology>,
    pub(super) publisher: Arc<Publisher>,
    pub(super) stop: CancellationToken,
    pub(super) closed: CancellationToken,
}

/// What the broker could deliver and did.
#[derive(Default)]
struct Progress {
    hungry: AtomicBool,
    delivered: AtomicU64,
}

enum End {
    Stopped,
    Lost(String),
    Mismatch,
}

impl From<DeclareError> for End {
    fn from(error: DeclareError) -> Self {
        match error {
            DeclareError::Mismatch => Self::Mismatch,
            DeclareError::Failed(error) => error.into(),
        }
    }
}

impl From<lapin::Error> for End {
    fn from(error: lapin::Error) -> Self {
        Self::Lost(error.to_string())
    }
}

impl Consumer {
    pub(super) async fn run(self) {
        // Outlives the channels, so that the bound holds while handlers of a lost channel still run.
        let slots = Arc::new(Semaphore::new(usize::from(self.prefetch)));
        let mut work = JoinSet::new();
        let mut backoff = Backoff::default();
        while let Some(session) = self.unless_ended(self.link.up()).await.flatten() {
            let end = match self.open(&session).await {
                Ok((channel, stream)) => {
                    tracing::debug!(queue = self.queue.name, "Consuming");
                    backoff.reset();
                    self.serve(&session, channel, stream, &slots, &mut work).await
                }
                Err(end) => end,
            };
            match end {
                End::Stopped => break,
                End::Lost(cause) => {
                    tracing::warn!(queue = self.queue.name, cause, "A consumer broke; it is made again");
                    let pause = async {
                        tokio::time::sleep(LOST_PAUSE).await;
                        backoff.wait().await;
                    };
                    self.unless_ended(pause).await;
                }
                End::Mismatch => {
                    self.unless_ended(tokio::time::sleep(MISMATCH_RETRY)).await;
                }
            }
        }
        while work.join_next().await.is_some() {}
    }

    async fn open(&self, session: &Session) -> Result<(Channel, Stream), End> {
        let opening = async {
            let channel = session.channel().await?;
            self.topology.declare(&channel, self.queue).await?;
            // Before consuming: lapin's buffer has no bound of its own.
            channel.basic_qos(self.prefetch, BasicQosOptions::default()).await?;
            let options = BasicConsumeOptions::default();
            let stream =
                channel.basic_consume(self.queue.name.into(), "".into(), options, FieldTable::default()).await?;
            Ok((channel, stream))
        };
        tokio::time::timeout(ANSWER_TIMEOUT, opening).await.unwrap_or_else(|_| {
            session.give_up("a consumer was not answered");
            Err(End::Lost("no answer".to_owned()))
        })
    }

    async fn serve(
        &self,
        session: &Session,
        channel: Channel,
        mut stream: Stream,
        slots: &Arc<Semaphore>,
        work: &mut JoinSet<()>,
    ) -> End {
        // Cancelled when an answer does not get through, and when this channel is left: what is held back then goes back.
        let lost = CancellationToken::new();
        let _leave = lost.clone().drop_guard();
        let progress = Progress::default();
        let mut forgotten = std::pin::pin!(self.forgotten(session, &progress));
        let mut redeclared = std::pin::pin!(self.topology.redeclared(self.queue));
        loop {
            let next = async {
                progress.hungry.store(false, Ordering::Relaxed);
                let slot = slots.clone().acquire_owned().await.ok();
                progress.hungry.store(true, Ordering::Relaxed);
                (slot, stream.next().await)
            };
            tokio::select! {
                biased;
                () = self.ended() => break,
                () = session.ended() => return End::Lost("the connection was lost".to_owned()),
                () = lost.cancelled() => return End::Lost("an answer did not get through".to_owned()),
                cause = &mut forgotten => return End::Lost(cause),
                () = &mut redeclared => return End::Lost("the queue was declared again".to_owned()),
                Some(_) = work.join_next() => {}
                (slot, delivery) = next => match delivery {
                    Some(Ok(delivery)) => {
                        progress.delivered.fetch_add(1, Ordering::Relaxed);
                        work.spawn(self.work(delivery, slot, lost.clone()));
                    }
                    Some(Err(error)) => return error.into(),
                    None => return End::Lost("the broker cancelled the consumer".to_owned()),
                },
            }
        }
        let goodbye = async {
            channel.basic_cancel(stream.tag(), BasicCancelOptions::default()).await?;
            // Not before the broker knows of the stop: it would send them here again, and count that as a delivery.
            lost.cancel();
            while work.join_next().await.is_some() {}
            channel.close(200, "OK".into()).await
        };
        if let Err(error) = goodbye.await {
            tracing::debug!(queue = self.queue.name, %error, "A consumer ended without a goodbye");
        }
        End::Stopped
    }

    /// Resolves when the broker has forgotten this consumer, with how that showed.
    ///
    /// Usually it cancels the consumers of a deleted queue. But when somebody declares the queue again at once, they
    /// may never hear of it: connection and channel look well, and nothing is delivered.
    async fn forgotten(&self, session: &Session, progress: &Progress) -> String {
        let mut channel = None;
        let mut before = progress.delivered.load(Ordering::Relaxed);
        let mut suspected = false;
        loop {
            tokio::time::sleep(PROBE).await;
            let probing = async {
                let channel = match channel.take() {
                    Some(channel) => channel,
                    None => session.channel().await?,
                };
                let passive = QueueDeclareOptions::durable().passive();
                let queue = channel.queue_declare(self.queue.name.into(), passive, FieldTable::default()).await?;
                Ok::<_, lapin::Error>((channel, queue))
            };
            match tokio::time::timeout(ANSWER_TIMEOUT, probing).await {
                Ok(Ok((probed, queue))) => {
                    channel = Some(probed);
                    let now = progress.delivered.load(Ordering::Relaxed);
                    let idle = now == before && progress.hungry.load(Ordering::Relaxed);
                    before = now;
                    let suspicious = idle && (queue.consumer_count() == 0 || queue.message_count() > 0);
                    // The counts lag a little, most of all after a restart.
                    if suspicious && suspected {
                        return "the broker has forgotten the consumer".to_owned();
                    }
                    suspected = suspicious;
                }
                Ok(Err(error)) => return error.to_string(),
                Err(_) => {
                    session.give_up("a probe was not answered");
                    return "no answer".to_owned();
                }
            }
        }
    }

    /// Handles one delivery and answers it.
    fn work(
        &self,
        delivery: LapinDelivery,
        slot: Option<OwnedSemaphorePermit>,
        lost: CancellationToken,
    ) -> impl Future<Output = ()> + Send + 'static {
        let (queue, handler, publisher) = (self.queue, self.handler.clone(), self.publisher.clone());
        async move {
            let _slot = slot;
            let incoming = wire::delivery(&delivery);
            let message = incoming.message.clone();
            let retry = BasicNackOptions { requeue: true, ..BasicNackOptions::default() };
            let answered = match work::ask(handler.as_ref(), incoming).await {
                Outcome::Ack => delivery.ack(BasicAckOptions::default()).await,
                Outcome::RetryAfter(pause) => {
                    work::hold(pause, lost.cancelled()).await;
                    delivery.nack(retry).await
                }
                Outcome::DeadLetter(reason) => match publisher.bury(queue, &message, &reason).await {
                    Ok(()) => {
                        tracing::warn!(queue = queue.name, message.id, reason, "A message became a dead letter");
                        delivery.ack(BasicAckOptions::default()).await
                    }
                    Err(error) => {
                        tracing::warn!(queue = queue.name, message.id, reason, %error, "A dead letter was not taken");
                        work::hold(BURIAL_HOLD, lost.cancelled()).await;
                        delivery.nack(retry).await
                    }
                },
            };
            // Even true says only that the frame was written; anything else, that the message will come again.
            if !matches!(answered, Ok(true)) {
                lost.cancel();
            }
        }
    }

    async fn ended(&self) {
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = self.closed.cancelled() => {}
        }
    }

    async fn unless_ended<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.ended() => None,
            value = future => Some(value),
        }
    }
}
