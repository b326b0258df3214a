//! Showing, listing, changing and deleting.

use dallosh_contracts::Permission;
use dallosh_primitives::Uid;
use reqwest::Method;
use serde_json::{Value, json};

use crate::stack::{ANALYST, Answer, Stack, User};

const POSTS: &str = "id,full_text\n1,some words here\n";

async fn with_header(user: &User<'_>, method: Method, path: &str, header: (&str, &str), body: Option<Value>) -> Answer {
    let request = user.request(method, path).header(header.0, header.1);
    Answer::of(match body {
        Some(body) => request.json(&body),
        None => request,
    })
    .await
}

#[actix_web::test]
async fn a_file_has_a_tag_that_changes_with_it() {
    let stack = Stack::start().await;
    let user = stack.analyst();
    let path = format!("/v1/files/{}", user.upload(POSTS).await);
    let first = user.get(&path).await;
    assert_eq!(first.header("etag"), "\"1\"");
    let again = with_header(&user, Method::GET, &path, ("if-none-match", "\"1\""), None).await;
    assert_eq!((again.status, again.body.len()), (304, 0));

    let change = json!({"filename": "renamed.csv"});
    let changed = with_header(&user, Method::PATCH, &path, ("if-match", "\"1\""), Some(change.clone())).await;
    assert_eq!((changed.status, changed.header("etag")), (200, "\"2\""));
    assert_eq!(changed.json()["data"]["filename"], json!("renamed.csv"));
    let late = with_header(&user, Method::PATCH, &path, ("if-match", "\"1\""), Some(change)).await;
    assert_eq!(late.code(), "412 precondition_failed");
    let late = with_header(&user, Method::DELETE, &path, ("if-match", "\"1\""), None).await;
    assert_eq!(late.code(), "412 precondition_failed");
    assert_eq!(user.get(&path).await.json(), changed.json());
    assert_eq!(user.patch(&path, json!({})).await.header("etag"), "\"2\"", "no change is no new revision");
}

#[actix_web::test]
async fn a_foreign_file_is_not_there_and_one_with_manage_app_sees_all() {
    let stack = Stack::start().await;
    let (owner, other) = (stack.analyst(), stack.analyst());
    let file = owner.upload(POSTS).await;
    for id in [file.clone(), Uid::new().to_string(), "no-such-file".to_owned(), "..%2f..%2fetc".to_owned()] {
        for part in ["", "/preview", "/content", "/rejects"] {
            let answer = other.get(&format!("/v1/files/{id}{part}")).await;
            assert_eq!(answer.code(), "404 not_found", "{id}{part}");
        }
        assert_eq!(other.patch(&format!("/v1/files/{id}"), json!({"filename": "x"})).await.code(), "404 not_found");
        assert_eq!(other.delete(&format!("/v1/files/{id}")).await.code(), "404 not_found");
    }
    assert_eq!(other.get("/v1/files").await.json()["items"], json!([]));

    let admin = stack.user(ANALYST.into_iter().chain([Permission::ManageApp]));
    assert_eq!(admin.get("/v1/files").await.json()["items"][0]["uid"], json!(file));
    assert_eq!(admin.get(&format!("/v1/files/{file}/content")).await.text(), POSTS);
}

#[actix_web::test]
async fn every_operation_names_the_permission_that_is_missing() {
    let stack = Stack::start().await;
    let file = stack.analyst().upload(POSTS).await;
    let own = format!("/v1/files/{file}");
    let nobody = stack.user([]);
    let operations = [
        (Method::GET, "/v1/files".to_owned(), "read_datasets"),
        (Method::GET, own.clone(), "read_datasets"),
        (Method::GET, format!("{own}/preview"), "read_datasets"),
        (Method::GET, format!("{own}/content"), "read_datasets"),
        (Method::GET, format!("{own}/rejects"), "read_datasets"),
        (Method::PATCH, own.clone(), "manage_datasets"),
        (Method::DELETE, own, "manage_datasets"),
    ];
    for (method, path, permission) in operations {
        let answer = Answer::of(nobody.request(method.clone(), &path).json(&json!({}))).await;
        let detail = format!("403 forbidden: this needs the permission `{permission}`");
        assert_eq!(answer.summary(), detail, "{method} {path}");
        let answer = Answer::of(stack.request(method.clone(), &path).json(&json!({}))).await;
        assert_eq!(answer.code(), "401 unauthorized", "{method} {path}");
    }
}

