use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use dallosh_broker::{BrokerErrorKind, Message, Outcome, Subscription};
use futures::{FutureExt, StreamExt};
use tokio::sync::Semaphore;

use crate::fixture::{Fixture, PATIENCE, unique};

pub async fn a_message_arrives_as_it_was_sent_and_is_acknowledged_once(fixture: Arc<Fixture>) {
    let traceparent = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned());
    let message = Message { traceparent, ..fixture.message(r#"{"task_id":"1"}"#) };
    fixture.broker.publish(&message).await.unwrap();

    let mut consumer = fixture.consume_all();
    let delivery = consumer.next().await;
    assert_eq!(delivery.message, message);
    assert_eq!(delivery.redeliveries, 0);
    assert!(consumer.is_idle().await);
    consumer.stop().await;

    let marker = fixture.publish("marker").await;
    let mut consumer = fixture.consume_all();
    assert_eq!(consumer.next().await.message, marker);
    consumer.stop().await;
}

pub async fn a_retried_message_comes_again_after_its_pause_and_is_counted(fixture: Arc<Fixture>) {
    const PAUSE: Duration = Duration::from_millis(400);
    let message = fixture.publish("again").await;
    let times = Arc::new(Mutex::new(Vec::new()));
    let mut consumer = fixture.consume(1, {
        let times = times.clone();
        move |delivery| {
            times.lock().unwrap().push(Instant::now());
            match delivery.redeliveries {
                0 | 1 => Outcome::RetryAfter(PAUSE),
                _ => Outcome::Ack,
            }
        }
    });
    for count in 0..=2 {
        let delivery = consumer.next().await;
        assert_eq!(delivery.message, message);
        assert_eq!(delivery.redeliveries, count);
    }
    assert!(consumer.is_idle().await);
    consumer.stop().await;
    assert!(times.lock().unwrap().is_sorted_by(|before, after| *after - *before >= PAUSE));
}

pub async fn a_panic_in_a_handler_is_a_retry(fixture: Arc<Fixture>) {
    let message = fixture.publish("bad").await;
    let mut consumer = fixture.consume(1, |delivery| {
        assert!(delivery.redeliveries > 0, "a handler that panics the first time");
        Outcome::Ack
    });
    assert_eq!(consumer.next().await.redeliveries, 0);
    let again = consumer.next().await;
    assert_eq!((again.message, again.redeliveries), (message, 1));
    consumer.stop().await;
}

pub async fn a_message_is_given_up_after_six_deliveries(fixture: Arc<Fixture>) {
    let message = fixture.publish("never").await;
    let mut consumer = fixture.consume(4, |_| Outcome::RetryAfter(Duration::ZERO));
    for count in 0..=5 {
        assert_eq!(consumer.next().await.redeliveries, count);
    }
    assert_eq!(fixture.dead_letters(1).await, [(message, "delivery_limit".to_owned())]);
    assert!(consumer.is_idle().await);
    consumer.stop().await;
}

pub async fn a_dead_letter_is_delivered_once_and_keeps_its_reason(fixture: Arc<Fixture>) {
    let bad = [fixture.publish("not JSON").await, fixture.publish("not JSON either").await];
    let good = fixture.publish("{}").await;
    let mut consumer = fixture.consume(1, |delivery| match delivery.message.body.as_ref() {
        b"{}" => Outcome::Ack,
        _ => Outcome::DeadLetter("malformed: ligne 1, « : » attendu".to_owned()),
    });
    let mut seen = HashSet::new();
    for _ in 0..3 {
        seen.insert(consumer.next().await.message.id);
    }
    assert_eq!(seen, bad.iter().chain([&good]).map(|message| message.id.clone()).collect());
    assert!(consumer.is_idle().await);
    consumer.stop().await;

    // They stay there, however often one looks.
    for _ in 0..2 {
        let letters = fixture.dead_letters(2).await;
        assert_eq!(letters, bad.clone().map(|message| (message, "malformed: ligne 1, « : » attendu".to_owned())));
    }
    assert_eq!(fixture.broker.dead_letters(fixture.queue, 1).await.unwrap().len(), 1);
}

pub async fn two_consumers_share_a_queue(fixture: Arc<Fixture>) {
    let slowly = || {
        fixture.consume_slowly(1, |_| {
            async {
                tokio::time::sleep(Duration::from_millis(50)).await;
                Outcome::Ack
            }
            .boxed()
        })
    };
    let (mut one, mut other) = (slowly(), slowly());
    let mut sent = HashSet::new();
    for number in 0..20 {
        sent.insert(fixture.publish(&number.to_string()).await.id);
    }
    let (mut by_one, mut by_other) = (0, 0);
    while !sent.is_empty() {
        let delivery = tokio::select! {
            delivery = one.next() => { by_one += 1; delivery }
            delivery = other.next() => { by_other += 1; delivery }
        };
        assert!(sent.remove(&delivery.message.id), "delivered twice");
    }
    assert!(by_one > 0 && by_other > 0, "shared {by_one} to {by_other}");
    one.stop().await;
    other.stop().await;
}

pub async fn no_more_than_the_prefetch_is_in_work(fixture: Arc<Fixture>) {
    const PREFETCH: u16 = 3;
    for number in 0..10 {
        fixture.publish(&number.to_string()).await;
    }
    let gate = Arc::new(Semaphore::new(0));
    let in_work = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let mut consumer = fixture.consume_slowly(PREFETCH, {
        let (gate, most) = (gate.clone(), most.clone());
        move |_| {
            let (gate, in_work, most) = (gate.clone(), in_work.clone(), most.clone());
            async move {
                most.fetch_max(in_work.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                gate.acquire().await.unwrap().forget();
                in_work.fetch_sub(1, Ordering::SeqCst);
                Outcome::Ack
            }
            .boxed()
        }
    });
    for _ in 0..PREFETCH {
        consumer.next().await;
    }
    assert!(consumer.is_idle().await);
    gate.add_permits(10);
    for _ in PREFETCH..10 {
        consumer.next().await;
    }
    consumer.stop().await;
    assert_eq!(most.load(Ordering::SeqCst), usize::from(PREFETCH));
}

async fn next(subscription: &mut Subscription) -> Option<Message> {
    tokio::time::timeout(PATIENCE, subscription.next()).await.expect("no event came")
}

pub async fn events_reach_every_subscriber_whose_pattern_fits(fixture: Arc<Fixture>) {
    let (file, other_file, status) = (unique("file"), unique("file"), unique("status"));
    let mut of_file = fixture.broker.subscribe(&format!("{file}.*")).await.unwrap();
    let mut of_status = fixture.broker.subscribe(&format!("*.{status}")).await.unwrap();
    let mut of_all = fixture.broker.subscribe("#").await.unwrap();

    let event = |file: &str| Message { routing_key: format!("{file}.{status}"), ..fixture.message("{}") };
    let (first, second) = (event(&other_file), event(&file));
    fixture.broker.publish(&first).await.unwrap();
    fixture.broker.publish(&second).await.unwrap();

    assert_eq!(next(&mut of_file).await, Some(second.clone()));
    let mut both = HashSet::new();
    both.insert(next(&mut of_status).await.unwrap().id);
    both.insert(next(&mut of_status).await.unwrap().id);
    assert_eq!(both, [first.id.clone(), second.id.clone()].into());
    // Other tests publish on the same server.
    while next(&mut of_all).await.unwrap().id != second.id {}
}

pub async fn events_need_no_subscriber(fixture: Arc<Fixture>) {
    let event = Message { routing_key: format!("{}.done", unique("file")), ..fixture.message("{}") };
    fixture.broker.publish(&event).await.unwrap();
}

pub async fn a_slow_subscriber_costs_the_sender_nothing(fixture: Arc<Fixture>) {
    const SENT: usize = 1_500;
    let file = unique("file");
    let mut slow = fixture.broker.subscribe(&format!("{file}.*")).await.unwrap();
    let event = |status: &str| Message { routing_key: format!("{file}.{status}"), ..fixture.message("{}") };
    futures::stream::iter(0..SENT)
        .for_each_concurrent(32, async |_| fixture.broker.publish(&event("sending")).await.unwrap())
        .await;

    let mut read = 0;
    while let Ok(Some(_)) = tokio::time::timeout(Duration::from_millis(500), slow.next()).await {
        read += 1;
    }
    assert!((1..SENT).contains(&read), "{read} of {SENT}");

    let last = event("done");
    fixture.broker.publish(&last).await.unwrap();
    assert_eq!(next(&mut slow).await, Some(last));
}

pub async fn an_unroutable_message_is_an_error(fixture: Arc<Fixture>) {
    for routing_key in [unique("nowhere"), format!("a.b.{}", unique("c")), "long".repeat(100)] {
        let message = Message { routing_key, ..fixture.message("{}") };
        assert_eq!(fixture.broker.publish(&message).await.unwrap_err().kind, BrokerErrorKind::Unroutable);
    }
    fixture.publish("routable").await;
}

pub async fn concurrent_messages_get_their_own_answers(fixture: Arc<Fixture>) {
    let nowhere = unique("nowhere");
    let publishing = (0..200).map(|number| {
        let (fixture, nowhere) = (fixture.clone(), nowhere.clone());
        tokio::spawn(async move {
            let routable = number % 2 == 0;
            let routing_key = if routable { fixture.key.to_owned() } else { nowhere };
            let message = Message { routing_key, ..fixture.message("{}") };
            (routable, fixture.broker.publish(&message).await.map_err(|error| error.kind))
        })
    });
    for answer in futures::future::join_all(publishing).await {
        let (routable, result) = answer.unwrap();
        assert_eq!(result, if routable { Ok(()) } else { Err(BrokerErrorKind::Unroutable) });
    }
}

pub async fn a_stopped_consumer_answers_what_is_in_work(fixture: Arc<Fixture>) {
    fixture.publish("in work").await;
    let gate = Arc::new(Semaphore::new(0));
    let mut consumer = fixture.consume_slowly(1, {
        let gate = gate.clone();
        move |_| {
            let gate = gate.clone();
            async move {
                gate.acquire().await.unwrap().forget();
                Outcome::Ack
            }
            .boxed()
        }
    });
    consumer.next().await;
    consumer.stop.cancel();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!consumer.task.is_finished(), "it left its work behind");
    gate.add_permits(1);
    consumer.stop().await;

    let marker = fixture.publish("marker").await;
    let mut consumer = fixture.consume_all();
    assert_eq!(consumer.next().await.message, marker);
    consumer.stop().await;
}

pub async fn a_stopped_consumer_does_not_hold_messages_back(fixture: Arc<Fixture>) {
    let message = fixture.publish("later").await;
    let mut consumer = fixture.consume(1, |_| Outcome::RetryAfter(Duration::from_hours(1)));
    consumer.next().await;
    let since = Instant::now();
    consumer.stop().await;
    assert!(since.elapsed() < Duration::from_secs(10));

    let mut consumer = fixture.consume_all();
    let again = consumer.next().await;
    assert_eq!((again.message, again.redeliveries), (message, 1));
    consumer.stop().await;
}

pub async fn a_closed_broker_refuses_and_ends_what_listens(fixture: Arc<Fixture>) {
    let mut subscription = fixture.broker.subscribe("nobody.*").await.unwrap();
    let consumer = fixture.consume_all();
    fixture.broker.ping().await.unwrap();
    fixture.broker.close().await;

    tokio::time::timeout(PATIENCE, consumer.task).await.expect("the consumer did not end").unwrap();
    assert_eq!(next(&mut subscription).await, None);
    let refused = fixture.broker.publish(&fixture.message("{}")).await.unwrap_err();
    assert_eq!(refused.kind, BrokerErrorKind::Unavailable);
    assert_eq!(fixture.broker.ping().await.unwrap_err().kind, BrokerErrorKind::Unavailable);
}
