//! `POST /v1/files`.

use std::cell::Cell;

use actix_web::rt::System;
use dallosh_contracts::Permission;
use futures::future::join_all;
use proptest::{
    collection::vec,
    prelude::*,
    sample::Index,
    test_runner::{Config, TestRunner},
};
use reqwest::Method;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::stack::{ANALYST, Answer, Stack, exchange, form};

const POSTS: &str =
    "\u{feff}id,full_text,likes\n1,\"No network, since \"\"this\"\" morning\",3\n2,\"Merci\nbeaucoup 🙏\",0\n";

#[actix_web::test]
async fn an_upload_is_hashed_described_and_kept_byte_for_byte() {
    let stack = Stack::start().await;
    let user = stack.analyst();
    let answer = user.upload_as("posts.csv", POSTS).await;
    assert_eq!(answer.status, 201, "{}", answer.summary());
    let file = answer.json();
    let uid = file["uid"].as_str().unwrap();
    assert_eq!(answer.header("location"), format!("/v1/files/{uid}"));
    assert_eq!(answer.header("etag"), "\"1\"");
    assert_eq!(
        file["data"],
        json!({
            "filename": "posts.csv",
            "size": POSTS.len(),
            "file_path": format!("datasets/{uid}.csv"),
            "extension": "csv",
            "type": "text/csv",
            "sha256": hex::encode(Sha256::digest(POSTS)),
            "dialect": {"encoding": "utf-8", "delimiter": ",", "quote": "\"", "has_header": true},
            "columns": ["id", "full_text", "likes"],
            "row_count": 2,
            "rejected_rows": 0,
            "text_column": "full_text",
            "warnings": [],
            "owner": user.uid,
        })
    );
    assert_eq!(file["createdBy"], json!(user.uid));
    assert_eq!(file["_links"]["self"], json!(format!("/v1/files/{uid}")));
    assert_eq!(std::fs::read(stack.object(&format!("datasets/{uid}.csv"))).unwrap(), POSTS.as_bytes());
    assert_eq!(user.get(&format!("/v1/files/{uid}")).await.json(), file);
}

#[actix_web::test]
async fn an_upload_of_many_pieces_is_the_same_as_one_of_one() {
    let stack = Stack::start().await;
    let mut content = b"id,full_text\r\n".to_vec();
    for number in 0..60_000_u64 {
        content.extend_from_slice(format!("{},\"post\r\n--{number}, of many\"\r\n", number + (1 << 60)).as_bytes());
    }
    assert!(content.len() > 2 << 20);
    let answer = stack.analyst().upload_as("posts.csv", &content).await;
    let data = &answer.json()["data"];
    assert_eq!(data["row_count"], json!(60_000));
    assert_eq!(data["sha256"], json!(hex::encode(Sha256::digest(&content))));
    let kept = stack.object(data["file_path"].as_str().unwrap());
    assert!(std::fs::read(kept).unwrap() == content);
}

#[actix_web::test]
async fn a_client_s_file_name_is_never_a_path() {
    let stack = Stack::start().await;
    let user = stack.analyst();
    let long = format!("{}.csv", "n".repeat(4092));
    let names = ["../../etc/cron.d/x", "/etc/passwd", "..%2fx.csv", "..\\x", "CON", &long, ".htaccess", "-rf", "a#1"];
    for name in names {
        let file = user.upload_as(name, POSTS).await.json();
        let path = file["data"]["file_path"].as_str().unwrap();
        assert_eq!(path, format!("datasets/{}.csv", file["uid"].as_str().unwrap()));
        let shown = file["data"]["filename"].as_str().unwrap();
        assert!(!shown.contains(['/', '\\']) && shown.chars().count() <= 255, "{shown}");
        assert!(stack.object(path).is_file());
    }
    assert_eq!(stack.objects().len(), names.len());
}