#[actix_web::test]
async fn files_are_listed_in_the_asked_order_page_by_page() {
    let stack = Stack::start().await;
    let user = stack.analyst();
    for (name, rows) in [("b.csv", 3), ("a.csv", 1), ("été.csv", 2)] {
        let answer = user.upload_as(name, format!("full_text\n{}", "some words\n".repeat(rows))).await;
        assert_eq!(answer.status, 201, "{}", answer.summary());
    }
    for (query, expected) in [
        ("sort=-createdAt", "été.csv a.csv b.csv"),
        ("sort=createdAt", "b.csv a.csv été.csv"),
        ("sort=filename", "a.csv b.csv été.csv"),
        ("sort=-size", "b.csv été.csv a.csv"),
        ("sort=filename&q=.CSV", "a.csv b.csv été.csv"),
        ("q=B", "b.csv"),
        ("q=nothing", ""),
    ] {
        let mut names = Vec::new();
        let mut next = Some(format!("/v1/files?limit=1&{query}"));
        while let Some(path) = next {
            let page = user.get(&path).await.json();
            let shown = page["items"].as_array().unwrap().iter();
            names.extend(shown.map(|file| file["data"]["filename"].as_str().unwrap().to_owned()));
            assert_eq!(page["next_cursor"].is_null(), page["_links"].get("next").is_none());
            next = page["_links"].get("next").map(|path| path.as_str().unwrap().to_owned());
        }
        assert_eq!(names.join(" "), expected, "{query}");
    }
    let all = user.get("/v1/files?limit=100000").await.json();
    assert_eq!((all["items"].as_array().unwrap().len(), &all["_links"]["self"]), (3, &json!("/v1/files?limit=200")));
    let wrong = user.get("/v1/files?sort=owner").await;
    assert_eq!((wrong.code().as_str(), &wrong.json()["errors"][0]["pointer"]), ("422 validation", &json!("/sort")));
    let cursor = user.get("/v1/files?limit=1&sort=filename").await.json()["next_cursor"].as_str().unwrap().to_owned();
    for wrong in ["nonsense".to_owned(), cursor] {
        let answer = user.get(&format!("/v1/files?sort=size&cursor={wrong}")).await;
        assert_eq!(answer.code(), "422 validation", "{wrong}");
    }
}

#[actix_web::test]
async fn another_dialect_has_the_file_read_again() {
    let stack = Stack::start().await;
    let user = stack.analyst();
    let file = user.upload("id;full_text,x;likes\n1;'tis a good day, friends;2\n2;a bad day, friends;3\n").await;
    let path = format!("/v1/files/{file}");
    let before = user.get(&path).await.json();
    assert_eq!(before["data"]["columns"], json!(["id", "full_text,x", "likes"]));

    let dialect = json!({"encoding": "utf-8", "delimiter": ",", "quote": "\"", "has_header": false});
    let answer = user.patch(&path, json!({"dialect": dialect, "text_column": "column_2"})).await;
    assert_eq!(answer.status, 200, "{}", answer.summary());
    let data = &answer.json()["data"];
    assert_eq!(data["dialect"], dialect);
    assert_eq!(data["columns"], json!(["column_1", "column_2"]));
    assert_eq!((&data["row_count"], &data["text_column"]), (&json!(3), &json!("column_2")));
    assert_eq!(data["sha256"], before["data"]["sha256"]);
    let preview = user.get(&format!("{path}/preview")).await.json();
    assert_eq!(preview["rows"][0], json!({"column_1": "id;full_text", "column_2": "x;likes"}));

    let quoted = json!({"encoding": "utf-8", "delimiter": ";", "quote": "'", "has_header": true});
    let answer = user.patch(&path, json!({"dialect": quoted})).await;
    assert_eq!(answer.code(), "422 csv_unclosed_quote");
    assert_eq!(user.get(&path).await.json()["data"]["dialect"], dialect, "a refused change changes nothing");
}

#[actix_web::test]
async fn a_wrong_change_says_what_is_allowed_and_changes_nothing() {
    let stack = Stack::start().await;
    let user = stack.analyst();
    let path = format!("/v1/files/{}", user.upload("id,Full_Text ,likes\n1,good day friends,2\n").await);
    let before = user.get(&path).await.json();
    let missing = user.patch(&path, json!({"text_column": "full_text"})).await;
    assert_eq!(missing.code(), "422 missing_column");
    assert!(missing.json()["detail"].as_str().unwrap().contains("`Full_Text `"), "{}", missing.summary());
    let dialect = |name: &str, value: &str| {
        let mut dialect = json!({"encoding": "utf-8", "delimiter": ",", "quote": "\"", "has_header": true});
        dialect[name] = json!(value);
        json!({"dialect": dialect})
    };
    for (change, pointer) in [
        (dialect("encoding", "ebcdic"), "/dialect"),
        (dialect("delimiter", "::"), "/dialect"),
        (dialect("delimiter", "a"), "/dialect"),
        (dialect("quote", ""), "/dialect"),
        (json!({"filename": "../.."}), "/filename"),
        (json!({"owner": Uid::new()}), "/owner"),
        (json!({"text_column": 3}), "/text_column"),
    ] {
        let answer = user.patch(&path, change.clone()).await;
        assert_eq!(answer.code(), "422 validation", "{change}");
        assert_eq!(answer.json()["errors"][0]["pointer"], json!(pointer), "{change}");
    }
    assert_eq!(user.get(&path).await.json(), before);
    let answer = user.patch(&path, json!({"text_column": "likes"})).await;
    assert_eq!(answer.json()["data"]["text_column"], json!("likes"));
}

