//! S3 behind a proxy that fails as S3 does.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use chrono::{TimeDelta, Utc};
use dallosh_storage::{PutMode, StorageErrorKind as Kind};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

use crate::{
    conformance::{Bench, eventually_nothing_left, get, key, kind, pattern, put},
    s3::{bench_through, endpoint},
};

/// What happens to a request.
enum Fate {
    Pass,
    /// It never arrives; this is answered.
    Answer(&'static str, &'static str),
    /// It arrives; the answer does not.
    LoseAnswer,
    /// Of the answer this many bytes arrive.
    Cut(usize),
    /// In the answer the first is replaced by the second.
    Rewrite(&'static str, String),
}

const INTERNAL: &str = "<Error><Code>InternalError</Code><Message>We encountered an internal error.</Message></Error>";
const SLOW_DOWN: &str = "<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>";

type Plan = Box<dyn FnMut(&str) -> Fate + Send>;

/// A store behind a proxy; `plan` decides by the request's first line.
async fn behind(plan: impl FnMut(&str) -> Fate + Send + 'static) -> Bench {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = format!("http://{}", listener.local_addr().unwrap());
    let server = endpoint().trim_start_matches("http://").trim_end_matches('/').to_owned();
    let plan: Arc<Mutex<Plan>> = Arc::new(Mutex::new(Box::new(plan)));
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(serve(client, server.clone(), Arc::clone(&plan)));
        }
    });
    bench_through(&own).await
}