#[actix_web::test]
async fn a_form_that_is_not_one_file_is_refused_and_leaves_nothing() {
    let stack = Stack::start().await;
    let user = stack.analyst();
    let file = "form-data; name=\"file\"; filename=\"a.csv\"";
    let content = POSTS.as_bytes();
    let headers = "\r\nX-More: 1".repeat(33);
    for (body, summary) in [
        (form(&[]), "400 bad_upload: the form has no part"),
        (form(&[(file, content), (file, content)]), "400 bad_upload: the form has more than one part; send one file"),
        (
            form(&[(file, content), ("form-data; name=\"note\"", b"x")]),
            "400 bad_upload: the form has more than one part; send one file",
        ),
        (
            form(&[("form-data; name=\"data\"; filename=\"a.csv\"", content)]),
            "400 bad_upload: the form has a part that is not named `file`",
        ),
        (form(&[("form-data; name=\"file\"", content)]), "400 bad_upload: the part `file` has no filename"),
        (form(&[(&format!("{file}{headers}"), content)]), "400 bad_upload: the form can't be read"),
        (b"--x\r\n".to_vec(), "400 bad_upload: the upload broke off before its end"),
        (form(&[(file, content)])[..120].to_vec(), "400 bad_upload: the upload broke off before its end"),
    ] {
        assert_eq!(user.send_form("/v1/files", body).await.summary(), summary);
    }
    for (kind, code) in [
        ("multipart/form-data", "400 bad_upload"),
        ("multipart/form-data; boundary=", "400 bad_upload"),
        ("application/json", "415 unsupported_media_type"),
        ("text/csv", "415 unsupported_media_type"),
    ] {
        let request =
            user.request(Method::POST, "/v1/files").header("content-type", kind).body(form(&[(file, content)]));
        assert_eq!(Answer::of(request).await.code(), code, "{kind}");
    }
    let request = user.request(Method::POST, "/v1/files").body(POSTS);
    assert_eq!(Answer::of(request).await.code(), "400 bad_upload");
    assert_eq!(stack.objects(), Vec::<String>::new());
    assert_eq!(user.get("/v1/files").await.json()["items"], json!([]));
}

/// What happens to a form on its way.
#[derive(Debug, Clone)]
enum Damage {
    Cut(Index),
    Byte(Index, u8),
    Removed(Index, usize),
    Twice(Index, usize),
    Inserted(Index, Vec<u8>),
}

impl Damage {
    fn of(self, form: &mut Vec<u8>) {
        let range = |place: Index, length: usize| {
            let first = place.index(form.len());
            first..(first + length).min(form.len())
        };
        match self {
            Self::Cut(place) => form.truncate(place.index(form.len())),
            Self::Byte(place, bits) => {
                let place = place.index(form.len());
                form[place] ^= bits;
            }
            Self::Removed(place, length) => drop(form.drain(range(place, length))),
            Self::Twice(place, length) => {
                let range = range(place, length);
                let piece = form[range.clone()].to_vec();
                form.splice(range.end..range.end, piece);
            }
            Self::Inserted(place, bytes) => {
                let place = place.index(form.len());
                form.splice(place..place, bytes);
            }
        }
    }
}