#[actix_web::test]
async fn a_file_that_a_task_uses_can_not_be_deleted() {
    let stack = Stack::start().await;
    let user = stack.analyst();
    let path = format!("/v1/files/{}", user.upload(POSTS).await);
    let task = Uid::new();
    for status in [
        "in_queue",
        "reading_dataset",
        "process_cleaning",
        "sending_to_llm",
        "appending_columns",
        "saving_file",
        "paused",
    ] {
        stack.tasks(|tasks| tasks.listed = vec![(Uid::new(), "done"), (task, status)]);
        let detail = format!("409 in_use: the task {task} uses the file; stop or delete it first");
        assert_eq!(user.delete(&path).await.summary(), detail, "{status}");
    }
    assert_eq!(user.get(&format!("{path}/content")).await.text(), POSTS);
    stack.tasks(|tasks| {
        tasks.listed = ["added", "done", "stopped", "on_error"].map(|status| (Uid::new(), status)).to_vec();
    });
    assert_eq!(user.delete(&path).await.status, 204);
}

#[actix_web::test]
async fn a_deleted_file_is_gone_with_every_stage() {
    let stack = Stack::start().await;
    let user = stack.analyst();
    let file = user.upload(POSTS).await;
    let kept = user.upload(POSTS).await;
    for key in ["cleaned/F.csv", "analysed/F.csv", "rejects/F.csv", "removed/F.csv", "tables/F/analysed.parquet"] {
        let object = stack.object(&key.replace('F', &file));
        std::fs::create_dir_all(object.parent().unwrap()).unwrap();
        std::fs::write(object, "x").unwrap();
    }
    let path = format!("/v1/files/{file}");
    assert_eq!(user.delete(&path).await.status, 204);
    assert_eq!(stack.objects(), [format!("{kept}.csv")]);
    assert_eq!(user.get(&path).await.code(), "404 not_found");
    assert_eq!(user.get(&format!("{path}/content")).await.code(), "404 not_found");
    assert_eq!(user.delete(&path).await.code(), "404 not_found");
    assert_eq!(user.get("/v1/files").await.json()["items"].as_array().unwrap().len(), 1);
}

#[actix_web::test]
async fn nothing_is_deleted_while_the_tasks_service_is_silent() {
    let stack = Stack::with(&[("services.tasks.url", "http://127.0.0.1:9".to_owned())]).await;
    let user = stack.analyst();
    let path = format!("/v1/files/{}", user.upload(POSTS).await);
    let answer = user.delete(&path).await;
    assert_eq!(answer.summary(), "503 unavailable: the tasks service is not available at the moment");
    assert_eq!(answer.header("retry-after"), "1");
    assert_eq!(user.get(&format!("{path}/content")).await.text(), POSTS);
}

#[actix_web::test]
async fn the_service_is_ready_with_its_database_and_its_storage() {
    let stack = Stack::start().await;
    let answer = Answer::of(stack.request(Method::GET, "/readyz")).await;
    assert_eq!(answer.json(), json!({"status": "ready", "checks": {"database": "ok", "storage": "ok"}}));
}

#[test]
fn every_operation_is_described() {
    let document = serde_json::to_value(dallosh_files::openapi()).unwrap();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (_, operation) in item.as_object().unwrap().iter().filter(|_| path.starts_with("/v1/")) {
            let id = operation["operationId"].as_str().unwrap();
            assert_eq!(operation["tags"], json!(["files"]), "{id}");
            assert!(operation["summary"].is_string() && operation["responses"]["default"].is_object(), "{id}");
            operations.push(id);
        }
    }
    operations.sort_unstable();
    let expected = [
        "append_upload",
        "create_upload",
        "delete_file",
        "delete_upload",
        "describe_uploads",
        "get_file",
        "get_file_content",
        "head_file_content",
        "head_upload",
        "list_file_rejects",
        "list_file_rows",
        "list_files",
        "preview_file",
        "profile_file",
        "update_file",
        "upload_file",
    ];
    assert_eq!(operations, expected);
}
