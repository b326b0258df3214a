use std::sync::Arc;

use async_trait::async_trait;
use dallosh_broker::{Delivery, Handler, Outcome, Queue};
use dallosh_contracts::{HandleProcess, ProceedTask, RetryStep};
use dallosh_jobs::Worker;
use dallosh_service_kit::{RequestContext, current_request, traced};
use serde::de::DeserializeOwned;

/// The work queues, declared by whoever opens the broker. Control has its own, so that a stop never waits behind
/// hundreds of starts.
pub const QUEUES: [Queue; 2] = [
    Queue { name: "worker.commands", bindings: &["proceed_task", "retry_step"] },
    Queue { name: "worker.control", bindings: &["handle_process"] },
];

/// Takes messages as what they are: hints to look at the documents. Paths and steps in them are never believed.
pub struct Hints(pub Arc<Worker>);

#[async_trait]
impl Handler for Hints {
    async fn handle(&self, delivery: Delivery) -> Outcome {
        let message = &delivery.message;
        // What the worker does next belongs to the trace of whoever wrote the document.
        traced(message.traceparent.as_deref(), async {
            let RequestContext { traceparent, .. } = current_request();
            tracing::debug!(messaging.routing_key = message.routing_key, traceparent, "hint");
            match self.understand(&message.routing_key, &message.body) {
                Ok(()) => Outcome::Ack,
                Err(reason) => Outcome::DeadLetter(reason),
            }
        })
        .await
    }
}

impl Hints {
    fn understand(&self, routing_key: &str, body: &[u8]) -> Result<(), String> {
        match routing_key {
            "proceed_task" => read::<ProceedTask>(body).map(|_| self.0.wake()),
            "retry_step" => read::<RetryStep>(body).map(|_| self.0.wake()),
            "handle_process" => read::<HandleProcess>(body).map(|message| {
                self.0.poke(message.task_id);
                self.0.wake();
            }),
            other => Err(format!("no message has the routing key `{other}`")),
        }
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| format!("the body does not fit its schema: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_that_does_not_fit_its_schema_is_refused_with_a_reason() {
        for body in ["", "{", "[]", "{}", "{\"task_id\": \"x\"}", "null", "\u{feff}{}"] {
            assert!(read::<ProceedTask>(body.as_bytes()).is_err(), "{body}");
            assert!(read::<HandleProcess>(body.as_bytes()).is_err(), "{body}");
        }
    }
}
