use std::{
    fs::File,
    io::{self, Seek as _, SeekFrom, Write as _},
    ops::Range,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::PathBuf,
    sync::Arc,
    time::SystemTime,
};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use chrono::{DateTime, Utc};
use nix::{
    dir::Dir,
    errno::Errno,
    fcntl::{AtFlags, OFlag, open, openat, renameat},
    sys::{
        stat::{FileStat, Mode, SFlag, fstat, fstatat, mkdirat},
        statvfs::fstatvfs,
    },
    unistd::{UnlinkatFlags, fsync, linkat, unlinkat},
};
use tokio::{
    io::{AsyncReadExt as _, BufReader},
    runtime::Handle,
};
use uuid::Uuid;

use crate::{
    ByteReader, Key, ObjectInfo, ObjectWriter, PutMode, StorageError, StorageErrorKind,
    storage::{Backend, Upload},
};

/// Bytes gathered before they cross to the blocking pool, and read from it at once: a hop costs more than copying.
const CHUNK: usize = 1 << 20;

/// The folder of the unfinished objects; no key begins with a dot.
const UNFINISHED: &str = ".tmp";

const FOLDER: OFlag = OFlag::O_DIRECTORY.union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

/// Objects as files below a folder. Every step from the root goes through an open folder and refuses symbolic links,
/// so that a link put there later can't lead a key elsewhere either.
pub(crate) struct LocalBackend(Arc<Root>);

struct Root(PathBuf);

impl LocalBackend {
    pub(crate) async fn open(folder: &str) -> Result<Self, StorageError> {
        if folder.is_empty() {
            return Err(
                StorageError::new(StorageErrorKind::Unavailable, "open", "file://").because("the URL names no folder")
            );
        }
        let asked = PathBuf::from(folder);
        let backend = blocking("open", folder, move || {
            std::fs::create_dir_all(&asked)?;
            let root = Root(std::fs::canonicalize(&asked)?);
            root.unfinished()?;
            Ok(Self(Arc::new(root)))
        });
        backend.await
    }

    async fn run<T: Send + 'static>(
        &self,
        operation: &'static str,
        key: &Key,
        work: impl FnOnce(&Root, &Key) -> io::Result<T> + Send + 'static,
    ) -> Result<T, StorageError> {
        let (root, own) = (Arc::clone(&self.0), key.clone());
        blocking(operation, key.as_str(), move || work(&root, &own)).await
    }
}

/// Runs file operations on the blocking pool.
async fn blocking<T: Send + 'static>(
    operation: &'static str,
    name: &str,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, StorageError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| StorageError::io(operation, name, error)),
        Err(error) => Err(StorageError::new(StorageErrorKind::Unavailable, operation, name).because(error)),
    }
}

impl Root {
    fn folder(&self) -> nix::Result<OwnedFd> {
        // A store that is gone (unmounted, moved) is away; it does not say that its objects don't exist.
        open(&self.0, FOLDER, Mode::empty()).map_err(|error| if error == Errno::ENOENT { Errno::ENODEV } else { error })
    }

    fn unfinished(&self) -> nix::Result<OwnedFd> {
        enter_or_make(self.folder()?.as_fd(), UNFINISHED)
    }

    /// The open folder that holds the key's file, and the file's name.
    fn parent<'k>(
        &self,
        key: &'k Key,
        enter: fn(BorrowedFd<'_>, &str) -> nix::Result<OwnedFd>,
    ) -> nix::Result<(OwnedFd, &'k str)> {
        let mut folder = self.folder()?;
        let mut parts = key.as_str().split('/');
        let mut name = parts.next().unwrap_or_default();
        for next in parts {
            folder = enter(folder.as_fd(), name)?;
            name = next;
        }
        Ok((folder, name))
    }

    fn begin(&self) -> io::Result<Unfinished> {
        let folder = self.unfinished()?;
        let name = Uuid::new_v4().simple().to_string();
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let file = openat(&folder, name.as_str(), flags, Mode::from_bits_truncate(0o666))?;
        Ok(Unfinished { folder, name, file: file.into(), renamed: false })
    }

