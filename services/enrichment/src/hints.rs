use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use dallosh_broker::{Delivery, Handler, Message, Outcome, Queue};
use dallosh_contracts::{HandleProcess, ProceedTask, ProcessEvent, RetryStep};
use dallosh_jobs::{Command, Engine, JobError, Order, Ordered, Worker};
use dallosh_primitives::Uid;
use dallosh_service_kit::{RequestContext, current_request, traced};
use serde::de::DeserializeOwned;

/// The work queues, declared by whoever opens the broker. Control has its own, so that a stop never waits behind
/// hundreds of starts.
pub const QUEUES: [Queue; 2] = [
    Queue { name: "worker.commands", bindings: &["proceed_task", "retry_step"] },
    Queue { name: "worker.control", bindings: &["handle_process"] },
];

/// How soon an order comes again that could not be written.
const AGAIN: Duration = Duration::from_secs(1);

/// Takes messages. Those of the tasks service say what is in the documents already and only wake the worker; one from
/// elsewhere is an order, judged by the document as a REST call is. Paths in messages are never believed.
pub struct Hints {
    pub worker: Arc<Worker>,
    pub engine: Engine,
}

/// What a message is about.
struct Understood {
    task: Uid,
    file: Uid,
    revision: Option<i64>,
    /// None for a mere hint.
    command: Option<Command>,
}

#[async_trait]
impl Handler for Hints {
    async fn handle(&self, delivery: Delivery) -> Outcome {
        let message = &delivery.message;
        // What the worker does next belongs to the trace of whoever wrote the document.
        traced(message.traceparent.as_deref(), async {
            let RequestContext { traceparent, .. } = current_request();
            tracing::debug!(messaging.routing_key = message.routing_key, traceparent, "hint");
            let understood = match self.understand(&message.routing_key, &message.body) {
                Ok(understood) => understood,
                Err(reason) => return Outcome::DeadLetter(reason),
            };
            let task = understood.task;
            let outcome = self.carry_out(understood, message).await;
            self.worker.poke(task);
            self.worker.wake();
            outcome
        })
        .await
    }
}

impl Hints {
    fn understand(&self, routing_key: &str, body: &[u8]) -> Result<Understood, String> {
        match routing_key {
            "proceed_task" => {
                let ProceedTask { task_id: task, file_id: file, revision, file_path: _ } = read(body)?;
                Ok(Understood { task, file, revision, command: None })
            }
            "retry_step" => {
                let RetryStep { task_id: task, file_id: file, revision, last_event_step, file_path: _ } = read(body)?;
                let kind = self.engine.kind();
                let last = last_event_step.and_then(|step| kind.position(step.as_str()));
                let next = last.and_then(|last| kind.steps.get(last.saturating_add(1)));
                let from_step = next.map(|step| (*step).to_owned());
                Ok(Understood { task, file, revision, command: Some(Command::Retry { from_step, failed: false }) })
            }
            "handle_process" => {
                let HandleProcess { task_id: task, file_id: file, revision, event } = read(body)?;
                let command = match event {
                    ProcessEvent::Pause => Command::Pause,
                    ProcessEvent::Resume => Command::Resume,
                    ProcessEvent::Stop => Command::Stop,
                };
                Ok(Understood { task, file, revision, command: Some(command) })
            }
            other => Err(format!("no message has the routing key `{other}`")),
        }
    }

    async fn carry_out(&self, understood: Understood, message: &Message) -> Outcome {
        let Understood { task, file, revision, command } = understood;
        let Some(command) = command else { return Outcome::Ack };
        let order = Order { id: &message.id, subject: file, revision };
        let (what, id) = (command.name(), &message.id);
        match self.engine.order(task, &command, &order).await {
            Ok(Ordered::Done) => tracing::info!(task.id = %task, message.id = id, what, "an order was carried out"),
            Ok(Ordered::Refused(illegal)) if revision.is_none() => {
                let state = illegal.state.as_str();
                tracing::warn!(task.id = %task, message.id = id, what, state, "an order makes no sense in this state");
            }
            Ok(Ordered::Occupied) if revision.is_none() => {
                tracing::warn!(task.id = %task, message.id = id, what, "another task works on the file already");
            }
            Ok(came_to) => {
                tracing::debug!(task.id = %task, message.id = id, what, ?came_to, "an order changes nothing");
            }
            Err(JobError::NotFound) => {
                tracing::warn!(task.id = %task, file.id = %file, message.id = id, what, "an order for no such task");
            }
            // A hint of our own is found by the timer; anybody else's order would be lost.
            Err(error) if revision.is_some() => tracing::debug!(task.id = %task, %error, "a hint was not looked up"),
            Err(error) => {
                tracing::warn!(task.id = %task, message.id = id, what, %error, "an order waits for the database");
                return Outcome::RetryAfter(AGAIN);
            }
        }
        Outcome::Ack
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| format!("the body does not fit its schema: {error}"))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use dallosh_broker::Broker;
    use dallosh_jobs::{Job, JobContext, Kind, NewJob, Pipeline, State, StepError, StepOutcome, WorkerConfig};
    use dallosh_primitives::SystemClock;
    use dallosh_store::Store;
    use serde_json::{Map, Value, json};
    use tempfile::TempDir;
    use tokio_util::sync::CancellationToken;

