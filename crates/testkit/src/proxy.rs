use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinHandle,
};

/// What a wire does, with the connections that are open as with those to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// Brings everything.
    Passes,
    /// Brings everything this much later.
    Delays(Duration),
    /// Brings nothing, and closes nothing: as a server that was frozen.
    Swallows,
    /// Closes each connection when it has brought so many bytes to the server, wherever in a request that is.
    ClosesAfter(usize),
    /// Breaks every connection, and each new one without a goodbye.
    Breaks,
}

/// A wire to a server that does what a test says. It ends when it is dropped.
pub struct Proxy {
    address: SocketAddr,
    wire: watch::Sender<Wire>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Listens before `server`, an address and a port.
    pub async fn before(server: &str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let wire = watch::Sender::new(Wire::Passes);
        let (server, does): (Arc<str>, _) = (server.into(), wire.subscribe());
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (server, does) = (server.clone(), does.clone());
                tokio::spawn(async move { carry(client, &server, does).await });
            }
        });
        Ok(Self { address, wire, task })
    }

    /// A wire before the server that a URL names, and the URL through it.
    pub async fn before_url(url: &str) -> Result<(Self, String)> {
        let (scheme, rest) = url.split_once("://").context("no scheme")?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, server) = authority.rsplit_once('@').map_or(("", authority), |(user, server)| (user, server));
        let proxy = Self::before(server).await?;
        let user = if user.is_empty() { String::new() } else { format!("{user}@") };
        let through = format!("{scheme}://{user}{}/{path}", proxy.address);
        Ok((proxy, through))
    }

    /// Does this from now on.
    pub fn set(&self, wire: Wire) {
        self.wire.send_replace(wire);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(client: TcpStream, server: &str, mut wire: watch::Receiver<Wire>) {
    if *wire.borrow() == Wire::Breaks {
        // What can't be reset is closed in the usual way.
        let _ = client.set_zero_linger();
        return;
    }
    let Ok(server) = TcpStream::connect(server).await else { return };
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    // Whatever ends first ends the connection.
    tokio::select! {
        () = copy(from_client, to_server, wire.clone(), true) => {}
        () = copy(from_server, to_client, wire.clone(), false) => {}
        _ = wire.wait_for(|wire| *wire == Wire::Breaks) => {}
    }
}

async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut wire: watch::Receiver<Wire>, counts: bool) {
    let (mut piece, mut brought) = (vec![0; 16 << 10], 0);
    while let Ok(read) = from.read(&mut piece).await {
        if read == 0 {
            return;
        }
        // What was swallowed is not lost: it arrives when the server lives again.
        let Ok(does) = wire.wait_for(|wire| *wire != Wire::Swallows).await.map(|wire| *wire) else { return };
        let mut bytes = piece.get(..read).unwrap_or_default();
        match does {
            Wire::Delays(time) => tokio::time::sleep(time).await,
            Wire::ClosesAfter(limit) if counts => bytes = bytes.get(..limit.saturating_sub(brought)).unwrap_or(bytes),
            _ => {}
        }
        brought = brought.saturating_add(bytes.len());
        if to.write_all(bytes).await.is_err() || bytes.len() < read {
            return;
        }
    }
}
