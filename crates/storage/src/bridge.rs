use std::io::{self, Read, Write};

use bytes::BytesMut;
use tokio::runtime::Handle;
use tokio_util::io::SyncIoBridge;

use crate::{ByteReader, ObjectInfo, ObjectWriter, StorageError};

/// Bytes gathered before a blocking writer hands them on.
const CHUNK: usize = 1 << 20;

/// An object for code that blocks; only for threads of the blocking pool.
pub struct BlockingReader(SyncIoBridge<ByteReader>);

impl BlockingReader {
    /// Wraps a reader; called on the runtime, used on the blocking pool.
    pub fn new(reader: ByteReader) -> Self {
        Self(SyncIoBridge::new(reader))
    }
}

impl Read for BlockingReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

/// A writer for code that blocks; only for threads of the blocking pool.
pub struct BlockingWriter {
    writer: ObjectWriter,
    runtime: Handle,
    buffer: BytesMut,
}

impl BlockingWriter {
    /// Wraps a writer; called on the runtime, used on the blocking pool.
    pub fn new(writer: ObjectWriter) -> Self {
        Self { writer, runtime: Handle::current(), buffer: BytesMut::with_capacity(CHUNK) }
    }

    /// Makes the object visible.
    pub fn commit(mut self) -> Result<ObjectInfo, StorageError> {
        if !self.buffer.is_empty() {
            self.runtime.block_on(self.writer.write(self.buffer.split().freeze()))?;
        }
        self.runtime.block_on(self.writer.commit())
    }
}

impl Write for BlockingWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= CHUNK {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let bytes = std::mem::replace(&mut self.buffer, BytesMut::with_capacity(CHUNK)).freeze();
        self.runtime.block_on(self.writer.write(bytes)).map_err(io::Error::other)
    }
}
