//! `GET /v1/files/{id}/rows`, of files in a folder and in S3.

use std::{fmt::Write as _, time::Duration};

use bytes::Bytes;
use dallosh_storage::{Key, PutMode};
use reqwest::Method;
use serde_json::{Value, json};

use crate::stack::{Answer, Stack, User};

/// Makes a test of each function below, on what the named function starts.
macro_rules! suite {
    ($start:path) => {
        super::suite! { $start:
            any_rows_are_shown_by_their_number_as_they_stand_in_the_file
            offset_and_limit_are_coerced_and_never_refused
            where_rows_lie_is_found_out_once_and_goes_with_the_dialect_and_the_file
            each_stage_has_its_own_rows_once_it_is_there_and_new_ones_when_it_is_written_again
            only_outliers_or_only_duplicates_are_shown_where_there_are_such_rows
            a_page_stays_small_and_tells_that_it_ends_early
            rows_are_shown_to_their_owner_alone
        }
    };
    ($start:path: $($name:ident)*) => {
        $(
            #[actix_web::test]
            async fn $name() {
                super::$name($start().await).await;
            }
        )*
    };
}
use suite;

mod local {
    super::suite!(crate::stack::Stack::start);
}

#[cfg(feature = "aws")]
mod s3 {
    super::suite!(crate::stack::Stack::on_s3);
}

