use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures::{StreamExt as _, stream};
use reqwest::Body;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::world::{World, code, token};

const PIECE: usize = 1 << 20;

#[actix_web::test]
async fn a_large_upload_waits_for_the_service_and_arrives_whole() {
    let mut world = World::new().await;
    let given = Arc::new(AtomicUsize::new(0));
    let counter = given.clone();
    let (far, mut was_far) = tokio::sync::mpsc::unbounded_channel();
    let pieces = stream::iter(0..64).map(move |_| {
        if counter.fetch_add(1, Ordering::SeqCst) == 40 {
            let _ = far.send(());
        }
        Ok::<_, std::io::Error>(vec![0_u8; PIECE])
    });
    let request = world.request("POST", "/v1/files?stall").body(Body::wrap_stream(pieces));
    let answer = tokio::spawn(request.send());
    // The sockets of both hops hold some megabytes; the gateway itself holds a quarter of one.
    let beyond = tokio::time::timeout(Duration::from_secs(1), was_far.recv()).await;
    assert!(beyond.is_err(), "{} MiB were read while the service took none", given.load(Ordering::SeqCst));
    world.go();
    let answer = answer.await.unwrap().unwrap();
    assert_eq!((answer.status().as_u16(), answer.json::<usize>().await.unwrap()), (201, 64 * PIECE));
    assert_eq!(world.told.recv().await.unwrap(), "began");
    assert_eq!(world.told.recv().await.unwrap(), format!("whole {}", 64 * PIECE));
}

#[actix_web::test]
async fn the_length_of_an_upload_passes_and_an_upload_without_one_passes_too() {
    let mut world = World::new().await;
    assert_eq!(world.request("POST", "/v1/tasks").body(vec![0; 300_000]).send().await.unwrap().status(), 201);
    let pieces = stream::iter([Ok::<_, std::io::Error>("one"), Ok("two")]);
    assert_eq!(world.request("POST", "/v1/files").body(Body::wrap_stream(pieces)).send().await.unwrap().status(), 201);
    let mut told = Vec::new();
    while told.len() < 4 {
        told.push(world.told.recv().await.unwrap());
    }
    assert_eq!(told, ["began", "whole 300000", "began", "whole 6"]);
}

#[actix_web::test]
async fn an_upload_whose_client_leaves_ends_with_an_error_at_the_service() {
    let mut world = World::new().await;
    for framing in ["content-length: 1000000\r\n\r\nsome bytes", "transfer-encoding: chunked\r\n\r\n5\r\nbytes\r\n"] {
        let request = format!("POST /v1/files HTTP/1.1\r\nhost: x\r\nauthorization: Bearer TOKEN\r\n{framing}");
        let socket = world.open(&request).await;
        assert_eq!(world.told.recv().await.unwrap(), "began");
        drop(socket);
        assert_eq!(world.told.recv().await.unwrap(), "aborted", "{framing}");
    }
}

#[actix_web::test]
async fn a_chunk_that_is_none_ends_an_upload_with_an_error_at_the_service_and_is_answered_400() {
    let mut world = World::new().await;
    let request = "POST /v1/files HTTP/1.1\r\nhost: x\r\nauthorization: Bearer TOKEN\r\ntransfer-encoding: chunked\r\n\r\n5\r\nbytes\r\n";
    let mut socket = world.open(request).await;
    assert_eq!(world.told.recv().await.unwrap(), "began");
    socket.write_all(b"junk\r\n").await.unwrap();
    assert_eq!(world.told.recv().await.unwrap(), "aborted");
    let answer = rest_of(socket).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(answer.contains("connection: close") && answer.contains("did not send the whole body"), "{answer}");
    assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
}

#[actix_web::test]
async fn bytes_beyond_the_length_of_a_request_do_not_take_its_answer_away() {
    let mut world = World::new().await;
    let request = "POST /v1/files HTTP/1.1\r\nhost: x\r\nauthorization: Bearer TOKEN\r\ncontent-length: 3\r\n\r\none more than that";
    let answer = rest_of(world.open(request).await).await;
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    assert_eq!(world.told.recv().await.unwrap(), "began");
    assert_eq!(world.told.recv().await.unwrap(), "whole 3");
}

/// What is answered until the connection ends, and it has to.
pub async fn rest_of(mut socket: TcpStream) -> String {
    let mut answer = Vec::new();
    // That the other end closes on what it never read may end this with an error after the answer.
    let _ = socket.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

#[actix_web::test]
async fn events_arrive_one_by_one_and_the_service_learns_that_the_client_left() {
    let mut world = World::new().await;
    let mut events = world.get("/v1/events").await;
    assert_eq!(events.headers()["content-type"], "text/event-stream");
    assert_eq!(events.chunk().await.unwrap().unwrap(), "id: 1\n\n");
    world.go();
    assert_eq!(events.chunk().await.unwrap().unwrap(), "id: 2\n\n");
    drop(events);
    assert_eq!(world.told.recv().await.unwrap(), "dropped");
}

#[actix_web::test]
async fn a_body_that_a_service_breaks_off_is_broken_off() {
    let world = World::new().await;
    let mut response = world.get("/v1/files/broken").await;
    assert_eq!(response.chunk().await.unwrap().unwrap(), "one");
    world.go();
    assert!(response.chunk().await.is_err());
}

#[actix_web::test]
async fn a_stop_with_an_open_event_stream_ends_it_and_takes_less_than_ten_seconds() {
    let world = World::new().await;
    let mut events = world.get("/v1/events").await;
    assert_eq!(events.chunk().await.unwrap().unwrap(), "id: 1\n\n");
    let began = Instant::now();
    world.stop.cancel();
    assert_eq!(events.chunk().await.unwrap(), None);
    world.ended.await.unwrap().unwrap();
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[actix_web::test]
async fn a_user_holds_ten_event_streams_and_a_closed_one_makes_room() {
    let world = World::new().await;
    let token = token();
    let open = async || world.anonymous("GET", "/v1/events").bearer_auth(&token).send().await.unwrap();
    let mut held = Vec::new();
    for _ in 0..10 {
        held.push(open().await);
    }
    let refused = open().await;
    let policy = refused.headers()["ratelimit-policy"].to_str().unwrap().to_owned();
    assert_eq!((code(refused).await, &*policy), ("429 rate_limited".to_owned(), "\"streams\";q=10;w=1"));
    assert_eq!(world.get("/v1/events").await.status(), 200);
    held.pop();
    while open().await.status() != 200 {
        tokio::task::yield_now().await;
    }
}
