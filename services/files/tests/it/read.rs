//! Previews, downloads and rejects.

use std::fmt::Write as _;

use actix_web::rt::System;
use bytes::Bytes;
use dallosh_storage::{Key, PutMode};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::stack::{Answer, Stack, User};

/// Puts a stage beside the original, as the worker does.
pub async fn put(stack: &Stack, folder: &str, file: &str, content: &str) {
    let key = Key::parse(format!("{folder}/{file}.csv")).unwrap();
    let mut writer = stack.storage.writer(&key, PutMode::Overwrite).await.unwrap();
    writer.write(Bytes::copy_from_slice(content.as_bytes())).await.unwrap();
    writer.commit().await.unwrap();
}

async fn fetch(user: &User<'_>, path: &str, headers: &[(&str, &str)]) -> Answer {
    let request =
        headers.iter().fold(user.request(Method::GET, path), |request, (name, value)| request.header(*name, *value));
    Answer::of(request).await
}

#[actix_web::test]
async fn a_preview_shows_every_cell_as_the_exact_string_in_the_order_of_the_columns() {
    let stack = Stack::start().await;
    let user = stack.analyst();
    let content = "\u{feff}zeta;full_text;id;likes\r\n00123;\"say \"\"hi\"\";\r\nplease 🙏\";1234567890123456789;1e5\r\nNaN;=SUM(A1);9007199254740993;-5\r\n";
    let file = user.upload(content).await;
    let answer = user.get(&format!("/v1/files/{file}/preview?rows=100&stage=original")).await;
    assert_eq!(answer.status, 200, "{}", answer.summary());
    let preview = answer.json();
    let names: Vec<_> = preview["columns"].as_array().unwrap().iter().map(|column| &column["name"]).collect();
    assert_eq!(names, ["zeta", "full_text", "id", "likes"]);
    assert!(preview["columns"].as_array().unwrap().iter().all(|column| column["type"].is_string()));
    assert_eq!(
        preview["rows"],
        json!([
            {"zeta": "00123", "full_text": "say \"hi\";\r\nplease 🙏", "id": "1234567890123456789", "likes": "1e5"},
            {"zeta": "NaN", "full_text": "=SUM(A1)", "id": "9007199254740993", "likes": "-5"},
        ])
    );
    assert_eq!((&preview["total_rows"], &preview["truncated"]), (&json!(2), &json!(false)));
    let row = answer.text().split("\"rows\":[").nth(1).unwrap();
    assert!(row.starts_with("{\"zeta\":\"00123\",\"full_text\":"), "{row}");
}

#[actix_web::test]
async fn a_preview_has_1_to_500_rows_and_says_when_there_are_more() {
    let stack = Stack::start().await;
    let user = stack.analyst();
    let mut content = "id,full_text\n".to_owned();
    (0..700).for_each(|number| writeln!(content, "{number},text").unwrap());
    let file = user.upload(content).await;
    for (query, rows) in [("", 100), ("?rows=0", 1), ("?rows=-3", 1), ("?rows=7", 7), ("?rows=100000", 500)] {
        let preview = user.get(&format!("/v1/files/{file}/preview{query}")).await.json();
        assert_eq!(preview["rows"].as_array().unwrap().len(), rows, "{query}");
        assert_eq!((&preview["total_rows"], &preview["truncated"]), (&json!(700), &json!(true)));
    }
    assert_eq!(user.get(&format!("/v1/files/{file}/preview?rows=many")).await.code(), "422 validation");
    assert_eq!(user.get(&format!("/v1/files/{file}/preview?stage=raw")).await.code(), "422 validation");
}

#[actix_web::test]
async fn a_preview_looks_at_256_kib_of_a_huge_file() {
    let stack = Stack::start().await;
    let user = stack.analyst();
    let file = user.upload("id,full_text\n1,a\n").await;
    let mut content = "id,full_text\n".to_owned();
    while content.len() <= 256 << 10 {
        content.push_str("1,some text\n");
    }
    put(&stack, "analysed", &file, &content).await;
    // From here to 64 GiB there is a hole, full of zeros: whoever looks at them finds the file binary.
    let object = std::fs::File::options().write(true).open(stack.object(&format!("analysed/{file}.csv"))).unwrap();
    object.set_len(64 << 30).unwrap();
    let preview = user.get(&format!("/v1/files/{file}/preview?stage=analysed&rows=500")).await;
    assert_eq!(preview.status, 200, "{}", preview.summary());
    let preview = preview.json();
    assert_eq!(preview["rows"].as_array().unwrap().len(), 500);
    assert_eq!((&preview["total_rows"], &preview["truncated"]), (&Value::Null, &json!(true)));
}