#[test]
fn a_damaged_form_is_taken_whole_or_refused_and_leaves_nothing() {
    let damage = prop_oneof![
        any::<Index>().prop_map(Damage::Cut),
        (any::<Index>(), 1_u8..=255).prop_map(|(place, bits)| Damage::Byte(place, bits)),
        (any::<Index>(), 1_usize..80).prop_map(|(place, length)| Damage::Removed(place, length)),
        (any::<Index>(), 1_usize..200).prop_map(|(place, length)| Damage::Twice(place, length)),
        (
            any::<Index>(),
            prop_oneof![vec(any::<u8>(), 1..20), Just(b"\r\n--x\r\n".to_vec()), Just(b"\r\n--x--\r\n".to_vec())]
        )
            .prop_map(|(place, bytes)| Damage::Inserted(place, bytes)),
    ];
    let runtime = System::new();
    let stack = runtime.block_on(Stack::start());
    let user = stack.analyst();
    let whole = form(&[("form-data; name=\"file\"; filename=\"a.csv\"", POSTS.as_bytes())]);
    let taken = Cell::new(0);
    let mut runner = TestRunner::new(Config { cases: 300, failure_persistence: None, ..Config::default() });
    let property = |damages: Vec<Damage>| {
        let mut body = whole.clone();
        for damage in damages {
            // A form of which nothing is left can't be damaged any more.
            if !body.is_empty() {
                damage.of(&mut body);
            }
        }
        let answer = runtime.block_on(user.send_form("/v1/files", body));
        prop_assert!(answer.status < 500, "{}", answer.summary());
        taken.set(taken.get() + usize::from(answer.status == 201));
        prop_assert_eq!(stack.objects().len(), taken.get());
        Ok(())
    };
    runner.run(&vec(damage, 1..4), property).unwrap();
    assert!(taken.get() < 300, "every form was taken");
}

#[actix_web::test]
async fn a_boundary_may_arrive_byte_by_byte() {
    let stack = Stack::start().await;
    let mut bytes = stack.analyst().upload_head("Transfer-Encoding: chunked").into_bytes();
    for byte in form(&[("form-data; name=\"file\"; filename=\"a.csv\"", POSTS.as_bytes())]) {
        bytes.extend_from_slice(&[b'1', b'\r', b'\n', byte, b'\r', b'\n']);
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    let answer = exchange(&stack, &bytes).await;
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert!(answer.contains(&hex::encode(Sha256::digest(POSTS))), "{answer}");
}

#[actix_web::test]
async fn more_than_the_limit_is_refused_whether_it_is_announced_or_not() {
    let stack = Stack::with(&[("files.max_bytes", "100 KiB".to_owned())]).await;
    let user = stack.analyst();
    let mut content = b"full_text\n".to_vec();
    content.resize(100 << 10, b'x');
    content.iter_mut().skip(10).step_by(50).for_each(|byte| *byte = b'\n');
    let answer = user.upload_as("posts.csv", &content).await;
    assert_eq!(answer.status, 201, "the limit itself is taken: {}", answer.summary());
    content.push(b'x');
    assert_eq!(user.upload_as("posts.csv", &content).await.summary(), "413 too_large: the file is larger than 100 KiB");
    content.resize(800 << 10, b'x');
    assert_eq!(user.upload_as("posts.csv", &content).await.code(), "413 too_large");
    let body = form(&[("form-data; name=\"file\"; filename=\"a.csv\"", &content)]);
    let mut bytes = user.upload_head("Transfer-Encoding: chunked").into_bytes();
    bytes.extend_from_slice(format!("{:x}\r\n", body.len()).as_bytes());
    bytes.extend_from_slice(&body);
    bytes.extend_from_slice(b"\r\n0\r\n\r\n");
    let answer = exchange(&stack, &bytes).await;
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("too_large"), "{answer}");
    assert_eq!(stack.objects().len(), 1);
}

#[actix_web::test]
async fn a_user_has_so_many_files_and_so_many_bytes_and_deleting_makes_room() {
    let stack =
        Stack::with(&[("files.max_per_user", "2".to_owned()), ("files.max_bytes_per_user", "200 KiB".to_owned())])
            .await;
    let user = stack.analyst();
    let mut large = b"full_text\n".to_vec();
    large.resize(150 << 10, b'x');
    large.iter_mut().skip(10).step_by(50).for_each(|byte| *byte = b'\n');
    let first = user.upload(&large).await;
    let bytes = "403 quota_exceeded: your files would be larger than 200 KiB together; delete some first";
    assert_eq!(user.upload_as("posts.csv", &large).await.summary(), bytes);
    // Announced, so refused before it arrives.
    let announced = user.upload_head(&format!("Content-Length: {}", 150 << 10));
    let begin = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\nfull_text\n";
    let mut connection = stack.connect().await;
    connection.write_all(format!("{announced}{begin}").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).await.unwrap();
    assert!(String::from_utf8_lossy(&answer).contains("quota_exceeded"), "{}", String::from_utf8_lossy(&answer));

    user.upload(POSTS).await;
    let files =
        "403 quota_exceeded: you have 2 files, those on their way included, and may have no more; delete some first";
    assert_eq!(user.upload_as("posts.csv", POSTS).await.summary(), files);
    assert_eq!(stack.objects().len(), 2, "what was refused left something");
    stack.analyst().upload(POSTS).await;
    assert_eq!(user.delete(&format!("/v1/files/{first}")).await.status, 204);
    user.upload(&large).await;
}

