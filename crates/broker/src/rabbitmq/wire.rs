use bytes::Bytes;
use lapin::{
    BasicProperties,
    message::Delivery as LapinDelivery,
    types::{AMQPValue, FieldTable, ShortString},
};

use crate::{BrokerError, BrokerErrorKind, Delivery, Message};

const TRACEPARENT: &str = "traceparent";
const REASON: &str = "x-reason";
const ORIGINAL_KEY: &str = "x-routing-key";

/// A string as AMQP allows it in names and keys: 255 bytes at most.
pub(super) fn short(text: &str, operation: &'static str) -> Result<ShortString, BrokerError> {
    ShortString::try_new(text).map_err(|_| {
        BrokerError::new(BrokerErrorKind::Unroutable, operation)
            .because("a routing key or message id has over 255 bytes")
    })
}

/// The properties of a message on its way out; with a reason, those of its copy in the dead-letter queue.
pub(super) fn properties(message: &Message, reason: Option<&str>) -> Result<BasicProperties, BrokerError> {
    let mut headers = FieldTable::default();
    if let Some(traceparent) = &message.traceparent {
        headers.insert(TRACEPARENT.into(), text(traceparent));
    }
    if let Some(reason) = reason {
        headers.insert(REASON.into(), text(reason));
        headers.insert(ORIGINAL_KEY.into(), text(&message.routing_key));
    }
    Ok(BasicProperties::default()
        .with_content_type("application/json".into())
        .with_delivery_mode(2)
        .with_message_id(short(&message.id, "publish")?)
        .with_headers(headers))
}

pub(super) fn message(delivery: &LapinDelivery) -> Message {
    Message {
        routing_key: delivery.routing_key.to_string(),
        body: Bytes::copy_from_slice(&delivery.data),
        id: delivery.properties.message_id().as_ref().map(ToString::to_string).unwrap_or_default(),
        traceparent: header(delivery, TRACEPARENT).and_then(as_text),
    }
}

pub(super) fn delivery(delivery: &LapinDelivery) -> Delivery {
    let redeliveries = header(delivery, "x-delivery-count").and_then(as_count).unwrap_or(0);
    Delivery { message: message(delivery), redeliveries }
}

/// A message in a dead-letter queue: as it was before it died, and why it did.
pub(super) fn dead_letter(delivery: &LapinDelivery) -> (Message, String) {
    let mut message = message(delivery);
    let death = header(delivery, "x-death").and_then(first_table);
    let original_key = header(delivery, ORIGINAL_KEY).and_then(as_text).or_else(|| {
        match death.and_then(|death| death.inner().get("routing-keys")) {
            Some(AMQPValue::FieldArray(keys)) => keys.as_slice().first().and_then(as_text),
            _ => None,
        }
    });
    if let Some(key) = original_key {
        message.routing_key = key;
    }
    let reason = header(delivery, REASON)
        .or_else(|| death.and_then(|death| death.inner().get("reason")))
        .and_then(as_text)
        .unwrap_or_else(|| "unknown".to_owned());
    (message, reason)
}

fn header<'a>(delivery: &'a LapinDelivery, name: &str) -> Option<&'a AMQPValue> {
    delivery.properties.headers().as_ref()?.inner().get(name)
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

fn as_text(value: &AMQPValue) -> Option<String> {
    match value {
        AMQPValue::LongString(text) => Some(String::from_utf8_lossy(text.as_bytes()).into_owned()),
        AMQPValue::ShortString(text) => Some(text.to_string()),
        _ => None,
    }
}

fn as_count(value: &AMQPValue) -> Option<u32> {
    match *value {
        AMQPValue::ShortShortInt(count) => u32::try_from(count).ok(),
        AMQPValue::ShortShortUInt(count) => Some(count.into()),
        AMQPValue::ShortInt(count) => u32::try_from(count).ok(),
        AMQPValue::ShortUInt(count) => Some(count.into()),
        AMQPValue::LongInt(count) => u32::try_from(count).ok(),
        AMQPValue::LongUInt(count) => Some(count),
        AMQPValue::LongLongInt(count) => u32::try_from(count).ok(),
        _ => None,
    }
}

fn first_table(value: &AMQPValue) -> Option<&FieldTable> {
    match value {
        AMQPValue::FieldArray(values) => match values.as_slice().first() {
            Some(AMQPValue::FieldTable(table)) => Some(table),
            _ => None,
        },
        _ => None,
    }
}
