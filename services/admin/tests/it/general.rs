use dallosh_contracts::Permission;
use serde_json::{Value, json};

use crate::stack::{GENERAL, Stack};

#[actix_web::test]
async fn a_new_platform_is_open_and_in_utc_and_everybody_signed_in_may_read_so() {
    let stack = Stack::start().await;
    let settings = json!({
        "appName": "Dallosh Analysis", "appDescription": "Turns piles of customer posts into decisions",
        "timeZone": "UTC", "isMaintenance": false, "registration": "open", "logRetentionDays": 365
    });
    let answer = stack.user([]).get(GENERAL).await;
    assert_eq!(answer.data(), settings);
    let public = json!({
        "appName": "Dallosh Analysis", "appDescription": "Turns piles of customer posts into decisions",
        "isMaintenance": false, "registration": "open"
    });
    assert_eq!(stack.nobody().get("/v1/settings/public").await.json(), public);
    assert_eq!(stack.nobody().get(GENERAL).await.problem(), "401 unauthorized");
    let platform = json!({"timeZone": "UTC", "isMaintenance": false, "registration": "open"});
    assert_eq!(stack.nobody().get("/internal/settings").await.json(), platform);
}

#[actix_web::test]
async fn a_change_is_of_one_revision_and_by_who_may_and_it_stays() {
    let stack = Stack::start().await;
    let admin = stack.admin();
    let (tag, change) = (admin.get(GENERAL).await.etag(), json!({"appName": " Voice of the customer "}));
    let analyst = stack.user([Permission::ViewOverview]);
    assert_eq!(analyst.patch_at(GENERAL, Some(&tag), change.clone()).await.problem(), "403 forbidden");
    assert_eq!(admin.patch_at(GENERAL, None, change.clone()).await.problem(), "428 precondition_required");
    let changed = admin.patch_at(GENERAL, Some(&tag), change.clone()).await;
    assert_eq!((changed.status, &changed.data()["appName"]), (200, &json!("Voice of the customer")));
    assert_ne!(changed.etag(), tag);
    assert_eq!(admin.patch_at(GENERAL, Some(&tag), change).await.problem(), "412 precondition_failed");
    let more =
        json!({"timeZone": "Europe/Paris", "isMaintenance": true, "registration": "closed", "logRetentionDays": 30});
    assert_eq!(admin.patch(GENERAL, more).await.status, 200);

    let stack = stack.restart().await;
    let platform = json!({"timeZone": "Europe/Paris", "isMaintenance": true, "registration": "closed"});
    assert_eq!(stack.nobody().get("/internal/settings").await.json(), platform);
    let kept = stack.admin().get(GENERAL).await.data();
    assert_eq!((&kept["appName"], &kept["logRetentionDays"]), (&json!("Voice of the customer"), &json!(30)));
}

#[actix_web::test]
async fn every_wrong_value_is_named_and_nothing_is_changed_then() {
    let stack = Stack::start().await;
    let admin = stack.admin();
    let before = admin.get(GENERAL).await;
    for (name, value) in [
        ("appName", json!("")),
        ("appName", json!(5)),
        ("appName", json!("x".repeat(61))),
        ("appName", json!("a\nb")),
        ("appDescription", json!("x".repeat(501))),
        ("timeZone", json!("Mars/Base")),
        ("timeZone", Value::Null),
        ("isMaintenance", json!("true")),
        ("registration", json!("ajar")),
        ("logRetentionDays", json!(0)),
        ("logRetentionDays", json!(3651)),
        ("logRetentionDays", json!(1.5)),
    ] {
        let refused = admin.patch(GENERAL, json!({"appDescription": "new", name: value.clone()})).await;
        assert_eq!(refused.problem(), format!("422 validation /{name}"), "{value}");
    }
    let refused = admin.patch(GENERAL, json!({"timeZone": 1, "registration": 1})).await;
    assert_eq!(refused.problem(), "422 validation /timeZone /registration");
    assert_eq!(admin.patch(GENERAL, json!({"colour": "red"})).await.status, 422);
    assert_eq!((admin.get(GENERAL).await.data(), admin.get(GENERAL).await.etag()), (before.data(), before.etag()));
}
