use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use dallosh_broker::{Broker, BrokerErrorKind, Message, Outcome};
use dallosh_testkit::Node;
use lapin::{
    Connection, ConnectionProperties,
    options::{QueueDeclareOptions, QueueDeleteOptions},
    types::FieldTable,
};

use crate::fixture::{Fixture, PATIENCE, amqp_url, delete_queues, eventually, on_rabbitmq, unique, unique_queue};

/// A quorum queue that is killed within its first second is lost for good, whatever the broker confirmed.
const SETTLE: Duration = Duration::from_millis(1500);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_broker_delays_messages_and_loses_none() {
    let mut node = Node::start();
    let fixture = Fixture::open(&node.url()).await;
    let file = unique("file");
    let mut events = fixture.broker.subscribe(&format!("{file}.*")).await.unwrap();
    let mut consumer = fixture.consume_all();
    tokio::time::sleep(SETTLE).await;

    let mut confirmed = HashSet::new();
    for number in 0..50 {
        confirmed.insert(fixture.publish(&number.to_string()).await.id);
    }
    let mut seen = HashSet::from([consumer.next().await.message.id]);

    node.crash();
    let refused = fixture.broker.publish(&fixture.message("in the dark")).await.unwrap_err();
    assert_eq!(refused.kind, BrokerErrorKind::Unavailable);
    let since = Instant::now();
    assert!(fixture.broker.ping().await.is_err());
    assert!(since.elapsed() < Duration::from_secs(4), "a dead broker holds callers up");

    node.boot();
    let open = Instant::now();
    let message = fixture.message("after the crash");
    eventually("publishing", async || fixture.broker.publish(&message).await.ok()).await;
    println!("publishing again {:?} after the port opened", open.elapsed());
    confirmed.insert(message.id.clone());
    while !seen.contains(&message.id) {
        seen.insert(consumer.next().await.message.id);
    }
    println!("consuming again {:?} after the port opened", open.elapsed());
    assert!(open.elapsed() < Duration::from_secs(20), "it came back after {:?}", open.elapsed());
    while !confirmed.is_subset(&seen) {
        seen.insert(consumer.next().await.message.id);
    }

    let event = Message { routing_key: format!("{file}.done"), ..fixture.message("{}") };
    eventually("an event", async || {
        fixture.broker.publish(&event).await.ok()?;
        tokio::time::timeout(Duration::from_millis(200), events.next()).await.ok()?
    })
    .await;
    consumer.stop().await;
    fixture.broker.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_broker_holds_only_the_first_caller_up() {
    let node = Node::start();
    let fixture = Fixture::open(&node.url()).await;
    let mut consumer = fixture.consume_all();
    fixture.publish("before").await;
    consumer.next().await;

    node.freeze();
    for limit in [12, 4, 4] {
        let since = Instant::now();
        let refused = fixture.broker.publish(&fixture.message("in the cold")).await.unwrap_err();
        assert_eq!(refused.kind, BrokerErrorKind::Unavailable);
        assert!(since.elapsed() < Duration::from_secs(limit), "held up for {:?}", since.elapsed());
    }

    node.thaw();
    let since = Instant::now();
    let message = fixture.message("after");
    eventually("publishing", async || fixture.broker.publish(&message).await.ok()).await;
    while consumer.next().await.message.id != message.id {}
    println!("consuming again {:?} after the thaw", since.elapsed());
    consumer.stop().await;
    fixture.broker.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_closed_by_an_administrator_are_made_again() {
    let node = Node::start();
    let fixture = Fixture::open(&node.url()).await;
    let mut consumer = fixture.consume_all();
    fixture.publish("before").await;
    consumer.next().await;

    node.control(&["close_all_connections", "maintenance"]);
    let message = fixture.message("after");
    eventually("publishing", async || fixture.broker.publish(&message).await.ok()).await;
    while consumer.next().await.message.id != message.id {}
    consumer.stop().await;
    fixture.broker.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_memory_alarm_stops_publishers_alone() {
    let node = Node::start();
    let fixture = Fixture::open(&node.url()).await;
    let waiting = [fixture.publish("1").await, fixture.publish("2").await];

    node.control(&["set_vm_memory_high_watermark", "0"]);
    let since = Instant::now();
    let refused = eventually("the alarm", async || fixture.broker.publish(&fixture.message("3")).await.err()).await;
    assert_eq!(refused.kind, BrokerErrorKind::Unavailable);
    println!("the alarm was noticed after {:?}", since.elapsed());
    let since = Instant::now();
    assert_eq!(fixture.broker.ping().await.unwrap_err().kind, BrokerErrorKind::Unavailable);
    assert!(fixture.broker.publish(&fixture.message("4")).await.is_err());
    assert!(since.elapsed() < Duration::from_secs(1), "a blocked connection holds callers up");

    // Deliveries and their acknowledgements go on.
    let mut consumer = fixture.consume(1, |_| Outcome::Ack);
    for message in &waiting {
        assert_eq!(consumer.next().await.message.id, message.id);
    }

    node.control(&["set_vm_memory_high_watermark", "absolute", "512MB"]);
    let message = fixture.message("5");
    eventually("the end of the alarm", async || fixture.broker.publish(&message).await.ok()).await;
    // What was refused during the alarm may arrive before.
    while consumer.next().await.message.id != message.id {}
    consumer.stop().await;
    fixture.broker.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_queue_is_declared_again() {
    on_rabbitmq(async |fixture| {
        let mut consumer = fixture.consume_all();
        fixture.publish("before").await;
        consumer.next().await;

        // Sometimes the publisher declares it before the consumer hears of it, and then RabbitMQ never tells.
        for _ in 0..5 {
            delete_queues(&amqp_url(), &[fixture.queue]).await;
            let since = Instant::now();
            let message = fixture.publish("after").await;
            assert_eq!(consumer.next().await.message, message);
            println!("consuming again {:?} after the queue was deleted", since.elapsed());
            assert!(since.elapsed() < Duration::from_secs(5));
        }
        consumer.stop().await;

        delete_queues(&amqp_url(), &[fixture.queue]).await;
        fixture.publish("without a consumer").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_with_other_arguments_is_reported_and_the_rest_works() {
    let url = amqp_url();
    let connection = Connection::connect(&url, ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let ((foreign, _), (queue, key)) = (unique_queue(), unique_queue());
    let name = || foreign.name.into();
    channel.queue_declare(name(), QueueDeclareOptions::durable(), FieldTable::default()).await.unwrap();

    let broker = Broker::open(&url, &[foreign, queue]).await.unwrap();
    let error = eventually("a report", async || {
        broker.ping().await.err().filter(|error| error.kind == BrokerErrorKind::Topology)
    })
    .await;
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains(foreign.name) && cause.contains("inequivalent arg"), "{cause}");
    Fixture { broker: broker.clone(), queue, key }.publish("works").await;

    broker.close().await;
    channel.queue_delete(name(), QueueDeleteOptions::default()).await.unwrap();
    delete_queues(&url, &[foreign, queue]).await;
    connection.close(200, "OK".into()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unreachable_broker_is_unavailable_at_once_and_no_error_tells_the_password() {
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let (queue, key) = unique_queue();
    let broker = Broker::open(&format!("amqp://user:hush@127.0.0.1:{free}/%2f"), &[queue]).await.unwrap();
    let fixture = Fixture { broker, queue, key };
    let since = Instant::now();
    let error = fixture.broker.publish(&fixture.message("{}")).await.unwrap_err();
    assert!(since.elapsed() < Duration::from_secs(4));
    assert_eq!(error.kind, BrokerErrorKind::Unavailable);
    assert!(!format!("{error:?}").contains("hush"));

    let consumer = fixture.consume_all();
    let subscription = fixture.broker.subscribe("*.*").await.unwrap();
    consumer.stop().await;
    drop(subscription);
    tokio::time::timeout(PATIENCE, fixture.broker.close()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn publishing_is_fast_enough_to_be_waited_for() {
    on_rabbitmq(async |fixture| {
        let mut took = Vec::new();
        for number in 0..200 {
            let message = fixture.message(&number.to_string());
            let since = Instant::now();
            fixture.broker.publish(&message).await.unwrap();
            took.push(since.elapsed());
        }
        took.sort_unstable();
        println!("a publish was confirmed after {:?} (median), {:?} (p99)", took[100], took[198]);
        assert!(took[100] < Duration::from_secs(1));
    })
    .await;
}
