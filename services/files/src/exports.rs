//! Stages handed out in other formats: made on the blocking pool as fast as the client takes them, and no further once
//! it is gone.

use std::{
    io::{self, Read, Write},
    sync::Arc,
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use dallosh_dataset::{DatasetError, ExportFormat, ExportSource, export};
use dallosh_storage::{BlockingReader, Key};
use tokio::{runtime::Handle, sync::mpsc};

use crate::{error::Error, state::State};

/// Bytes that are handed on at once, and how many such pieces wait for the client at most.
const PIECE: usize = 256 << 10;
const PIECES: usize = 4;
/// How long an export waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a client may take nothing.
const STILL: Duration = Duration::from_secs(60);

/// The bytes of an export, piece by piece; what comes behind an error is missing.
pub type Pieces = mpsc::Receiver<Result<Bytes, Error>>;

/// Begins to export a stage. Dropping the pieces ends the work.
pub async fn begin(state: &State, key: &Key, source: ExportSource, format: ExportFormat) -> Result<Pieces, Error> {
    let turn = Arc::clone(&state.exports).acquire_owned();
    let turn = tokio::time::timeout(PATIENCE, turn).await.ok().and_then(Result::ok).ok_or(Error::Busy)?;
    let content = BlockingReader::new(state.storage.reader(key, None).await?);
    let (send, pieces) = mpsc::channel(PIECES);
    let input = Wanted { content, pieces: send.clone() };
    let mut output = Pipe { pieces: send.clone(), runtime: Handle::current(), gathered: BytesMut::new() };
    let work = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        export(input, source, format, &mut output)?;
        output.flush()?;
        Ok::<_, DatasetError>(())
    });
    tokio::spawn(async move {
        if let Err(error) = work.await.map_err(Error::from).and_then(|done| done.map_err(Error::from)) {
            // Nobody hears it when the client is gone.
            let _ = send.send(Err(error)).await;
        }
    });
    Ok(pieces)
}

/// Reads as long as somebody wants what becomes of it.
struct Wanted {
    content: BlockingReader,
    pieces: mpsc::Sender<Result<Bytes, Error>>,
}

impl Read for Wanted {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        if self.pieces.is_closed() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.content.read(room)
    }
}

/// Hands pieces on; waits while there are enough of them on the way.
struct Pipe {
    pieces: mpsc::Sender<Result<Bytes, Error>>,
    runtime: Handle,
    gathered: BytesMut,
}

impl Pipe {
    fn hand_on(&mut self, piece: Bytes) -> io::Result<()> {
        let sent = self.runtime.block_on(self.pieces.send_timeout(Ok(piece), STILL));
        sent.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.gathered.extend_from_slice(bytes);
        while self.gathered.len() >= PIECE {
            let piece = self.gathered.split_to(PIECE).freeze();
            self.hand_on(piece)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        let piece = self.gathered.split().freeze();
        self.hand_on(piece)
    }
}
