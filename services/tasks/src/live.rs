use std::time::Duration;

use dallosh_broker::Broker;
use dallosh_contracts::TaskEvent;
use dallosh_primitives::Uid;
use dallosh_service_kit::Worker;
use tokio::sync::broadcast;

/// Tells streams that a task has news. Only a hint: who missed it looks at the log a little later anyway.
#[derive(Clone)]
pub struct Live(broadcast::Sender<Uid>);

impl Live {
    pub fn new() -> Self {
        Self(broadcast::channel(1024).0)
    }

    /// The worker that listens to the broker, one subscription for all streams of this process.
    pub fn worker(&self, broker: Broker) -> Worker {
        let sender = self.0.clone();
        Box::new(move |stop| {
            Box::pin(async move {
                while !stop.is_cancelled() {
                    if let Ok(mut subscription) = broker.subscribe("*.*").await {
                        loop {
                            let message = tokio::select! {
                                () = stop.cancelled() => return,
                                message = subscription.next() => message,
                            };
                            let Some(message) = message else { break };
                            if let Ok(event) = serde_json::from_slice::<TaskEvent>(&message.body) {
                                let _ = sender.send(event.task_id);
                            }
                        }
                    }
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = tokio::time::sleep(Duration::from_secs(1)) => {}
                    }
                }
            })
        })
    }

    /// The news from now on.
    pub fn listen(&self) -> broadcast::Receiver<Uid> {
        self.0.subscribe()
    }
}
