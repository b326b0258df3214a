//! The admin service behind its real server, with a database, and a stand-in for the auth service and for a model.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on says so by panicking; clippy exempts the cases alone, not what they share"
)]

mod general;
mod logs;
mod models;
mod preferences;
mod stack;

#[test]
fn the_description_has_every_operation_and_a_key_only_in_requests() {
    let document = serde_json::to_value(dallosh_admin::openapi()).unwrap();
    let operations: Vec<_> = document["paths"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|path| path.as_object().unwrap().values())
        .filter_map(|operation| operation["operationId"].as_str())
        .collect();
    for name in [
        "list_logs",
        "get_log",
        "export_logs",
        "get_public_settings",
        "get_general_settings",
        "update_general_settings",
        "get_ai_settings",
        "update_ai_settings",
        "list_models",
        "create_model",
        "get_model",
        "update_model",
        "delete_model",
        "test_model",
    ] {
        assert!(operations.contains(&name), "{name} of {operations:?}");
    }
    assert!(!document["paths"].to_string().contains("/internal/"), "{operations:?}");
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let with_key: Vec<_> = schemas.iter().filter(|(_, schema)| schema.to_string().contains("apiKey")).collect();
    assert_eq!(with_key.len(), 1, "{with_key:?}");
    assert_eq!(with_key[0].1["properties"]["apiKey"]["writeOnly"], true);
}