#[actix_web::test]
async fn of_uploads_that_end_at_once_no_more_are_taken_than_there_is_room_for() {
    let stack = Stack::with(&[("files.max_per_user", "3".to_owned())]).await;
    let user = stack.analyst();
    let answers = join_all((0..10).map(|_| user.upload_as("posts.csv", POSTS))).await;
    let (taken, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 201);
    assert_eq!((taken.len(), refused.len()), (3, 7));
    assert!(refused.iter().all(|answer| answer.code() == "403 quota_exceeded"));
    assert_eq!(stack.objects().len(), 3, "what was refused left something");
}

#[actix_web::test]
async fn content_that_is_no_table_is_refused_with_its_code_and_leaves_nothing() {
    let stack = Stack::start().await;
    let user = stack.analyst();
    let wide = format!("{}\n", vec!["c"; 10_000].join(","));
    let cell = format!("full_text\n{}\n", "x".repeat(300 << 10));
    let unclosed = "full_text,likes\nfine,1\n\"never closed,2\nrow,3\n";
    let cases: [(&str, &[u8], &str); 14] = [
        ("nothing", b"", "422 csv_empty: the file is empty"),
        ("blanks", b" \r\n \n", "422 csv_empty: the file is empty"),
        ("gzip", b"\x1f\x8b\x08\0\0\0\0\0", "415 unsupported_media_type: the file is gzip, not text"),
        ("zip", b"PK\x03\x04\x14\0", "415 unsupported_media_type: the file is zip/xlsx, not text"),
        ("pdf", b"%PDF-1.7\n", "415 unsupported_media_type: the file is pdf, not text"),
        ("png", b"\x89PNG\r\n\x1a\n", "415 unsupported_media_type: the file is png, not text"),
        ("html", b"<!DOCTYPE html><html></html>", "415 unsupported_media_type"),
        ("nul", b"full_text\nab\0c\n", "422 csv_binary"),
        ("quote", unclosed.as_bytes(), "422 csv_unclosed_quote: the quote opened on line 3"),
        ("utf-16 cut", b"\xff\xfei\0d\0\n\0\x00\xd8a\0\n\0", "422 csv_encoding"),
        ("columns", wide.as_bytes(), "422 csv_too_many_columns: 10000 columns, more than the limit of 1000"),
        ("cell", cell.as_bytes(), "422 csv_field_too_large"),
        ("two texts", b"full_text,full_text\nhello world,x\n", "422 text_column_required"),
        ("utf-16 without mark", b"i\0d\0,\0t\0\n\0x\0,\0a\0\n\0", "422 csv_"),
    ];
    for (what, content, expected) in cases {
        let summary = user.upload_as("posts.csv", content).await.summary();
        assert!(summary.starts_with(expected), "{what}: {summary}");
    }
    assert_eq!(stack.objects(), Vec::<String>::new());
    assert_eq!(user.get("/v1/files").await.json()["items"], json!([]));
}

#[actix_web::test]
async fn a_file_without_rows_is_taken() {
    let stack = Stack::start().await;
    let answer = stack.analyst().upload_as("posts.csv", "id,full_text\n").await;
    assert_eq!(answer.status, 201, "{}", answer.summary());
    assert_eq!(answer.json()["data"]["row_count"], json!(0));
}