    use super::*;

    const KIND: Kind = Kind {
        name: "test",
        steps: &["reading_dataset", "process_cleaning", "sending_to_llm", "appending_columns", "saving_file"],
        units_step: "sending_to_llm",
    };

    /// No worker runs here: what changes, messages change.
    struct Nothing;

    #[async_trait]
    impl Pipeline for Nothing {
        async fn run(&self, _: &'static str, _: &Arc<JobContext>) -> StepOutcome {
            Err(StepError::Interrupted)
        }

        async fn is_intact(&self, _: &'static str, _: &Value, _: &JobContext) -> Result<bool, StepError> {
            Ok(true)
        }
    }

    struct Counted {
        hints: Hints,
        seen: Arc<AtomicUsize>,
    }

    #[async_trait]
    impl Handler for Counted {
        async fn handle(&self, delivery: Delivery) -> Outcome {
            self.seen.fetch_add(1, Ordering::SeqCst);
            self.hints.handle(delivery).await
        }
    }

    struct Bench {
        engine: Engine,
        broker: Broker,
        seen: Arc<AtomicUsize>,
        stop: CancellationToken,
        _folder: TempDir,
    }

    impl Drop for Bench {
        fn drop(&mut self) {
            self.stop.cancel();
        }
    }

    impl Bench {
        async fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let clock = Arc::new(SystemClock);
            let url = format!("sqlite://{}", folder.path().join("test.db").display());
            let store = Store::open(&url, clock.clone()).await.unwrap();
            let broker = Broker::open("memory://", &QUEUES).await.unwrap();
            let engine = Engine::open(KIND, &store, broker.clone(), clock).await.unwrap();
            let config = WorkerConfig {
                instance: "w".into(),
                lease: Duration::from_secs(30),
                max_parallel: 1,
                max_per_owner: 1,
            };
            let worker = Arc::new(Worker::new(engine.clone(), Arc::new(Nothing), config));
            let (seen, stop) = (Arc::new(AtomicUsize::new(0)), CancellationToken::new());
            for queue in QUEUES {
                let hints = Hints { worker: worker.clone(), engine: engine.clone() };
                let (broker, stop) = (broker.clone(), stop.clone());
                let handler = Arc::new(Counted { hints, seen: seen.clone() });
                // One after the other, so that what a message did is seen once the next one did something.
                tokio::spawn(async move { broker.consume(queue, 1, handler, stop).await });
            }
            Self { engine, broker, seen, stop, _folder: folder }
        }

