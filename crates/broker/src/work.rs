use std::{any::Any, panic::AssertUnwindSafe, time::Duration};

use dallosh_failpoints::Failpoint;
use futures::FutureExt;

use crate::{Delivery, Handler, Outcome};

/// How often a message comes again before it is given up: it is delivered once more than this.
pub(crate) const DELIVERY_LIMIT: u32 = 5;

/// The reason in the dead-letter queue of a message that was given up.
pub(crate) const DELIVERY_LIMIT_REASON: &str = "delivery_limit";

/// The longest time that a delivery is held back before it comes again.
const MAX_HOLD: Duration = Duration::from_secs(30);

/// How long a delivery is held back whose handler panicked.
const PANIC_HOLD: Duration = Duration::from_secs(1);

/// How many messages a subscriber may be behind before it loses some.
pub(crate) const SUBSCRIBER_BUFFER: usize = 1024;

/// Asks the handler; a panic in it is a retry, never a dead consumer.
pub(crate) async fn ask(handler: &dyn Handler, delivery: Delivery) -> Outcome {
    let id = delivery.message.id.clone();
    let answer = async {
        let outcome = handler.handle(delivery).await;
        Failpoint::AckPre.pass().await.map_or(Outcome::RetryAfter(PANIC_HOLD), |()| outcome)
    };
    match AssertUnwindSafe(answer).catch_unwind().await {
        Ok(outcome) => outcome,
        Err(panic) => {
            tracing::error!(message.id = id, panic = panic_text(panic.as_ref()), "The handler of a message panicked");
            Outcome::RetryAfter(PANIC_HOLD)
        }
    }
}

/// Holds a delivery back for `pause`, bounded, or until `cut` resolves.
pub(crate) async fn hold(pause: Duration, cut: impl Future<Output = ()>) {
    // Elapsed or cut short, the delivery goes back either way.
    let _ = tokio::time::timeout(pause.min(MAX_HOLD), cut).await;
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no text")
}
