//! The messages as AsyncAPI, made from the types that are sent.

use dallosh_contracts::SCHEMAS;
use serde_json::{Map, Value, json};

/// Who sends what to whom, in words.
const WORDS: [(&str, &str); 5] = [
    ("proceed_task", "tasks → enrichment: a task waits in the queue. A hint: the worker reads the task itself."),
    ("retry_step", "tasks → enrichment: a task goes on from a step. A hint: the worker goes by the task's own record."),
    (
        "handle_process",
        "tasks → enrichment: a running task is to be held, let go on, or ended. A hint: the worker reads the task itself.",
    ),
    (
        "record_activity",
        "gateway → admin: requests for the activity log. At least once; the ids of the entries tell repetitions.",
    ),
    (
        "task_event",
        "tasks and enrichment → anyone: something happened to a task. At least once; `seq` tells repetitions.",
    ),
];

/// The document as YAML.
///
/// # Errors
/// When it can't be written as YAML.
pub fn document() -> Result<String, String> {
    let (mut channels, mut operations, mut messages) = (Map::new(), Map::new(), Map::new());
    for (routing_key, name, _) in SCHEMAS {
        let description = WORDS.iter().find(|(word, _)| *word == name).map_or("", |(_, words)| words);
        let parameters = if routing_key.contains('{') {
            json!({ "file_id": { "description": "The dataset" }, "event": { "description": "A status, or `progress`" } })
        } else {
            json!({})
        };
        let messages_of = json!({ name: { "$ref": format!("#/components/messages/{name}") } });
        let channel = json!({ "address": routing_key, "messages": messages_of, "parameters": parameters });
        channels.insert(name.to_owned(), channel);
        operations.insert(
            format!("send_{name}"),
            json!({ "action": "send", "channel": { "$ref": format!("#/channels/{name}") }, "description": description }),
        );
        messages.insert(
            name.to_owned(),
            json!({ "contentType": "application/json", "payload": { "$ref": format!("schemas/{name}.json") } }),
        );
    }
    let document = json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Dallosh Analysis messages",
            "version": "1",
            "description": "Topic exchange `tasks` (durable). Messages are hints; the database is the truth. Malformed ones go to the dead-letter queue with a reason.",
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": { "messages": messages },
    });
    serde_yaml_ng::to_string(&document).map_err(|error| error.to_string())
}

/// The JSON schema of a message.
pub fn schema(name: &str) -> Option<String> {
    let (_, _, make) = SCHEMAS.into_iter().find(|(_, found, _)| *found == name)?;
    let schema: Value = make().into();
    serde_json::to_string_pretty(&schema).ok()
}
