use std::time::{Duration, Instant};

use chrono::Utc;
use dallosh_broker::Message;
use dallosh_contracts::{Activity, Permission, RecordActivity};
use dallosh_primitives::Uid;
use serde_json::{Value, json};

use crate::stack::{Stack, User};

const LOGS: &str = "/v1/logs";

fn activity(method: &str, path: &str, status: u16, user: Option<Uid>) -> Activity {
    let (id, at, request_id) = (Uid::new(), Utc::now(), format!("request of {path}"));
    let (method, path, ip) = (method.to_owned(), path.to_owned(), Some("203.0.113.9".to_owned()));
    Activity { id, at, method, path, status, requested_by: user, request_id, ip, duration_ms: 12, times: 1 }
}

async fn tell(stack: &Stack, id: &str, entries: &[Activity], lost: u64) {
    let body = serde_json::to_vec(&RecordActivity { entries: entries.to_vec(), lost }).unwrap().into();
    let (routing_key, id) = ("record_activity".to_owned(), id.to_owned());
    stack.broker.publish(&Message { routing_key, body, id, traceparent: None }).await.unwrap();
}

/// The entries once there are so many.
async fn listed(admin: &User<'_>, query: &str, count: usize) -> Vec<Value> {
    let began = Instant::now();
    loop {
        let items = admin.get(&format!("{LOGS}?limit=200{query}")).await.json()["items"].as_array().unwrap().clone();
        if items.len() == count {
            return items;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "{items:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn paths(items: &[Value]) -> Vec<&str> {
    items.iter().map(|item| item["data"]["path"].as_str().unwrap()).collect()
}

#[actix_web::test]
async fn what_the_door_tells_is_listed_newest_first_with_all_that_is_known_of_it() {
    let stack = Stack::start().await;
    let (admin, user) = (stack.admin(), Uid::new());
    let refused = Activity { times: 7, ..activity("GET", "/v1/users", 403, None) };
    let entries = [activity("POST", "/v1/tasks", 201, Some(user)), refused];
    tell(&stack, "one", &entries, 0).await;
    let items = listed(&admin, "", 2).await;
    assert_eq!(paths(&items), ["/v1/users", "/v1/tasks"]);
    let data = &items[1]["data"];
    assert_eq!(items[1]["uid"], json!(entries[0].id));
    assert_eq!(items[0]["data"]["times"], json!(7));
    for (name, value) in [
        ("seq", json!(1)),
        ("method", json!("POST")),
        ("response", json!({"status": 201})),
        ("outcome", json!("done")),
        ("requested_by", json!(user)),
        ("request_id", json!("request of /v1/tasks")),
        ("ip", json!("203.0.113.9")),
        ("duration_ms", json!(12)),
        ("times", json!(1)),
    ] {
        assert_eq!(data[name], value, "{name}");
    }
    assert_eq!((&items[0]["data"]["outcome"], &items[0]["data"]["requested_by"]), (&json!("refused"), &Value::Null));
    assert_eq!(items[0]["data"]["prev_hash"], data["hash"]);
    let own = items[1]["_links"]["self"].as_str().unwrap();
    assert_eq!(admin.get(own).await.json(), items[1]);
    assert_eq!(admin.get(&format!("{LOGS}/{}", Uid::new())).await.problem(), "404 not_found");
}

#[actix_web::test]
async fn filters_choose_pages_follow_and_a_wrong_filter_is_named() {
    let stack = Stack::start().await;
    let (admin, user) = (stack.admin(), Uid::new());
    let mut entries: Vec<_> = (0..5).map(|n| activity("PATCH", &format!("/v1/files/{n}"), 200, Some(user))).collect();
    entries.push(activity("GET", "/v1/users", 403, None));
    entries.push(activity("DELETE", "/v1/files/9", 502, None));
    tell(&stack, "one", &entries, 0).await;
    listed(&admin, "", 7).await;
    for (query, count) in [
        ("&method=PATCH", 5),
        ("&method=patch", 5),
        ("&path=/v1/files", 6),
        ("&status=403", 1),
        ("&status=4xx", 1),
        ("&status=5xx", 1),
        ("&status=404", 0),
        (&format!("&user={user}"), 5),
        ("&q=FILES/9", 1),
        ("&q=203.0.113", 7),
        ("&from=2020-01-01T00:00:00Z", 7),
        ("&to=2020-01-01T00:00:00%2B01:00", 0),
        ("&method=PATCH&path=/v1/files/3&status=", 1),
    ] {
        listed(&admin, query, count).await;
    }
    let first = admin.get(&format!("{LOGS}?limit=2&path=/v1/files")).await.json();
    let next = admin.get(first["_links"]["next"].as_str().unwrap()).await.json();
    assert_eq!(paths(first["items"].as_array().unwrap()), ["/v1/files/9", "/v1/files/4"]);
    assert_eq!(paths(next["items"].as_array().unwrap()), ["/v1/files/3", "/v1/files/2"]);
    let wrong = admin.get(&format!("{LOGS}?status=99&from=yesterday&to=2020")).await;
    assert_eq!(wrong.problem(), "422 validation /status /from /to");
    assert_eq!(admin.get(&format!("{LOGS}?cursor=00")).await.problem(), "422 validation /cursor");
}

#[actix_web::test]
async fn a_message_that_comes_again_adds_nothing_and_one_that_is_none_stops_nobody() {
    let stack = Stack::start().await;
    let admin = stack.admin();
    let entries = [activity("POST", "/v1/tasks", 201, None)];
    let junk =
        Message { routing_key: "record_activity".to_owned(), body: "junk".into(), id: "j".into(), traceparent: None };
    stack.broker.publish(&junk).await.unwrap();
    for _ in 0..3 {
        tell(&stack, "one", &entries, 7).await;
    }
    tell(&stack, "two", &[activity("POST", "/v1/files", 201, None)], 0).await;
    let items = listed(&admin, "", 3).await;
    assert_eq!(paths(&items), ["/v1/files", "/v1/tasks", ""]);
    assert_eq!((&items[2]["data"]["outcome"], &items[2]["data"]["lost"]), (&json!("lost"), &json!(7)));
    assert_eq!(stack.broker.dead_letters(dallosh_admin::QUEUES[0], 10).await.unwrap().len(), 1);
}

#[actix_web::test]
async fn an_export_has_every_entry_that_the_filters_take_and_no_formula() {
    let stack = Stack::start().await;
    let admin = stack.admin();
    let entries: Vec<_> = (0..450).map(|number| activity("PATCH", &format!("/v1/files/{number}"), 200, None)).collect();
    tell(&stack, "one", &entries, 0).await;
    tell(&stack, "two", &[activity("-1+1", "/v1/x%0d%0ay", 405, None)], 0).await;
    let began = Instant::now();
    while admin.get(&format!("{LOGS}?status=405")).await.json()["items"] == json!([]) {
        assert!(began.elapsed() < Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let lines = admin.get(&format!("{LOGS}/export?format=jsonl")).await;
    let seqs: Vec<_> =
        lines.text().lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["seq"].clone()).collect();
    assert_eq!(seqs, (1..=451).map(Value::from).collect::<Vec<_>>());
    let sheet = admin.get(&format!("{LOGS}/export?path=/v1/x")).await;
    assert_eq!(sheet.headers["content-type"], "text/csv; charset=utf-8");
    let rows: Vec<_> = sheet.text().lines().collect();
    assert_eq!(rows[0], "seq,at,method,path,status,outcome,requested_by,request_id,ip,duration_ms,lost,times");
    assert!(rows[1].starts_with("451,") && rows[1].contains(",'-1+1,/v1/x%0d%0ay,405,refused,,"), "{rows:?}");
    assert_eq!(admin.get(&format!("{LOGS}/export?format=xml")).await.status, 422);
}

#[actix_web::test]
async fn the_log_is_for_who_may_manage_the_platform_and_changed_by_nobody() {
    let stack = Stack::start().await;
    let analyst = stack.user([Permission::ViewOverview, Permission::ReadUsers]);
    for path in [LOGS.to_owned(), format!("{LOGS}/export"), format!("{LOGS}/{}", Uid::new())] {
        assert_eq!(analyst.get(&path).await.problem(), "403 forbidden");
        assert_eq!(stack.nobody().get(&path).await.problem(), "401 unauthorized");
        assert_eq!(stack.admin().patch(&path, json!({})).await.status, 405);
        assert_eq!(stack.admin().delete_at(&path, None).await.status, 405);
    }
}

#[actix_web::test]
async fn the_log_outlives_a_stop_and_goes_on_where_it_ended() {
    let stack = Stack::start().await;
    tell(&stack, "one", &[activity("POST", "/v1/tasks", 201, None)], 0).await;
    let stack = stack.restart().await;
    tell(&stack, "two", &[activity("POST", "/v1/files", 201, None)], 0).await;
    let admin = stack.admin();
    let items = listed(&admin, "", 2).await;
    assert_eq!((&items[0]["data"]["seq"], &items[0]["data"]["prev_hash"]), (&json!(2), &items[1]["data"]["hash"]));
    assert_eq!(
        stack
            .files_with(items[1]["data"]["hash"].as_str().unwrap())
            .iter()
            .filter(|file| file.ends_with("anchors"))
            .count(),
        1
    );
}