#[actix_web::test]
async fn later_stages_are_shown_and_downloaded_once_they_are_there() {
    let stack = Stack::start().await;
    let user = stack.analyst();
    let file =
        user.upload_as("posts.tsv", "id\tfull_text\n1\ta\n2\ta\n").await.json()["uid"].as_str().unwrap().to_owned();
    for stage in ["cleaned", "analysed"] {
        let detail = format!("404 not_found: the file has no {stage} content yet");
        assert_eq!(user.get(&format!("/v1/files/{file}/preview?stage={stage}")).await.summary(), detail);
        assert_eq!(user.get(&format!("/v1/files/{file}/content?stage={stage}")).await.summary(), detail);
    }
    put(&stack, "cleaned", &file, "id,full_text,clean_text\n1,\"a\nb\",a b\n").await;
    let preview = user.get(&format!("/v1/files/{file}/preview?stage=cleaned")).await.json();
    assert_eq!(preview["rows"], json!([{"id": "1", "full_text": "a\nb", "clean_text": "a b"}]));
    assert_eq!((&preview["total_rows"], &preview["truncated"]), (&json!(1), &json!(false)));

    let path = format!("/v1/files/{file}/content?stage=cleaned&format=csv");
    let first = user.get(&path).await;
    assert_eq!(first.text(), "id,full_text,clean_text\n1,\"a\nb\",a b\n");
    assert_eq!(
        first.header("content-disposition"),
        "attachment; filename=\"posts-cleaned.csv\"; filename*=UTF-8''posts-cleaned.csv"
    );
    put(&stack, "cleaned", &file, "id,full_text,clean_text\n").await;
    let again = fetch(&user, &path, &[("if-none-match", first.header("etag"))]).await;
    assert_eq!((again.status, again.text()), (200, "id,full_text,clean_text\n"), "another content has another tag");
    assert_eq!(user.get(&format!("/v1/files/{file}/preview?stage=cleaned")).await.json()["rows"], json!([]));
}

