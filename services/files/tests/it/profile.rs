//! `GET /v1/files/{id}/profile`.

use std::fmt::Write as _;

use bytes::Bytes;
use dallosh_storage::{Key, PutMode};
use reqwest::Method;
use serde_json::json;

use crate::stack::{Answer, Stack};

const POSTS: &str = "id;full_text;likes\r\n1;No network since this morning, again;3\r\n2;no network since this morning again!;5\r\n3;;\r\n";

fn kept(stack: &Stack) -> Vec<String> {
    stack.objects().into_iter().filter(|name| name.contains(".json")).collect()
}

#[actix_web::test]
async fn a_profile_says_what_the_columns_hold_and_is_made_once() {
    let stack = Stack::start().await;
    let user = stack.analyst();
    let path = format!("/v1/files/{}/profile", user.upload(POSTS).await);
    let answer = user.get_made(&path).await;
    assert_eq!(answer.status, 200, "{}", answer.summary());
    let profile = answer.json();
    assert_eq!((&profile["rows"], &profile["rejected_rows"]), (&json!(3), &json!(0)));
    assert_eq!(
        profile["columns"][2],
        json!({
            "name": "likes", "type": "integer", "blank": 1, "distinct": 2, "distinct_is_estimate": false,
            "min": "3", "max": "5", "mean": "4", "lengths": {"min": 1, "max": 1, "mean": 1.0},
            "histogram": [
                {"from": "3", "to": "4", "count": 1},
                {"from": "4", "to": "5", "count": 0},
                {"from": "5", "to": "6", "count": 1},
            ],
            "top_values": [{"value": "3", "count": 1}, {"value": "5", "count": 1}],
            "top_values_are_estimates": false,
        })
    );
    let text = &profile["text"];
    assert_eq!(text["column"], json!("full_text"));
    assert_eq!((&text["empty"], &text["unique"], &text["duplicates"]), (&json!(1), &json!(1), &json!(1)));
    assert_eq!(text["languages"], json!([{"language": "eng", "texts": 2, "share": 1.0}]));

    let objects = kept(&stack);
    assert_eq!(objects.len(), 1);
    let again = user.get(&path).await;
    assert_eq!((again.status, &again.body), (200, &answer.body));
    let tag = answer.header("etag");
    let unchanged = Answer::of(user.request(Method::GET, &path).header("if-none-match", tag)).await;
    assert_eq!((unchanged.status, unchanged.header("etag"), unchanged.text()), (304, tag, ""));
    assert_eq!(kept(&stack), objects);
}

#[actix_web::test]
async fn a_file_that_is_read_another_way_gets_another_profile_in_place_of_the_first() {
    let stack = Stack::start().await;
    let user = stack.analyst();
    let file = user.upload("a,b;c\n1,2;3\n4,5;6\n").await;
    let path = format!("/v1/files/{file}/profile");
    let first = user.get_made(&path).await;
    let other = json!({"dialect": {"encoding": "utf-8", "delimiter": ",", "quote": "\"", "has_header": true}});
    assert_eq!(user.patch(&format!("/v1/files/{file}"), other).await.status, 200);
    let second = user.get_made(&path).await;
    assert_ne!(first.header("etag"), second.header("etag"));
    let names: Vec<_> =
        second.json()["columns"].as_array().unwrap().iter().map(|column| column["name"].clone()).collect();
    assert_eq!(names, ["a", "b;c"]);
    assert_eq!(kept(&stack).len(), 1);
    assert_eq!(user.delete(&format!("/v1/files/{file}")).await.status, 204);
    assert_eq!(stack.objects(), Vec::<String>::new());
}

#[actix_web::test]
async fn each_stage_has_a_profile_once_it_is_there() {
    let stack = Stack::start().await;
    let user = stack.analyst();
    let file = user.upload(POSTS).await;
    let path = format!("/v1/files/{file}/profile?stage=analysed");
    assert_eq!(user.get(&path).await.summary(), "404 not_found: the file has no analysed content yet");
    for rows in ["1,a,a\n", "1,a,a\n2,b,b\n"] {
        let key = Key::parse(format!("analysed/{file}.csv")).unwrap();
        let mut writer = stack.storage.writer(&key, PutMode::Overwrite).await.unwrap();
        writer.write(Bytes::from(format!("id,full_text,clean_text\n{rows}"))).await.unwrap();
        writer.commit().await.unwrap();
        let profile = user.get_made(&path).await.json();
        assert_eq!(profile["rows"], json!(rows.lines().count()));
        assert_eq!(profile["text"]["column"], json!("clean_text"));
    }
    user.get_made(&format!("/v1/files/{file}/profile")).await;
    assert_eq!(kept(&stack).len(), 2, "one for each stage");
}

#[actix_web::test]
async fn a_profile_that_takes_long_is_made_on_and_shared_by_all_who_ask() {
    let stack = Stack::start().await;
    let user = stack.analyst();
    let mut content = "id,full_text,likes\n".to_owned();
    for number in 0..60_000 {
        writeln!(content, "{number},this is post number {number} about the network,{}", number % 100).unwrap();
    }
    let path = format!("/v1/files/{}/profile", user.upload(content).await);
    let answers = futures::future::join_all((0..8).map(|_| user.get_made(&path))).await;
    assert!(answers.iter().all(|answer| answer.status == 200 && answer.body == answers[0].body));
    assert_eq!(answers[0].json()["rows"], json!(60_000));
    assert_eq!(kept(&stack).len(), 1);
}

#[actix_web::test]
async fn a_profile_of_another_user_s_file_or_without_the_permission_is_not_shown() {
    let stack = Stack::start().await;
    let file = stack.analyst().upload(POSTS).await;
    let path = format!("/v1/files/{file}/profile");
    assert_eq!(stack.analyst().get(&path).await.code(), "404 not_found");
    assert_eq!(stack.user([]).get(&path).await.code(), "403 forbidden");
    assert_eq!(stack.analyst().get(&format!("{path}?stage=raw")).await.code(), "422 validation");
}