#[actix_web::test]
async fn an_upload_that_breaks_off_leaves_no_object_and_no_document() {
    let mut stack = Stack::start().await;
    let user = stack.analyst();
    let body =
        form(&[("form-data; name=\"file\"; filename=\"a.csv\"", "full_text\nsome text\n".repeat(200_000).as_bytes())]);
    let mut bytes = user.upload_head(&format!("Content-Length: {}", body.len())).into_bytes();
    bytes.extend_from_slice(&body[..body.len() * 6 / 10]);
    let mut connection = stack.connect().await;
    connection.write_all(&bytes).await.unwrap();
    connection.shutdown().await.unwrap();
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).await.unwrap();
    assert_eq!(user.get("/v1/files").await.json()["items"], json!([]));
    drop(user);
    stack.stop().await;
    assert_eq!(stack.objects(), Vec::<String>::new());
}

#[actix_web::test]
async fn the_seventeenth_upload_at_once_is_told_to_come_back() {
    let stack = Stack::start().await;
    let user = stack.analyst();
    let mut open = Vec::new();
    for _ in 0..17 {
        let mut connection = stack.connect().await;
        let head = user.upload_head("Content-Length: 1000000");
        let begin = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\nfull_text\n";
        connection.write_all(format!("{head}{begin}").as_bytes()).await.unwrap();
        open.push(connection);
    }
    // Sixteen are let in and wait for more; whichever comes too late is the only one that is answered.
    let answers = open.iter_mut().map(|connection| {
        Box::pin(async move {
            let mut answer = [0; 1024];
            let read = connection.read(&mut answer).await.unwrap();
            String::from_utf8_lossy(&answer[..read]).to_lowercase()
        })
    });
    let (answer, _, _) = futures::future::select_all(answers).await;
    assert!(answer.starts_with("http/1.1 503"), "{answer}");
    assert!(answer.contains("retry-after: 1\r\n"), "{answer}");
}

#[actix_web::test]
async fn an_upload_makes_a_task_when_it_is_asked_to() {
    let stack = Stack::start().await;
    let user = stack.analyst();
    let body = || form(&[("form-data; name=\"file\"; filename=\"a.csv\"", POSTS.as_bytes())]);
    let answer = user.send_form("/v1/files?create_task=true", body()).await.json();
    assert!(answer["_links"]["task"].as_str().unwrap().starts_with("/v1/tasks/"));
    stack.tasks(|tasks| assert_eq!(tasks.made, [json!({"file_id": answer["uid"]})]));

    stack.tasks(|tasks| tasks.refuses = true);
    let answer = user.send_form("/v1/files?create_task=true", body()).await;
    assert_eq!(answer.status, 201, "the file stays: {}", answer.summary());
    assert_eq!(answer.json()["_links"].get("task"), None);

    let uploader = stack.user([Permission::ManageDatasets]);
    let answer = uploader.send_form("/v1/files?create_task=true", body()).await;
    assert_eq!(answer.summary(), "403 forbidden: this needs the permission `manage_tasks`");
    assert_eq!(stack.objects().len(), 2);
}

#[actix_web::test]
async fn an_upload_needs_a_token_and_the_permission_to_manage_datasets() {
    let stack = Stack::start().await;
    let body = || form(&[("form-data; name=\"file\"; filename=\"a.csv\"", POSTS.as_bytes())]);
    let request = stack.request(Method::POST, "/v1/files").header("content-type", "multipart/form-data; boundary=x");
    assert_eq!(Answer::of(request.body(body())).await.code(), "401 unauthorized");
    let reader = stack.user(ANALYST.into_iter().filter(|one| *one != Permission::ManageDatasets));
    let answer = reader.send_form("/v1/files", body()).await;
    assert_eq!(answer.summary(), "403 forbidden: this needs the permission `manage_datasets`");
    assert_eq!(stack.objects(), Vec::<String>::new());
}