#[actix_web::test]
async fn the_original_is_downloaded_byte_for_byte_as_a_file_that_no_browser_shows() {
    let stack = Stack::start().await;
    let user = stack.analyst();
    let content = b"id;full_text\r\n1;caf\xe9 <script>\r\n".as_slice();
    let body =
        b"--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"p.csv\"\r\nContent-Type: text/html\r\n\r\n";
    let body = [body.as_slice(), content, b"\r\n--x--\r\n"].concat();
    let answer = user.send_form("/v1/files", body).await;
    assert_eq!(answer.status, 201, "{}", answer.summary());
    let file = answer.json();
    assert_eq!(file["data"]["dialect"]["encoding"], json!("windows-1252"));
    let path = format!("/v1/files/{}/content", file["uid"].as_str().unwrap());
    let answer = user.get(&path).await;
    assert_eq!((answer.status, answer.body.as_slice()), (200, content));
    assert_eq!(answer.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(answer.header("accept-ranges"), "bytes");
    assert_eq!(answer.header("content-length"), content.len().to_string());
    assert!(answer.header("content-disposition").starts_with("attachment;"));

    let head = Answer::of(user.request(Method::HEAD, &path)).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    for name in ["content-type", "content-length", "etag", "content-disposition", "accept-ranges"] {
        assert_eq!(head.header(name), answer.header(name), "{name}");
    }
    let format = user.get(&format!("{path}?format=ods")).await;
    assert_eq!((format.code().as_str(), &format.json()["errors"][0]["pointer"]), ("422 validation", &json!("/format")));
}

#[actix_web::test]
async fn a_download_s_name_can_not_add_a_header() {
    let stack = Stack::start().await;
    let user = stack.analyst();
    let file = user.upload("id,full_text\n1,a\n").await;
    let name = "données \"mai\"\r\nX-Evil: 1; 100%.csv";
    assert_eq!(user.patch(&format!("/v1/files/{file}"), json!({"filename": name})).await.status, 200);
    let answer = user.get(&format!("/v1/files/{file}/content")).await;
    assert_eq!(answer.headers.get("x-evil"), None);
    assert_eq!(
        answer.header("content-disposition"),
        "attachment; filename=\"donn_es _mai_X-Evil_ 1_ 100_.csv\"; \
         filename*=UTF-8''donn%C3%A9es%20%22mai%22X-Evil%3A%201%3B%20100%25.csv"
    );
}

#[actix_web::test]
async fn one_range_is_answered_with_its_bytes() {
    let stack = Stack::start().await;
    let user = stack.analyst();
    let content = "full_text\nzero one two three\n";
    let file = user.upload(content).await;
    let path = format!("/v1/files/{file}/content");
    let etag = user.get(&path).await.header("etag").to_owned();
    let size = content.len();
    for (range, from, to) in [
        ("bytes=0-3", 0, 4),
        ("bytes=5-5", 5, 6),
        ("bytes=10-", 10, size),
        ("bytes=-6", size - 6, size),
        ("bytes=-1000", 0, size),
        ("bytes=20-1000", 20, size),
    ] {
        let answer = fetch(&user, &path, &[("range", range), ("if-range", &etag)]).await;
        assert_eq!((answer.status, answer.text()), (206, &content[from..to]), "{range}");
        assert_eq!(answer.header("content-range"), format!("bytes {from}-{}/{size}", to - 1));
        assert_eq!(answer.header("content-length"), (to - from).to_string());
    }
    for range in ["bytes=0-1,5-6", "bytes=x-y", "lines=1-2", "bytes 1-2"] {
        assert_eq!(fetch(&user, &path, &[("range", range)]).await.status, 200, "{range}");
    }
    let stale = fetch(&user, &path, &[("range", "bytes=0-3"), ("if-range", "\"another\"")]).await;
    assert_eq!((stale.status, stale.text()), (200, content), "the whole of what is there now");
    for range in [format!("bytes={size}-"), "bytes=-0".to_owned()] {
        let outside = fetch(&user, &path, &[("range", &range)]).await;
        assert_eq!(outside.code(), "416 range_not_satisfiable", "{range}");
        assert_eq!(outside.header("content-range"), format!("bytes */{size}"));
    }
}

/// Whatever stands in `Range`: the whole, the part that it names, or a word of what there is.
#[test]
fn any_range_is_answered_with_the_bytes_that_the_answer_names() {
    let runtime = System::new();
    let content = "full_text\nzero one two three\n";
    let stack = runtime.block_on(Stack::start());
    let user = stack.analyst();
    let path = format!("/v1/files/{}/content", runtime.block_on(user.upload(content)));
    let mut runner = TestRunner::new(Config { cases: 300, failure_persistence: None, ..Config::default() });
    let ranges = prop_oneof![
        4 => "bytes=[0-9]{0,3}-[0-9]{0,3}",
        2 => "bytes= ?[0-9]{0,20}-[0-9]{0,20}(, ?[0-9]{0,2}-[0-9]{0,2}){0,3}",
        1 => "(bytes|Bytes|lines)[=: ]{0,2}[-0-9a-f,=]{0,12}",
        1 => "[ -~]{0,30}",
    ];
    let property = |range: String| {
        let answer = runtime.block_on(fetch(&user, &path, &[("range", &range)]));
        match answer.status {
            200 => prop_assert_eq!(answer.text(), content),
            206 => {
                let named =
                    answer.header("content-range").strip_prefix("bytes ").and_then(|named| named.split_once('/'));
                let (part, size) = named.unwrap();
                let (first, last) = part.split_once('-').unwrap();
                let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
                prop_assert_eq!(size, content.len().to_string());
                prop_assert_eq!(answer.text(), &content[first..=last]);
            }
            _ => {
                prop_assert_eq!(answer.code(), "416 range_not_satisfiable");
                prop_assert_eq!(answer.header("content-range"), format!("bytes */{}", content.len()));
            }
        }
        Ok(())
    };
    runner.run(&ranges, property).unwrap();
}

#[actix_web::test]
async fn a_client_that_has_the_content_is_not_sent_it_again() {
    let stack = Stack::start().await;
    let user = stack.analyst();
    let file = user.upload("full_text\na b c\n").await;
    let path = format!("/v1/files/{file}/content");
    let etag = user.get(&path).await.header("etag").to_owned();
    for tag in [etag.as_str(), "*", &format!("\"other\", W/{etag}")] {
        let answer = fetch(&user, &path, &[("if-none-match", tag)]).await;
        assert_eq!((answer.status, answer.body.len(), answer.header("etag")), (304, 0, etag.as_str()));
    }
    assert_eq!(fetch(&user, &path, &[("if-none-match", "\"other\"")]).await.status, 200);
}

#[actix_web::test]
async fn rows_that_can_not_be_read_are_listed_with_their_lines_page_by_page() {
    let stack = Stack::start().await;
    let user = stack.analyst();
    let mut content = "id,full_text\n".to_owned();
    for number in 0..400 {
        if number % 150 == 100 {
            writeln!(content, "{number},one,too many").unwrap();
        } else {
            writeln!(content, "{number},\"two\nlines\"").unwrap();
        }
    }
    let file = user.upload(&content).await;
    let path = format!("/v1/files/{file}/rejects");
    let whole = user.get(&path).await.json();
    assert_eq!(whole["total"], json!(2));
    assert_eq!(
        whole["items"],
        json!([
            {"line": 202, "column": 3, "reason": "3 cells instead of 2", "raw": "100,one,too many"},
            {"line": 501, "column": 3, "reason": "3 cells instead of 2", "raw": "250,one,too many"},
        ])
    );
    assert_eq!(whole["next_cursor"], Value::Null);
    let first = user.get(&format!("{path}?limit=1")).await.json();
    assert_eq!(first["items"], json!([whole["items"][0]]));
    let second = user.get(first["_links"]["next"].as_str().unwrap()).await.json();
    assert_eq!((&second["items"], &second["next_cursor"]), (&json!([whole["items"][1]]), &Value::Null));
    assert_eq!(user.get(&format!("{path}?cursor=x")).await.code(), "422 validation");
    let clean = user.upload("full_text\nfine\n").await;
    assert_eq!(user.get(&format!("/v1/files/{clean}/rejects")).await.json()["items"], json!([]));
}
