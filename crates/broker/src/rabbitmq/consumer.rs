use std::{sync::Arc, time::Duration};

use futures::StreamExt;
use lapin::{
    Channel, Consumer as Stream,
    message::Delivery as LapinDelivery,
    options::{BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions},
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
                    self.unless_ended(backoff.wait()).await;
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
        // Cancelled when an answer does not get through, and when this channel is left.
        let lost = CancellationToken::new();
        let _leave = lost.clone().drop_guard();
        loop {
            let next = async {
                let slot = slots.clone().acquire_owned().await.ok();
                (slot, stream.next().await)
            };
            tokio::select! {
                biased;
                () = self.ended() => break,
                () = session.ended() => return End::Lost("the connection was lost".to_owned()),
                () = lost.cancelled() => return End::Lost("an answer did not get through".to_owned()),
                Some(_) = work.join_next() => {}
                (slot, delivery) = next => match delivery {
                    Some(Ok(delivery)) => {
                        work.spawn(self.work(delivery, slot, lost.clone()));
                    }
                    Some(Err(error)) => return error.into(),
                    None => return End::Lost("the broker cancelled the consumer".to_owned()),
                },
            }
        }
        let goodbye = async {
            channel.basic_cancel(stream.tag(), BasicCancelOptions::default()).await?;
            while work.join_next().await.is_some() {}
            channel.close(200, "OK".into()).await
        };
        if let Err(error) = goodbye.await {
            tracing::debug!(queue = self.queue.name, %error, "A consumer ended without a goodbye");
        }
        End::Stopped
    }

    /// Handles one delivery and answers it.
    fn work(
        &self,
        delivery: LapinDelivery,
        slot: Option<OwnedSemaphorePermit>,
        lost: CancellationToken,
    ) -> impl Future<Output = ()> + Send + 'static {
        let (queue, handler, publisher) = (self.queue, self.handler.clone(), self.publisher.clone());
        let (stop, closed) = (self.stop.clone(), self.closed.clone());
        async move {
            let _slot = slot;
            let incoming = wire::delivery(&delivery);
            let message = incoming.message.clone();
            let cut = async {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = closed.cancelled() => {}
                    () = lost.cancelled() => {}
                }
            };
            let retry = BasicNackOptions { requeue: true, ..BasicNackOptions::default() };
            let answered = match work::ask(handler.as_ref(), incoming).await {
                Outcome::Ack => delivery.ack(BasicAckOptions::default()).await,
                Outcome::RetryAfter(pause) => {
                    work::hold(pause, cut).await;
                    delivery.nack(retry).await
                }
                Outcome::DeadLetter(reason) => match publisher.bury(queue, &message, &reason).await {
                    Ok(()) => {
                        tracing::warn!(queue = queue.name, message.id, reason, "A message became a dead letter");
                        delivery.ack(BasicAckOptions::default()).await
                    }
                    Err(error) => {
                        tracing::warn!(queue = queue.name, message.id, reason, %error, "A dead letter was not taken");
                        work::hold(BURIAL_HOLD, cut).await;
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
