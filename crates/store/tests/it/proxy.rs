//! A wire between the driver and the server that can be cut.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

/// What the wire does with a message of the kind that it watches for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Fault {
    /// Passes everything.
    None,
    /// Passes the request to the server, then breaks the connection instead of bringing the answer; once.
    LoseAnswer,
    /// Breaks the connection instead of passing the request; once.
    LoseRequest,
    /// Passes nothing any more, and breaks nothing.
    Swallow,
}

#[derive(Clone)]
pub struct Proxy {
    pub address: String,
    fault: Arc<AtomicU8>,
}

impl Proxy {
    /// Listens before `server`. Faults befall the requests that contain the command `watched`.
    pub async fn before(server: String, watched: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Self {
            address: listener.local_addr().unwrap().to_string(),
            fault: Arc::new(AtomicU8::new(Fault::None as u8)),
        };
        let fault = proxy.fault.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(&server).await else { continue };
                tokio::spawn(pass(client, server, watched, fault.clone()));
            }
        });
        proxy
    }

    pub fn set(&self, fault: Fault) {
        self.fault.store(fault as u8, Ordering::SeqCst);
    }

    pub fn is_spent(&self) -> bool {
        self.fault.load(Ordering::SeqCst) == Fault::None as u8
    }
}

async fn pass(client: TcpStream, server: TcpStream, watched: &'static str, fault: Arc<AtomicU8>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    while let Some(request) = message(&mut from_client).await {
        let is_watched = request.windows(watched.len() + 1).any(|part| part == [watched.as_bytes(), &[0]].concat());
        let is = |kind: Fault| fault.load(Ordering::SeqCst) == kind as u8;
        if is(Fault::Swallow) {
            continue;
        }
        if is_watched && is(Fault::LoseRequest) {
            fault.store(Fault::None as u8, Ordering::SeqCst);
            return;
        }
        if to_server.write_all(&request).await.is_err()
            || !answer(&mut from_server, &mut to_client, is_watched, &fault).await
        {
            return;
        }
    }
}

async fn answer(
    from_server: &mut OwnedReadHalf,
    to_client: &mut OwnedWriteHalf,
    is_watched: bool,
    fault: &AtomicU8,
) -> bool {
    let Some(answer) = message(from_server).await else { return false };
    if is_watched && fault.load(Ordering::SeqCst) == Fault::LoseAnswer as u8 {
        fault.store(Fault::None as u8, Ordering::SeqCst);
        return false;
    }
    to_client.write_all(&answer).await.is_ok()
}

/// One message of the wire protocol: its length comes first, in four bytes.
async fn message(from: &mut OwnedReadHalf) -> Option<Vec<u8>> {
    let length = from.read_u32_le().await.ok()?;
    let mut message = length.to_le_bytes().to_vec();
    message.resize(usize::try_from(length).ok()?, 0);
    from.read_exact(&mut message[4..]).await.ok()?;
    Some(message)
}