        async fn job(&self) -> Job {
            let new = NewJob {
                owner: Uid::new(),
                subject: Uid::new(),
                priority: 0,
                input: Value::Null,
                details: Map::new(),
                budget: None,
            };
            let job = self.engine.create(new, "test").await.unwrap();
            self.engine.command(job.uid, &Command::Start, "test").await.unwrap();
            // What moves events to the log changes the document too; it has to be over.
            loop {
                let job = self.find(&job).await;
                if job.data.outbox.is_empty() {
                    return job;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }

        async fn find(&self, job: &Job) -> Job {
            self.engine.find(job.uid).await.unwrap().unwrap()
        }

        async fn send(&self, routing_key: &str, id: &str, body: impl Into<Vec<u8>>) {
            let body = body.into().into();
            let message = Message { routing_key: routing_key.to_owned(), body, id: id.to_owned(), traceparent: None };
            self.broker.publish(&message).await.unwrap();
        }

        async fn tell(&self, job: &Job, event: &str, id: &str) {
            let body = json!({ "task_id": job.uid, "file_id": job.data.subject, "event": event });
            self.send("handle_process", id, body.to_string()).await;
        }

        async fn becomes(&self, job: &Job, state: State) {
            let arrives = async {
                while self.find(job).await.data.control.state != state {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            let waited = tokio::time::timeout(Duration::from_secs(20), arrives).await;
            assert!(waited.is_ok(), "it is {:?}", self.find(job).await.data.control.state);
        }

        /// Returns once every message that was sent before is done with.
        async fn settled(&self) {
            let marker = self.job().await;
            self.tell(&marker, "stop", "").await;
            self.becomes(&marker, State::Stopped).await;
        }

        async fn dead_letters(&self) -> Vec<(Message, String)> {
            let mut all = Vec::new();
            for queue in QUEUES {
                all.extend(self.broker.dead_letters(queue, 100).await.unwrap());
            }
            all
        }
    }

    #[tokio::test]
    async fn a_message_without_a_revision_is_an_order() {
        let bench = Bench::new().await;
        let job = bench.job().await;
        for (event, state) in [("pause", State::Paused), ("resume", State::InQueue), ("stop", State::Stopped)] {
            bench.tell(&job, event, "").await;
            bench.becomes(&job, state).await;
        }
        let body = json!({ "task_id": job.uid, "file_id": job.data.subject, "file_path": "/etc/passwd", "last_event_step": "appending_collumns" });
        bench.send("retry_step", "", body.to_string()).await;
        bench.becomes(&job, State::InQueue).await;
        assert!(bench.dead_letters().await.is_empty());
    }

    #[tokio::test]
    async fn an_order_that_comes_again_changes_nothing_the_second_time() {
        let bench = Bench::new().await;
        let job = bench.job().await;
        bench.tell(&job, "resume", "too early").await;
        bench.tell(&job, "pause", "first").await;
        bench.becomes(&job, State::Paused).await;
        bench.tell(&job, "resume", "second").await;
        bench.becomes(&job, State::InQueue).await;
        bench.tell(&job, "pause", "first").await;
        bench.settled().await;
        assert_eq!(bench.find(&job).await.data.control.state, State::InQueue);
        // It changed nothing when it came first, so it does not when it comes again.
        bench.tell(&job, "pause", "third").await;
        bench.becomes(&job, State::Paused).await;
        bench.tell(&job, "resume", "too early").await;
        bench.settled().await;
        assert_eq!(bench.find(&job).await.data.control.state, State::Paused);
    }

    #[tokio::test]
    async fn a_message_with_a_revision_counts_only_while_the_task_has_it() {
        let bench = Bench::new().await;
        let job = bench.job().await;
        let pause = |revision: i64| json!({ "task_id": job.uid, "file_id": job.data.subject, "event": "pause", "revision": revision });
        bench.send("handle_process", "a", pause(job.revision - 1).to_string()).await;
        bench.settled().await;
        assert_eq!(bench.find(&job).await, job);
        bench.send("handle_process", "b", pause(job.revision).to_string()).await;
        bench.becomes(&job, State::Paused).await;
    }

    #[tokio::test]
    async fn an_order_that_makes_no_sense_is_acknowledged_and_changes_nothing() {
        let bench = Bench::new().await;
        let job = bench.job().await;
        let stranger = Uid::new();
        bench.engine.command(job.uid, &Command::Stop, "test").await.unwrap();
        for (task, file, event) in [
            (job.uid, job.data.subject, "pause"),
            (job.uid, job.data.subject, "resume"),
            (job.uid, stranger, "stop"),
            (stranger, job.data.subject, "stop"),
        ] {
            let body = json!({ "task_id": task, "file_id": file, "event": event });
            bench.send("handle_process", "", body.to_string()).await;
        }
        bench.settled().await;
        assert_eq!(bench.find(&job).await.data.control.state, State::Stopped);
        assert!(bench.dead_letters().await.is_empty());
        assert_eq!(bench.seen.load(Ordering::SeqCst), 5, "a message was delivered again");
    }

    #[tokio::test]
    async fn a_retry_is_judged_by_the_record_and_not_by_the_step_in_the_message() {
        let bench = Bench::new().await;
        let job = bench.job().await;
        let body = |step: Value| json!({ "task_id": job.uid, "file_id": job.data.subject, "file_path": "", "last_event_step": step });
        for step in [json!("saving_file"), json!("done"), json!("reading_dataset"), Value::Null] {
            bench.engine.command(job.uid, &Command::Stop, "test").await.unwrap();
            bench.send("retry_step", "", body(step).to_string()).await;
            bench.becomes(&job, State::InQueue).await;
            assert!(bench.find(&job).await.data.control.completed.is_empty(), "a step is taken for complete");
        }
    }

    #[test]
    fn a_body_that_does_not_fit_its_schema_is_refused_with_a_reason() {
        for body in ["", "{", "[]", "{}", "{\"task_id\": \"x\"}", "null", "\u{feff}{}"] {
            assert!(read::<ProceedTask>(body.as_bytes()).is_err(), "{body}");
            assert!(read::<HandleProcess>(body.as_bytes()).is_err(), "{body}");
        }
    }
}