    fn read(&self, key: &Key) -> io::Result<(File, u64)> {
        let (folder, name) = self.parent(key, enter)?;
        // Not blocking: opening a pipe that lies there must not hang.
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let file = openat(&folder, name, flags, Mode::empty())?;
        let info = info(&plain(fstat(&file)?)?)?;
        Ok((file.into(), info.size))
    }

    fn head(&self, key: &Key) -> io::Result<Option<ObjectInfo>> {
        let found = self.parent(key, enter).and_then(|(folder, name)| stat(folder.as_fd(), name));
        match found {
            Ok(found) => info(&found).map(Some),
            Err(Errno::ENOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn delete(&self, key: &Key) -> io::Result<()> {
        let gone = self.parent(key, enter).and_then(|(folder, name)| {
            stat(folder.as_fd(), name)?;
            unlinkat(&folder, name, UnlinkatFlags::NoRemoveDir)?;
            fsync(&folder)
        });
        match gone {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn list(&self, folder: &Key) -> io::Result<Vec<Key>> {
        let found = self.parent(folder, enter).and_then(|(parent, name)| enter(parent.as_fd(), name));
        let mut keys = Vec::new();
        match found {
            Ok(found) => collect(found, folder.as_str(), &mut keys)?,
            Err(Errno::ENOENT) => {}
            Err(error) => return Err(error.into()),
        }
        keys.sort();
        Ok(keys)
    }

    fn sweep(&self, before: DateTime<Utc>) -> io::Result<u64> {
        let mut swept = 0;
        let mut folder = Dir::from_fd(self.unfinished()?)?;
        let names: Vec<_> =
            folder.iter().map(|entry| entry.map(|entry| entry.file_name().to_owned())).collect::<Result<_, _>>()?;
        for name in names.iter().filter(|name| !matches!(name.to_bytes(), b"." | b"..")) {
            let removed = fstatat(&folder, name.as_c_str(), AtFlags::AT_SYMLINK_NOFOLLOW).and_then(|found| {
                let old = modified(&found).is_some_and(|modified| modified < before);
                if old && !is(&found, SFlag::S_IFDIR) {
                    unlinkat(&folder, name.as_c_str(), UnlinkatFlags::NoRemoveDir).map(|()| 1)
                } else {
                    Ok(0)
                }
            });
            match removed {
                Ok(count) => swept += count,
                // Its writer was faster.
                Err(Errno::ENOENT) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(swept)
    }
}

fn enter(parent: BorrowedFd<'_>, name: &str) -> nix::Result<OwnedFd> {
    openat(parent, name, FOLDER, Mode::empty())
}

/// Enters a folder; makes it, durably, when it is absent.
fn enter_or_make(parent: BorrowedFd<'_>, name: &str) -> nix::Result<OwnedFd> {
    match enter(parent, name) {
        Err(Errno::ENOENT) => {}
        done => return done,
    }
    match mkdirat(parent, name, Mode::from_bits_truncate(0o777)) {
        Ok(()) => fsync(parent)?,
        Err(Errno::EEXIST) => {}
        Err(error) => return Err(error),
    }
    enter(parent, name)
}

/// Says what a plain file is; a symbolic link or anything else is refused.
fn stat(folder: BorrowedFd<'_>, name: &str) -> nix::Result<FileStat> {
    plain(fstatat(folder, name, AtFlags::AT_SYMLINK_NOFOLLOW)?)
}

fn plain(found: FileStat) -> nix::Result<FileStat> {
    if is(&found, SFlag::S_IFREG) {
        Ok(found)
    } else if is(&found, SFlag::S_IFLNK) {
        Err(Errno::ELOOP)
    } else {
        Err(Errno::EISDIR)
    }
}

fn is(found: &FileStat, kind: SFlag) -> bool {
    SFlag::from_bits_truncate(found.st_mode) & SFlag::S_IFMT == kind
}

fn modified(found: &FileStat) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(found.st_mtime, u32::try_from(found.st_mtime_nsec).ok()?)
}

fn info(found: &FileStat) -> io::Result<ObjectInfo> {
    let strange = || io::Error::new(io::ErrorKind::InvalidData, "the file's size or time is out of range");
    let modified = modified(found).ok_or_else(strange)?;
    let size = u64::try_from(found.st_size).map_err(|_| strange())?;
    // The old file still exists when the new one gets its inode, so that a rewrite always changes it.
    let etag = format!("{:x}-{:x}.{:x}-{size:x}", found.st_ino, found.st_mtime, found.st_mtime_nsec);
    Ok(ObjectInfo { size, modified, etag })
}

/// Gathers the keys below an open folder. What can't be an object (a link, a name that is no key's) is left out.
fn collect(folder: OwnedFd, path: &str, keys: &mut Vec<Key>) -> io::Result<()> {
    let mut folder = Dir::from_fd(folder)?;
    let names: Vec<_> =
        folder.iter().map(|entry| entry.map(|entry| entry.file_name().to_owned())).collect::<Result<_, _>>()?;
    for name in names {
        let Some(key) = name.to_str().ok().and_then(|name| Key::parse(format!("{path}/{name}")).ok()) else {
            continue;
        };
        match fstatat(&folder, name.as_c_str(), AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(found) if is(&found, SFlag::S_IFREG) => keys.push(key),
            Ok(found) if is(&found, SFlag::S_IFDIR) => {
                collect(openat(&folder, name.as_c_str(), FOLDER, Mode::empty())?, key.as_str(), keys)?;
            }
            // A link or the like; or gone since.
            Ok(_) | Err(Errno::ENOENT) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// A file that is not an object yet; its temporary name goes when it does.
struct Unfinished {
    folder: OwnedFd,
    name: String,
    file: File,
    renamed: bool,
}

impl Unfinished {
    fn publish(mut self, root: &Root, key: &Key, mode: PutMode) -> io::Result<ObjectInfo> {
        self.file.set_modified(SystemTime::now())?;
        self.file.sync_all()?;
        let (folder, name) = root.parent(key, enter_or_make)?;
        match stat(folder.as_fd(), name) {
            Ok(_) if mode == PutMode::Create => return Err(Errno::EEXIST.into()),
            Ok(_) | Err(Errno::ENOENT) => {}
            Err(error) => return Err(error.into()),
        }
        match mode {
            PutMode::Overwrite => {
                renameat(&self.folder, self.name.as_str(), &folder, name)?;
                self.renamed = true;
            }
            // A link, unlike a rename, never replaces.
            PutMode::Create => linkat(&self.folder, self.name.as_str(), &folder, name, AtFlags::empty())?,
        }
        fsync(&folder)?;
        info(&fstat(&self.file)?)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.renamed
            && let Err(error) = unlinkat(&self.folder, self.name.as_str(), UnlinkatFlags::NoRemoveDir)
        {
            tracing::warn!(%error, name = self.name, "a temporary file stays until the next sweep");
        }
    }
}

/// Without `file` a write failed or was cancelled half-way: the object can't be completed any more.
struct LocalUpload {
    root: Arc<Root>,
    key: Key,
    mode: PutMode,
    file: Option<Unfinished>,
    buffer: BytesMut,
}

impl LocalUpload {
    fn take(&mut self, operation: &'static str) -> Result<Unfinished, StorageError> {
        self.file.take().ok_or_else(|| {
            StorageError::new(StorageErrorKind::Unavailable, operation, &self.key)
                .because("an earlier write did not succeed")
        })
    }
}

#[async_trait]
impl Upload for LocalUpload {
    async fn write(&mut self, bytes: Bytes) -> Result<(), StorageError> {
        if self.buffer.len() + bytes.len() < CHUNK {
            self.buffer.extend_from_slice(&bytes);
            return Ok(());
        }
        let mut file = self.take("write")?;
        let mut buffer = std::mem::take(&mut self.buffer);
        let written = blocking("write", self.key.as_str(), move || {
            file.file.write_all(&buffer)?;
            file.file.write_all(&bytes)?;
            buffer.clear();
            Ok((file, buffer))
        });
        let (file, buffer) = written.await?;
        (self.file, self.buffer) = (Some(file), buffer);
        Ok(())
    }

    async fn commit(mut self: Box<Self>) -> Result<ObjectInfo, StorageError> {
        let mut file = self.take("commit")?;
        let (root, key, mode) = (Arc::clone(&self.root), self.key.clone(), self.mode);
        let buffer = std::mem::take(&mut self.buffer);
        let committed = blocking("commit", self.key.as_str(), move || {
            file.file.write_all(&buffer)?;
            file.publish(&root, &key, mode)
        });
        committed.await
    }

    async fn abort(mut self: Box<Self>) {
        let file = self.file.take();
        let _ = blocking("abort", self.key.as_str(), move || {
            drop(file);
            Ok(())
        })
        .await;
    }
}

impl Drop for LocalUpload {
    fn drop(&mut self) {
        let file = self.file.take();
        if file.is_some()
            && let Ok(runtime) = Handle::try_current()
        {
            // A runtime that ends drops the closure instead of running it, which removes the file as well.
            runtime.spawn_blocking(move || drop(file));
        }
    }
}

#[async_trait]
impl Backend for LocalBackend {
    async fn writer(&self, key: &Key, mode: PutMode) -> Result<ObjectWriter, StorageError> {
        let file = Some(self.run("write", key, |root, _| root.begin()).await?);
        let root = Arc::clone(&self.0);
        Ok(ObjectWriter(Box::new(LocalUpload { root, key: key.clone(), mode, file, buffer: BytesMut::new() })))
    }

    async fn reader(&self, key: &Key, range: Option<Range<u64>>) -> Result<ByteReader, StorageError> {
        let opened = self.run("read", key, move |root, key| {
            let (mut file, size) = root.read(key)?;
            let Some(range) = range else { return Ok(Some((file, size))) };
            if range.is_empty() || range.start >= size {
                return Ok(None);
            }
            file.seek(SeekFrom::Start(range.start))?;
            Ok(Some((file, range.end - range.start)))
        });
        let Some((file, length)) = opened.await? else {
            return Err(StorageError::new(StorageErrorKind::BadRange, "read", key));
        };
        let file = tokio::fs::File::from_std(file);
        Ok(Box::new(BufReader::with_capacity(CHUNK, file).take(length)))
    }

    async fn head(&self, key: &Key) -> Result<Option<ObjectInfo>, StorageError> {
        self.run("head", key, Root::head).await
    }

    async fn delete(&self, key: &Key) -> Result<(), StorageError> {
        self.run("delete", key, Root::delete).await
    }

    async fn list(&self, folder: &Key) -> Result<Vec<Key>, StorageError> {
        self.run("list", folder, Root::list).await
    }

    async fn sweep(&self, before: DateTime<Utc>) -> Result<u64, StorageError> {
        let root = Arc::clone(&self.0);
        blocking("sweep", UNFINISHED, move || root.sweep(before)).await
    }

    async fn free(&self) -> Result<Option<u64>, StorageError> {
        let root = Arc::clone(&self.0);
        let name = self.0.0.display().to_string();
        let free = blocking("free", &name, move || {
            let found = fstatvfs(&root.folder()?)?;
            Ok(found.blocks_available().saturating_mul(found.fragment_size()))
        });
        free.await.map(Some)
    }

    async fn ping(&self) -> Result<(), StorageError> {
        let root = Arc::clone(&self.0);
        blocking("ping", &self.0.0.display().to_string(), move || root.unfinished().map(drop).map_err(Into::into)).await
    }
}
