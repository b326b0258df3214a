//! Takes a file in: each megabyte is written to the object store while it is hashed and read as a table, and while the
//! next one arrives. So an upload holds a few megabytes, whatever its size.

use std::{mem, sync::Arc};

use bytes::{Bytes, BytesMut};
use dallosh_dataset::{DatasetError, Inspection, Inspector};
use dallosh_primitives::ByteSize;
use dallosh_storage::{Key, ObjectWriter, PutMode};
use sha2::{Digest, Sha256};
use tokio::{sync::Semaphore, task::JoinHandle};

use crate::{error::Error, reading::on_cpu, state::State};

/// Bytes that are worked on at once: what the object store writes without copying.
const PIECE: usize = 1 << 20;

/// What a file turned out to be.
pub struct Taken {
    pub size: u64,
    pub sha256: String,
    pub inspection: Inspection,
}

/// A file on its way in. Nothing of it is visible before [`finish`](Self::finish); dropped, it leaves nothing behind.
pub struct Intake {
    work: Work,
    pieces: Arc<Semaphore>,
    gathered: BytesMut,
    size: u64,
    most: ByteSize,
}

/// The work on the piece before, which goes on while the next one is gathered.
enum Work {
    Idle(Box<Parts>),
    Running(JoinHandle<Result<Box<Parts>, Error>>),
    Failed,
}

struct Parts {
    writer: ObjectWriter,
    hash: Sha256,
    inspector: Inspector,
}

impl Intake {
    /// Begins the object.
    pub async fn begin(state: &State, key: &Key, mode: PutMode) -> Result<Self, Error> {
        let writer = state.storage.writer(key, mode).await?;
        let parts = Parts { writer, hash: Sha256::new(), inspector: Inspector::new(state.limits.clone()) };
        Ok(Self {
            work: Work::Idle(Box::new(parts)),
            pieces: Arc::clone(&state.pieces),
            gathered: BytesMut::new(),
            size: 0,
            most: state.max_upload,
        })
    }

    /// Takes in the next bytes.
    ///
    /// # Errors
    /// [`Error::TooLarge`], or what an earlier piece failed with.
    pub async fn take(&mut self, bytes: Bytes) -> Result<(), Error> {
        self.size += bytes.len() as u64;
        if self.size > self.most.0 {
            return Err(Error::TooLarge(self.most));
        }
        if self.gathered.is_empty() {
            self.gathered.reserve(PIECE);
        }
        self.gathered.extend_from_slice(&bytes);
        if self.gathered.len() < PIECE { Ok(()) } else { self.hand_on().await }
    }

    async fn hand_on(&mut self) -> Result<(), Error> {
        let bytes = mem::take(&mut self.gathered).freeze();
        let parts = self.settle().await?;
        self.work = Work::Running(tokio::spawn(work_on(parts, bytes, Arc::clone(&self.pieces))));
        Ok(())
    }

    /// Waits for the piece before.
    async fn settle(&mut self) -> Result<Box<Parts>, Error> {
        match mem::replace(&mut self.work, Work::Failed) {
            Work::Idle(parts) => Ok(parts),
            Work::Running(handle) => handle.await?,
            Work::Failed => Err(Error::Form("the upload failed before")),
        }
    }

    /// Makes the object visible, when its content is a table that can be read.
    ///
    /// # Errors
    /// What is wrong with the content, or with the object store; nothing is visible then.
    pub async fn finish(mut self) -> Result<Taken, Error> {
        if !self.gathered.is_empty() {
            self.hand_on().await?;
        }
        let Parts { writer, hash, inspector } = *self.settle().await?;
        let found =
            on_cpu(&self.pieces, move || inspector.finish().map(|inspection| (inspection, hash.finalize()))).await;
        match found.and_then(|found| found.map_err(Error::from)) {
            Ok((inspection, hash)) => {
                writer.commit().await?;
                Ok(Taken { size: self.size, sha256: hex::encode(hash), inspection })
            }
            Err(error) => {
                writer.abort().await;
                Err(error)
            }
        }
    }

    /// Gives up; when this returns, nothing is left.
    pub async fn abandon(mut self) {
        if let Ok(parts) = self.settle().await {
            parts.writer.abort().await;
        }
    }
}

async fn work_on(parts: Box<Parts>, bytes: Bytes, pieces: Arc<Semaphore>) -> Result<Box<Parts>, Error> {
    let Parts { mut writer, mut hash, mut inspector } = *parts;
    let piece = bytes.clone();
    let read = on_cpu(&pieces, move || {
        hash.update(&piece);
        inspector.feed(&piece)?;
        Ok::<_, DatasetError>((hash, inspector))
    });
    let (written, read) = tokio::join!(writer.write(bytes), read);
    match written.map_err(Error::from).and(read).and_then(|read| read.map_err(Error::from)) {
        Ok((hash, inspector)) => Ok(Box::new(Parts { writer, hash, inspector })),
        Err(error) => {
            writer.abort().await;
            Err(error)
        }
    }
}
