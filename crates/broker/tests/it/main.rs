//! One conformance suite, run on every backend, and the faults that only a real `RabbitMQ` can have.
//!
//! `RabbitMQ` is found by `DALLOSH_TEST_AMQP_URL`; the tests that break their server start one of their own from the
//! Debian package.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a helper of tests fails as a test does")]

mod conformance;
mod faults;
mod fixture;

macro_rules! on_every_backend {
    ($($case:ident)*) => {
        mod memory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::fixture::on_memory(super::conformance::$case).await;
            })*
        }

        mod rabbitmq {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::fixture::on_rabbitmq(super::conformance::$case).await;
            })*
        }
    };
}

on_every_backend! {
    a_message_arrives_as_it_was_sent_and_is_acknowledged_once
    a_retried_message_comes_again_after_its_pause_and_is_counted
    a_panic_in_a_handler_is_a_retry
    a_message_is_given_up_after_six_deliveries
    a_dead_letter_is_delivered_once_and_keeps_its_reason
    two_consumers_share_a_queue
    no_more_than_the_prefetch_is_in_work
    events_reach_every_subscriber_whose_pattern_fits
    events_need_no_subscriber
    a_slow_subscriber_costs_the_sender_nothing
    an_unroutable_message_is_an_error
    concurrent_messages_get_their_own_answers
    a_stopped_consumer_answers_what_is_in_work
    a_stopped_consumer_does_not_hold_messages_back
    a_closed_broker_refuses_and_ends_what_listens
}
