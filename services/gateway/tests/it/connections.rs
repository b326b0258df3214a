//! Many connections at once, over real sockets.

use dallosh_gateway::Limits;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};

use crate::world::World;

const ASK: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";

/// A connection that was used once and is kept.
async fn used(world: &World) -> (TcpStream, String) {
    let mut socket = TcpStream::connect(world.address).await.unwrap();
    let answer = ask(&mut socket).await;
    (socket, answer)
}

/// The beginning of the answer; nothing when the connection ended without one.
async fn ask(socket: &mut TcpStream) -> String {
    if socket.write_all(ASK).await.is_err() {
        return String::new();
    }
    let mut answer = vec![0; 4096];
    let length = socket.read(&mut answer).await.unwrap_or_default();
    String::from_utf8_lossy(&answer[..length]).into_owned()
}

/// Connections that are kept, until `most` of them were made or one is not served.
async fn keep(world: &World, most: usize) -> (Vec<TcpStream>, Option<String>) {
    let mut kept = Vec::new();
    for _ in 0..most {
        let (socket, answer) = used(world).await;
        if !answer.starts_with("HTTP/1.1 200 ") {
            return (kept, Some(answer));
        }
        kept.push(socket);
    }
    (kept, None)
}

#[actix_web::test]
async fn an_address_with_too_many_connections_is_told_so_and_those_it_has_go_on() {
    let world = World::with(Limits::default(), &[("gateway.connections_per_address", "20")]).await;
    let (mut kept, refused) = keep(&world, 30).await;
    let refused = refused.expect("one is refused");
    assert_eq!(kept.len(), 20);
    assert!(refused.starts_with("HTTP/1.1 429 ") && refused.contains("application/problem+json"), "{refused}");
    assert!(refused.contains("ratelimit-policy: \"connections\";q=20;w=1"), "{refused}");
    assert!(refused.to_lowercase().contains("connection: close") && refused.contains("retry-after: 1"), "{refused}");
    for socket in &mut kept {
        assert!(ask(socket).await.starts_with("HTTP/1.1 200 "));
    }
    kept.truncate(10);
    while !used(&world).await.1.starts_with("HTTP/1.1 200 ") {
        tokio::task::yield_now().await;
    }
}

#[actix_web::test]
async fn an_address_that_goes_on_connecting_is_not_even_heard() {
    let world = World::with(Limits::default(), &[("gateway.connections_per_address", "5")]).await;
    // None says anything: the first ones are waited for, and are told in the end that it took too long.
    let mut silent = JoinSet::new();
    loop {
        let mut socket = TcpStream::connect(world.address).await.unwrap();
        silent.spawn(async move { socket.read(&mut [0]).await.unwrap_or_default() });
        if silent.try_join_next().is_some_and(|length| length.unwrap() == 0) {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert!(silent.len() >= 5, "{} were waited for", silent.len());
}

#[actix_web::test]
async fn a_trusted_proxy_has_as_many_connections_as_there_are() {
    let keys = [("gateway.connections_per_address", "5"), ("gateway.trusted_proxies", "127.0.0.1")];
    let world = World::with(Limits { connections: 50, ..Limits::default() }, &keys).await;
    let (kept, refused) = keep(&world, 60).await;
    assert_eq!(kept.len(), 50);
    let refused = refused.unwrap();
    assert!(refused.starts_with("HTTP/1.1 503 ") && refused.contains("\"code\":\"unavailable\""), "{refused}");
}

#[actix_web::test]
async fn one_address_can_not_have_all_of_the_connections() {
    let world = World::with(Limits { connections: 40, ..Limits::default() }, &[]).await;
    let (kept, refused) = keep(&world, 40).await;
    assert_eq!((kept.len(), refused.unwrap().starts_with("HTTP/1.1 429 ")), (20, true));
}
