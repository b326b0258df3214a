use std::{fs, path::Path, time::Duration};

use dallosh_gateway::Limits;
use reqwest::{Certificate, Client};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::world::{World, token};

/// Writes a new certificate for `door.test` and its key; gives the certificate.
fn certify(folder: &Path) -> String {
    let made = rcgen::generate_simple_self_signed(["door.test".to_owned()]).unwrap();
    fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
    made.cert.pem()
}

/// A client that trusts this certificate and no other.
fn trusting(pem: &str, world: &World) -> Client {
    let root = Certificate::from_pem(pem.as_bytes()).unwrap();
    Client::builder().no_proxy().tls_certs_only([root]).resolve("door.test", world.address).build().unwrap()
}

async fn world(folder: &Path) -> World {
    let limits = Limits { renewal: Duration::from_millis(20), ..Limits::default() };
    let folder = folder.to_str().unwrap();
    World::with(
        limits,
        &[("data_dir", folder), ("gateway.tls_certificate", "cert.pem"), ("gateway.tls_key", "key.pem")],
    )
    .await
}

#[actix_web::test]
async fn over_tls_the_door_says_so_to_browsers_and_services_and_takes_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let pem = certify(folder.path());
    let world = world(folder.path()).await;
    let url = format!("https://door.test:{}/v1/files/echo", world.address.port());
    let answer = trusting(&pem, &world).get(&url).bearer_auth(token()).send().await.unwrap();
    assert_eq!(answer.headers()["strict-transport-security"], "max-age=63072000");
    let seen = answer.text().await.unwrap();
    assert!(seen.contains(r#"["x-forwarded-proto","https"]"#), "{seen}");
    let mut plain = TcpStream::connect(world.address).await.unwrap();
    plain.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "{}", String::from_utf8_lossy(&answer));
}

#[actix_web::test]
async fn without_tls_no_browser_is_told_to_come_over_it() {
    let answer = World::new().await.get("/v1/files/none").await;
    assert!(!answer.headers().contains_key("strict-transport-security"));
}

#[actix_web::test]
async fn a_new_certificate_is_shown_without_a_restart_and_a_broken_one_never() {
    let folder = tempfile::tempdir().unwrap();
    let old = certify(folder.path());
    let world = world(folder.path()).await;
    let url = format!("https://door.test:{}/healthz", world.address.port());
    fs::write(folder.path().join("cert.pem"), "junk").unwrap();
    // A connection of its own each time: one that is open keeps its certificate.
    assert_eq!(trusting(&old, &world).get(&url).send().await.unwrap().status(), 200);
    let new = trusting(&certify(folder.path()), &world);
    while new.get(&url).send().await.is_err() {
        tokio::task::yield_now().await;
    }
    assert!(trusting(&old, &world).get(&url).send().await.is_err());
}