/// Serves one request on each connection; a connection that breaks is a fault like another.
async fn serve(client: TcpStream, server: String, plan: Arc<Mutex<Plan>>) -> std::io::Result<()> {
    let mut client = BufReader::new(client);
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let field = |name: &str| {
        let mut fields = head.lines().filter_map(|line| line.split_once(':'));
        fields.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
    };
    if field("expect").is_some() {
        client.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    let mut body = vec![0; field("content-length").map_or(0, |length| length.parse().unwrap())];
    client.read_exact(&mut body).await?;

    let line = head.lines().next().unwrap_or_default();
    let fate = (plan.lock().unwrap())(line);
    if let Fate::Answer(status, text) = fate {
        let length = text.len();
        let answer = format!(
            "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Type: application/xml\r\nContent-Length: {length}\r\n\r\n{text}"
        );
        return client.write_all(answer.as_bytes()).await;
    }
    let kept = |line: &&str| !["connection:", "expect:"].iter().any(|name| line.to_ascii_lowercase().starts_with(name));
    let mut passed: Vec<_> = head.trim_end().lines().filter(kept).collect();
    passed.extend(["Connection: close", "", ""]);
    let mut upstream = TcpStream::connect(server).await?;
    upstream.write_all(passed.join("\r\n").as_bytes()).await?;
    upstream.write_all(&body).await?;
    let mut answer = Vec::new();
    upstream.read_to_end(&mut answer).await?;
    match fate {
        Fate::LoseAnswer => return Ok(()),
        Fate::Cut(length) => answer.truncate(length),
        Fate::Rewrite(from, to) => {
            assert_eq!(from.len(), to.len());
            answer = String::from_utf8(answer).unwrap().replace(from, &to).into_bytes();
        }
        Fate::Pass | Fate::Answer(..) => {}
    }
    client.write_all(&answer).await
}

/// A plan that deals with the first requests that match in its own way and lets everything else pass.
fn first(times: usize, matches: fn(&str) -> bool, fate: fn() -> Fate) -> impl FnMut(&str) -> Fate + Send {
    let mut left = times;
    move |line| {
        if left > 0 && matches(line) {
            left -= 1;
            return fate();
        }
        Fate::Pass
    }
}

fn puts_object(line: &str) -> bool {
    line.starts_with("PUT ") && line.contains("/tests/") && !line.contains("uploadId")
}

fn sends_part(line: &str) -> bool {
    line.starts_with("PUT ") && line.contains("uploadId")
}

fn completes(line: &str) -> bool {
    line.starts_with("POST ") && line.contains("uploadId")
}

fn gets(line: &str) -> bool {
    line.starts_with("GET ") && line.contains("x-id=GetObject")
}

const MANY_PARTS: usize = 17 << 20;

#[tokio::test]
async fn a_create_whose_answer_was_lost_has_succeeded() {
    for (size, matches) in [(10, puts_object as fn(&str) -> bool), (MANY_PARTS, completes)] {
        let bench = behind(first(1, matches, || Fate::LoseAnswer)).await;
        let info = put(&bench.storage, "a", pattern(size), PutMode::Create).await.unwrap();
        assert_eq!(info.size, size as u64);
        assert!(get(&bench.storage, "a").await == pattern(size));
        assert_eq!((bench.leftovers)().await, 0);
    }
}

#[tokio::test]
async fn an_overwrite_whose_answer_was_lost_has_succeeded() {
    let bench = behind(first(1, completes, || Fate::LoseAnswer)).await;
    put(&bench.storage, "a", pattern(10), PutMode::Overwrite).await.unwrap();
    put(&bench.storage, "a", pattern(MANY_PARTS), PutMode::Overwrite).await.unwrap();
    assert!(get(&bench.storage, "a").await == pattern(MANY_PARTS));
}

#[tokio::test]
async fn a_create_that_lost_a_race_does_not_take_the_winners_object_for_its_own() {
    let bench = behind(first(1, completes, || Fate::Answer("500 Internal Server Error", INTERNAL))).await;
    let mut slow = bench.storage.writer(&key("a"), PutMode::Create).await.unwrap();
    slow.write(pattern(MANY_PARTS)).await.unwrap();
    put(&bench.storage, "a", pattern(MANY_PARTS), PutMode::Create).await.unwrap();
    assert_eq!(kind(slow.commit().await), Some(Kind::Exists));
    assert_eq!((bench.leftovers)().await, 0);
}

#[tokio::test]
async fn a_failure_inside_an_answer_of_success_is_no_success() {
    let bench = behind(first(2, completes, || Fate::Answer("200 OK", INTERNAL))).await;
    put(&bench.storage, "a", pattern(MANY_PARTS), PutMode::Create).await.unwrap();
    assert!(get(&bench.storage, "a").await == pattern(MANY_PARTS));

    let bench = behind(first(usize::MAX, completes, || Fate::Answer("200 OK", INTERNAL))).await;
    assert_eq!(kind(put(&bench.storage, "a", pattern(MANY_PARTS), PutMode::Create).await), Some(Kind::Unavailable));
    assert_eq!(bench.storage.head(&key("a")).await.unwrap(), None);
    assert_eq!((bench.leftovers)().await, 0);
}

#[tokio::test]
async fn a_busy_store_is_asked_again() {
    for matches in [puts_object as fn(&str) -> bool, sends_part, completes, gets] {
        let bench = behind(first(1, matches, || Fate::Answer("503 Slow Down", SLOW_DOWN))).await;
        put(&bench.storage, "small", pattern(10), PutMode::Create).await.unwrap();
        put(&bench.storage, "large", pattern(MANY_PARTS), PutMode::Create).await.unwrap();
        assert_eq!(get(&bench.storage, "small").await, pattern(10));
        assert!(get(&bench.storage, "large").await == pattern(MANY_PARTS));
    }
}

#[tokio::test]
async fn a_part_that_never_arrives_fails_the_write_and_leaves_nothing() {
    let bench = behind(first(usize::MAX, sends_part, || Fate::Answer("500 Internal Server Error", INTERNAL))).await;
    let mut writer = bench.storage.writer(&key("a"), PutMode::Create).await.unwrap();
    let failed = writer.write(pattern(3 * MANY_PARTS)).await;
    assert_eq!(kind(failed), Some(Kind::Unavailable));
    assert_eq!((bench.leftovers)().await, 0);
    assert_eq!(kind(writer.write(pattern(1)).await), Some(Kind::Unavailable));
    assert!(writer.commit().await.is_err(), "an object with a hole is never visible");
    assert_eq!(bench.storage.head(&key("a")).await.unwrap(), None);
}

#[tokio::test]
async fn a_cancelled_write_leaves_nothing() {
    let bench = behind(|_| Fate::Pass).await;
    let mut writer = bench.storage.writer(&key("a"), PutMode::Create).await.unwrap();
    writer.write(pattern(MANY_PARTS)).await.unwrap();
    let cancelled =
        tokio::time::timeout(std::time::Duration::from_millis(1), writer.write(pattern(3 * MANY_PARTS))).await;
    assert!(cancelled.is_err());
    assert!(writer.commit().await.is_err(), "an object with a hole is never visible");
    eventually_nothing_left(&bench).await;
    assert_eq!(bench.storage.head(&key("a")).await.unwrap(), None);
}

#[tokio::test]
async fn a_read_that_broke_off_is_taken_up_where_it_broke() {
    let bench = behind(first(3, gets, || Fate::Cut(3 << 20))).await;
    put(&bench.storage, "a", pattern(MANY_PARTS), PutMode::Create).await.unwrap();
    assert!(get(&bench.storage, "a").await == pattern(MANY_PARTS));

    let bench = behind(first(1, gets, || Fate::Cut(1 << 20))).await;
    put(&bench.storage, "a", pattern(MANY_PARTS), PutMode::Create).await.unwrap();
    let mut middle = Vec::new();
    bench.storage.reader(&key("a"), Some(5..9_000_000)).await.unwrap().read_to_end(&mut middle).await.unwrap();
    assert!(middle == pattern(MANY_PARTS)[5..9_000_000]);
}

#[tokio::test]
async fn a_read_never_mixes_two_objects() {
    let bench = behind(first(1, gets, || Fate::Cut(2 << 20))).await;
    put(&bench.storage, "a", Bytes::from(vec![b'a'; MANY_PARTS]), PutMode::Create).await.unwrap();
    let mut reader = bench.storage.reader(&key("a"), None).await.unwrap();
    put(&bench.storage, "a", Bytes::from(vec![b'b'; MANY_PARTS]), PutMode::Overwrite).await.unwrap();
    let mut read = Vec::new();
    assert!(reader.read_to_end(&mut read).await.is_err());
    assert!(read.iter().all(|byte| *byte == b'a'));
}

#[tokio::test]
async fn a_sweep_spares_an_upload_that_is_young() {
    let bench = behind(|line| {
        if line.starts_with("GET ") && line.contains("?uploads") {
            // The date that moto gives every upload.
            return Fate::Rewrite("2010-11-10T20:48:33.000Z", Utc::now().format("%Y-%m-%dT%H:%M:%S.000Z").to_string());
        }
        Fate::Pass
    })
    .await;
    let mut writer = bench.storage.writer(&key("a"), PutMode::Create).await.unwrap();
    writer.write(pattern(MANY_PARTS)).await.unwrap();
    assert_eq!(bench.storage.sweep(Utc::now() - TimeDelta::minutes(1)).await.unwrap(), 0);
    writer.commit().await.unwrap();
    assert!(get(&bench.storage, "a").await == pattern(MANY_PARTS));
}
