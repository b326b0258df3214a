//! Downloads in other formats.

use std::{fmt::Write as _, io::Cursor, ops::ControlFlow};

use bytes::Bytes;
use calamine::{Reader as _, Xlsx};
use dallosh_dataset::Table;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    read::put,
    stack::{Answer, Stack, User},
};

const ANALYSED: &str = "id,full_text,sentiment,priority,main_topic,enrichment_status,enrichment_error\n\
    9007199254740993,\"=a,\nb\",negative,2,007,ok,\n";

/// The cells of the first row of a Parquet file.
fn first_row(parquet: Vec<u8>) -> Vec<String> {
    let table = Table::open(Bytes::from(parquet)).unwrap();
    let names: Vec<_> = table.columns().iter().map(|column| column.source.clone()).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let mut row = Vec::new();
    let read = table.scan(&names, None, |batch| {
        row.extend(names.iter().map(|name| batch.cells(name).unwrap().text(0).into_owned()));
        ControlFlow::Break(())
    });
    read.unwrap();
    row
}

#[actix_web::test]
async fn a_stage_is_downloaded_in_every_format_under_a_name_of_it() {
    let stack = Stack::start().await;
    let user = stack.analyst();
    let file = user.upload("id,full_text\n9007199254740993,a\n").await;
    put(&stack, "analysed", &file, ANALYSED).await;
    let before = stack.objects();
    let path = |format: &str| format!("/v1/files/{file}/content?stage=analysed&format={format}");
    let cells = ["9007199254740993", "=a,\nb", "negative", "2", "007", "ok", ""];

    let jsonl = user.get(&path("jsonl")).await;
    assert_eq!(
        jsonl.text(),
        "{\"id\":\"9007199254740993\",\"full_text\":\"=a,\\nb\",\"sentiment\":\"negative\",\"priority\":2,\
         \"main_topic\":\"007\",\"enrichment_status\":\"ok\",\"enrichment_error\":\"\"}\n"
    );
    let parquet = user.get(&path("parquet")).await;
    assert_eq!(first_row(parquet.body.clone()), cells);
    let xlsx = user.get(&path("xlsx")).await;
    let mut workbook = Xlsx::new(Cursor::new(xlsx.body.clone())).unwrap();
    let sheet = workbook.worksheet_range_at(0).unwrap().unwrap();
    assert_eq!(sheet.rows().nth(1).unwrap().iter().map(ToString::to_string).collect::<Vec<_>>(), cells);
    let safe = user.get(&path("csv&spreadsheet_safe=true")).await;
    assert_eq!(safe.text(), ANALYSED.replace("=a", "'=a"));

    let sheet = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    for (answer, media_type, name) in [
        (jsonl, "application/jsonl", "posts-analysed.jsonl"),
        (parquet, "application/vnd.apache.parquet", "posts-analysed.parquet"),
        (xlsx, sheet, "posts-analysed.xlsx"),
        (safe, "text/csv; charset=utf-8", "posts-analysed.csv"),
    ] {
        assert_eq!((answer.status, answer.header("content-type")), (200, media_type));
        let disposition = format!("attachment; filename=\"{name}\"; filename*=UTF-8''{name}");
        assert_eq!(answer.header("content-disposition"), disposition);
        assert_eq!(
            (answer.header("x-content-type-options"), answer.header("accept-ranges")),
            ("nosniff", ""),
            "{name}"
        );
    }
    assert_eq!(stack.objects(), before, "nothing is kept");
}

