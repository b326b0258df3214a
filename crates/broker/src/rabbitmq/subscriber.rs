use futures::StreamExt;
use lapin::{
    Channel, Consumer,
    options::{BasicConsumeOptions, QueueBindOptions, QueueDeclareOptions},
    types::{FieldTable, ShortString},
};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::{
    ANSWER_TIMEOUT,
    link::{Backoff, Link, Session},
    topology, wire,
};
use crate::Message;

/// Forwards what fits the pattern, over as many connections as it takes, until the subscriber is gone.
pub(super) async fn forward(
    link: Link,
    pattern: ShortString,
    messages: mpsc::Sender<Message>,
    bound: oneshot::Sender<()>,
    closed: CancellationToken,
) {
    let forwarding = async {
        let mut bound = Some(bound);
        let mut backoff = Backoff::default();
        while let Some(session) = link.up().await {
            match tokio::time::timeout(ANSWER_TIMEOUT, bind(&session, pattern.clone())).await {
                Ok(Ok((_channel, mut stream))) => {
                    if let Some(bound) = bound.take() {
                        // Nobody waits any more when it took too long.
                        let _ = bound.send(());
                    }
                    backoff.reset();
                    while let Some(Ok(delivery)) = stream.next().await {
                        if let Err(mpsc::error::TrySendError::Full(_)) = messages.try_send(wire::message(&delivery)) {
                            tracing::debug!(%pattern, "A slow subscriber lost a message");
                        }
                    }
                    tracing::debug!(%pattern, "A subscription broke; it is made again");
                }
                Ok(Err(error)) => tracing::debug!(%pattern, %error, "A subscription could not be made yet"),
                Err(_) => session.give_up("a subscription was not answered"),
            }
            backoff.wait().await;
        }
    };
    tokio::select! {
        () = closed.cancelled() => {}
        () = messages.closed() => {}
        () = forwarding => {}
    }
}

async fn bind(session: &Session, pattern: ShortString) -> Result<(Channel, Consumer), lapin::Error> {
    let channel = session.channel().await?;
    topology::declare_exchange(&channel).await?;
    let own = QueueDeclareOptions { exclusive: true, auto_delete: true, ..QueueDeclareOptions::default() };
    let queue = channel.queue_declare("".into(), own, FieldTable::default()).await?;
    let (name, exchange) = (queue.name().clone(), topology::EXCHANGE.into());
    channel.queue_bind(name.clone(), exchange, pattern, QueueBindOptions::default(), FieldTable::default()).await?;
    let unanswered = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
    let stream = channel.basic_consume(name, "".into(), unanswered, FieldTable::default()).await?;
    Ok((channel, stream))
}
