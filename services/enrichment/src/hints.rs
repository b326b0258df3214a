use std::sync::Arc;

use async_trait::async_trait;
use dallosh_broker::{Delivery, Handler, Outcome, Queue};
use dallosh_contracts::{HandleProcess, ProceedTask, RetryStep};
use dallosh_jobs::Worker;
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
        let body = &delivery.message.body;
        let understood = match delivery.message.routing_key.as_str() {
            "proceed_task" => read::<ProceedTask>(body).map(|_| self.0.wake()),
            "retry_step" => read::<RetryStep>(body).map(|_| self.0.wake()),
            "handle_process" => read::<HandleProcess>(body).map(|message| {
                self.0.poke(message.task_id);
                self.0.wake();
            }),
            other => Err(format!("no message has the routing key `{other}`")),
        };
        match understood {
            Ok(()) => Outcome::Ack,
            Err(reason) => Outcome::DeadLetter(reason),
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