#[actix_web::test]
async fn an_original_is_exported_as_it_is_read_now_and_its_tag_says_so() {
    let stack = Stack::start().await;
    let user = stack.analyst();
    let file = user.upload("id;full_text,x\n1;a,b\n").await;
    let path = format!("/v1/files/{file}/content?format=jsonl");
    let first = user.get(&path).await;
    assert_eq!(first.text(), "{\"id;full_text\":\"1;a\",\"x\":\"b\"}\n");
    assert!(first.header("content-disposition").contains("filename=\"posts.jsonl\""));
    let tag = first.header("etag").to_owned();
    let head = Answer::of(user.request(Method::HEAD, &path)).await;
    assert_eq!((head.status, head.header("etag"), head.header("content-length")), (200, tag.as_str(), ""));
    let again = |path: String| Answer::of(user.request(Method::GET, &path).header("if-none-match", &tag));
    assert_eq!(again(path.clone()).await.status, 304);
    assert_eq!(again(format!("/v1/files/{file}/content?format=parquet")).await.status, 200);
    let ranged = Answer::of(user.request(Method::GET, &path).header("range", "bytes=0-1")).await;
    assert_eq!((ranged.status, ranged.body), (200, first.body));
    let other = json!({"dialect": {"encoding": "utf-8", "delimiter": ";", "quote": "\"", "has_header": true}});
    assert_eq!(user.patch(&format!("/v1/files/{file}"), other).await.status, 200);
    let second = again(path).await;
    assert_eq!((second.status, second.text()), (200, "{\"id\":\"1\",\"full_text,x\":\"a,b\"}\n"));
}

#[actix_web::test]
async fn only_what_a_spreadsheet_opens_is_made_safe_for_one() {
    let stack = Stack::start().await;
    let user = stack.analyst();
    let file = user.upload("id,full_text\n1,a\n").await;
    for format in ["jsonl", "parquet"] {
        let refused = user.get(&format!("/v1/files/{file}/content?format={format}&spreadsheet_safe=true")).await;
        assert_eq!(refused.code(), "422 validation");
        assert_eq!(refused.json()["errors"][0]["pointer"], json!("/spreadsheet_safe"));
    }
    let stranger = stack.analyst();
    for format in ["jsonl", "parquet", "xlsx"] {
        assert_eq!(stranger.get(&format!("/v1/files/{file}/content?format={format}")).await.status, 404);
    }
}

#[actix_web::test]
async fn damage_is_a_problem_before_the_first_bytes_and_breaks_the_body_off_behind_them() {
    let stack = Stack::start().await;
    let user = stack.analyst();
    let file = user.upload("id,full_text\n1,a\n").await;
    let path = format!("/v1/files/{file}/content?stage=cleaned&format=jsonl");
    put(&stack, "cleaned", &file, "id,full_text\n1\n").await;
    assert_eq!(user.get(&path).await.code(), "422 csv_too_many_rejects");
    put(&stack, "cleaned", &file, &format!("id,full_text\n{}1\n", "1,some text\n".repeat(100_000))).await;
    let broken = user.request(Method::GET, &path).send().await.unwrap();
    assert_eq!(broken.status(), 200);
    assert!(broken.bytes().await.is_err(), "what is not whole must not look whole");
}

/// Asks for an export and takes nothing of it but the head.
async fn stalled(stack: &Stack, user: &User<'_>, path: &str) -> TcpStream {
    let mut connection = stack.connect().await;
    let request = format!("GET {path} HTTP/1.1\r\nHost: files\r\nAuthorization: Bearer {}\r\n\r\n", user.token());
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut head = [0; 12];
    connection.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 200");
    connection
}

#[actix_web::test]
async fn clients_that_leave_end_the_work_for_them() {
    let stack = Stack::start().await;
    let user = stack.analyst();
    let file = user.upload("id,full_text\n1,a\n").await;
    let mut content = "id,full_text\n".to_owned();
    while content.len() < 40 << 20 {
        writeln!(content, "1,{}", "some text ".repeat(100)).unwrap();
    }
    put(&stack, "cleaned", &file, &content).await;
    let path = format!("/v1/files/{file}/content?stage=cleaned&format=jsonl");
    let mut clients = Vec::new();
    for _ in 0..4 {
        clients.push(stalled(&stack, &user, &path).await);
    }
    let quick = format!("/v1/files/{file}/content?format=jsonl");
    assert_eq!(user.get(&quick).await.code(), "503 unavailable", "four at once");
    drop(clients);
    // Its turn comes within the five seconds that it waits, which is long before the four would be given up.
    let answer = user.get(&quick).await;
    assert_eq!(
        (answer.status, serde_json::from_str::<Value>(answer.text()).unwrap()),
        (200, json!({"id": "1", "full_text": "a"}))
    );
}