/// Asks until it is known where the rows lie, which a tag tells.
async fn indexed(user: &User<'_>, path: &str) -> Answer {
    for _ in 0..600 {
        let answer = user.get_made(path).await;
        if answer.status != 200 || !answer.header("etag").is_empty() {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no index after half a minute");
}

async fn put(stack: &Stack, key: &str, content: &str) {
    let mut writer = stack.storage.writer(&Key::parse(key).unwrap(), PutMode::Overwrite).await.unwrap();
    writer.write(Bytes::from(content.to_owned())).await.unwrap();
    writer.commit().await.unwrap();
}

/// What is kept of where rows lie.
async fn indexes(stack: &Stack) -> Vec<Key> {
    let known = stack.storage.list(&Key::parse("profiles").unwrap()).await.unwrap();
    known.into_iter().filter(|key| key.as_str().contains("-rows-")).collect()
}

fn column(page: &Value, name: &str) -> Vec<String> {
    page["rows"].as_array().unwrap().iter().map(|row| row[name].as_str().unwrap().to_owned()).collect()
}

/// 10,000 rows, some of which span lines, and a row that can't be read behind each hundredth.
fn posts() -> String {
    let mut content = "id;full_text;likes\r\n".to_owned();
    for id in 0..10_000 {
        write!(content, "{id};\"no network;\r\nsince {id}\";{}\r\n", id % 7).unwrap();
        if id % 500 == 499 {
            content.push_str("only one cell\r\n");
        }
    }
    content
}

async fn any_rows_are_shown_by_their_number_as_they_stand_in_the_file(stack: Stack) {
    let user = stack.analyst();
    let path = format!("/v1/files/{}/rows", user.upload(posts()).await);
    for (offset, limit) in [(0_u64, 3_usize), (499, 4), (4_095, 200), (9_990, 100), (9_999, 1)] {
        let page = indexed(&user, &format!("{path}?offset={offset}&limit={limit}")).await.json();
        let ids: Vec<_> = (offset..10_000).take(limit).map(|id| id.to_string()).collect();
        assert_eq!(column(&page, "id"), ids, "{offset} {limit}");
        assert_eq!(column(&page, "full_text")[0], format!("no network;\r\nsince {offset}"));
        assert_eq!((&page["offset"], &page["total_rows"]), (&json!(offset), &json!(10_000)));
        assert_eq!(page["truncated"], json!(false));
        assert_eq!(page["columns"][2], json!({"name": "likes", "type": "integer"}));
    }
    let behind = indexed(&user, &format!("{path}?offset=10000")).await.json();
    assert_eq!((&behind["rows"], &behind["total_rows"]), (&json!([]), &json!(10_000)));
}

async fn offset_and_limit_are_coerced_and_never_refused(stack: Stack) {
    let user = stack.analyst();
    let path = format!("/v1/files/{}/rows", user.upload(posts()).await);
    for (query, rows, first) in [
        ("", 100, "0"),
        ("?offset=-5&limit=0", 1, "0"),
        ("?offset=7&limit=9999", 500, "7"),
        ("?offset=7&limit=-1", 1, "7"),
    ] {
        let page = user.get_made(&format!("{path}{query}")).await.json();
        assert_eq!((column(&page, "id").len(), &*column(&page, "id")[0]), (rows, first), "{query}");
    }
    let last = user.get_made(&format!("{path}?offset={}", i64::MAX)).await.json();
    assert_eq!(last["rows"], json!([]));
}

async fn where_rows_lie_is_found_out_once_and_goes_with_the_dialect_and_the_file(stack: Stack) {
    let user = stack.analyst();
    let file = user.upload("a,b;c\n1,2;3\n4,5;6\n").await;
    let path = format!("/v1/files/{file}/rows?offset=1");
    let first = indexed(&user, &path).await;
    assert_eq!(first.json()["rows"], json!([{"a,b": "4,5", "c": "6"}]));
    let objects = indexes(&stack).await;
    assert_eq!(objects.len(), 1);
    let tag = first.header("etag");
    let again = Answer::of(user.request(Method::GET, &path).header("if-none-match", tag)).await;
    assert_eq!((again.status, again.header("etag"), again.text()), (304, tag, ""));
    assert_eq!(indexes(&stack).await, objects);

    let other = json!({"dialect": {"encoding": "utf-8", "delimiter": ",", "quote": "\"", "has_header": true}});
    assert_eq!(user.patch(&format!("/v1/files/{file}"), other).await.status, 200);
    let second = indexed(&user, &path).await;
    assert_ne!(second.header("etag"), tag);
    assert_eq!(second.json()["rows"], json!([{"a": "4", "b;c": "5;6"}]));
    assert_eq!(indexes(&stack).await.len(), 1, "the older one is gone");
    assert_eq!(user.delete(&format!("/v1/files/{file}")).await.status, 204);
    for folder in ["datasets", "cleaned", "analysed", "rejects", "removed", "tables", "uploads", "profiles"] {
        assert_eq!(stack.storage.list(&Key::parse(folder).unwrap()).await.unwrap(), []);
    }
}

async fn each_stage_has_its_own_rows_once_it_is_there_and_new_ones_when_it_is_written_again(stack: Stack) {
    let user = stack.analyst();
    let file = user.upload(posts()).await;
    for stage in ["cleaned", "analysed", "removed"] {
        let path = format!("/v1/files/{file}/rows?stage={stage}");
        assert_eq!(user.get(&path).await.summary(), format!("404 not_found: the file has no {stage} content yet"));
        for rows in ["1,a,a\n", "1,a,a\n2,b,b\n"] {
            put(&stack, &format!("{stage}/{file}.csv"), &format!("id,full_text,clean_text\n{rows}")).await;
            let page = indexed(&user, &path).await.json();
            assert_eq!(page["total_rows"], json!(rows.lines().count()));
            assert_eq!(column(&page, "id").len(), rows.lines().count());
        }
    }
}

async fn only_outliers_or_only_duplicates_are_shown_where_there_are_such_rows(stack: Stack) {
    let user = stack.analyst();
    let file = user.upload(posts()).await;
    let path = format!("/v1/files/{file}/rows");
    let mut cleaned = "id,clean_text,is_outlier\n".to_owned();
    for id in 0..9_000 {
        writeln!(cleaned, "{id},true,{}", id % 100 == 7).unwrap();
    }
    put(&stack, &format!("cleaned/{file}.csv"), &cleaned).await;
    let removed = "line,reason,id\n3,duplicate id,1\n4,outlier,2\n9,duplicate row,\n";
    put(&stack, &format!("removed/{file}.csv"), removed).await;

    let outliers = indexed(&user, &format!("{path}?stage=cleaned&only=outliers&offset=88&limit=10")).await.json();
    assert_eq!(
        (column(&outliers, "id"), &outliers["total_rows"]),
        (vec!["8807".to_owned(), "8907".to_owned()], &json!(90))
    );
    for (only, lines) in [("duplicates", vec!["3", "9"]), ("outliers", vec!["4"])] {
        let page = indexed(&user, &format!("{path}?stage=removed&only={only}")).await.json();
        assert_eq!(
            (column(&page, "line"), &page["total_rows"]),
            (lines.iter().map(ToString::to_string).collect(), &json!(lines.len()))
        );
    }
    for query in ["only=outliers", "only=duplicates", "stage=cleaned&only=duplicates"] {
        let refused = user.get(&format!("{path}?{query}")).await;
        assert_eq!(refused.code(), "422 validation", "{query}");
    }
}

async fn a_page_stays_small_and_tells_that_it_ends_early(stack: Stack) {
    let user = stack.analyst();
    let cell = "x".repeat(200_000);
    let content = (0..12).fold("id,full_text\n".to_owned(), |all, id| format!("{all}{id},{cell}\n"));
    let path = format!("/v1/files/{}/rows", user.upload(content).await);
    let mut ids = Vec::new();
    while ids.len() < 12 {
        let page = user.get_made(&format!("{path}?offset={}&limit=12", ids.len())).await.json();
        let found = column(&page, "id");
        assert!((1..6).contains(&found.len()), "{}", found.len());
        ids.extend(found);
        assert_eq!(page["truncated"], json!(ids.len() < 12));
    }
    assert_eq!(ids, (0..12).map(|id| id.to_string()).collect::<Vec<_>>());
}

async fn rows_are_shown_to_their_owner_alone(stack: Stack) {
    let path = format!("/v1/files/{}/rows", stack.analyst().upload(posts()).await);
    assert_eq!(stack.analyst().get(&path).await.code(), "404 not_found");
    assert_eq!(stack.user([]).get(&path).await.code(), "403 forbidden");
    assert_eq!(Answer::of(stack.request(Method::GET, &path)).await.code(), "401 unauthorized");
}
