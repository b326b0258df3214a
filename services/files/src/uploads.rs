//! Uploads in parts: each part is an object of its own, committed before the document counts it. So what was
//! acknowledged is never ahead of what is safe, on a folder and on S3 alike, and it makes no difference which process
//! takes the next part. The whole is read once more through the same intake as a form's file.

mod documents;
mod receive;

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use dallosh_dataset::DatasetError;
use dallosh_primitives::Uid;
use dallosh_service_kit::{Caller, Scope};
use dallosh_storage::{Key, PutMode, Stage};
use dallosh_store::Versioned;
use futures::StreamExt as _;
use tokio_util::io::ReaderStream;

pub use self::{
    documents::Uploads,
    receive::{Checksum, receive},
};
use crate::{
    error::Error,
    intake::{Intake, Taken},
    quota,
    state::State,
    upload::{Metadata, Outcome, Upload},
    workflow,
};

/// How long an upload waits for its next part, and a finished one is remembered.
const PATIENCE: TimeDelta = TimeDelta::hours(24);

/// When an upload is given up, unless more of it comes before.
pub fn expiry(upload: &Versioned<Upload>) -> DateTime<Utc> {
    upload.updated_at + PATIENCE
}

/// How long a request waits until the file is made of its parts. It is made to its end all the same.
const FINISHING: Duration = Duration::from_secs(20);
/// Bytes of a part that are read at once.
const CHUNK: usize = 1 << 20;

/// Uploads to which somebody writes in this process.
#[derive(Default)]
pub struct Writers(Arc<Mutex<HashSet<Uid>>>);

/// The right to write to an upload, given back when it is dropped.
pub struct Writer(Arc<Mutex<HashSet<Uid>>>, Uid);

impl Writers {
    /// The right to write, unless somebody has it.
    fn begin(&self, upload: Uid) -> Option<Writer> {
        let is_first = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(upload);
        is_first.then(|| Writer(Arc::clone(&self.0), upload))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.1);
    }
}

/// Begins an upload; with the right to write to it.
///
/// # Errors
/// [`Error::TooLarge`], [`Error::NoRoom`], and as [`quota::require`].
pub async fn create(
    state: &State,
    caller: &Caller,
    length: u64,
    metadata: Metadata,
) -> Result<(Writer, Versioned<Upload>), Error> {
    if length == 0 {
        return Err(DatasetError::Empty.into());
    }
    if length > state.max_upload.0 {
        return Err(Error::TooLarge(state.max_upload));
    }
    // The parts, and the file that is made of them.
    workflow::require_room(state, length).await?;
    let upload = Upload { owner: caller.user, length, metadata, parts: Vec::new(), outcome: None };
    let by = caller.name();
    let entry = async { Ok(state.uploads.insert(upload, &by).await?) };
    let upload = quota::take(state, caller.user, length, entry).await?;
    let writer = state.writers.begin(upload.uid).ok_or(Error::Locked)?;
    Ok((writer, upload))
}

/// The right to write to an upload, and the upload as it is then.
///
/// # Errors
/// [`Error::Locked`], [`Error::NotFound`], [`Error::Expired`].
pub async fn open(state: &State, scope: Scope, uid: Uid) -> Result<(Writer, Versioned<Upload>), Error> {
    // Who may not see it learns nothing of who writes to it.
    get(state, scope, uid).await?;
    let writer = state.writers.begin(uid).ok_or(Error::Locked)?;
    Ok((writer, get(state, scope, uid).await?))
}

/// The upload as it is.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Expired`].
pub async fn get(state: &State, scope: Scope, uid: Uid) -> Result<Versioned<Upload>, Error> {
    let found = state.uploads.find(scope, uid).await?.ok_or(Error::NotFound)?;
    if expiry(&found) <= state.clock.now() { Err(Error::Expired) } else { Ok(found) }
}

/// Makes the file of an upload that is whole, in the background, and waits for it a while. What was made is never made
/// again.
///
/// # Errors
/// What is wrong with the content: the upload is gone then.
pub async fn finish(
    state: Arc<State>,
    caller: Caller,
    writer: Writer,
    upload: Versioned<Upload>,
) -> Result<Versioned<Upload>, Error> {
    if upload.data.outcome.is_some() || !upload.data.is_whole() {
        return Ok(upload);
    }
    let unfinished = upload.clone();
    let making = tokio::spawn(async move {
        let _writer = writer;
        make_file(&state, &caller, upload).await
    });
    match tokio::time::timeout(FINISHING, making).await {
        Ok(made) => made?,
        Err(_) => Ok(unfinished),
    }
}

async fn make_file(state: &State, caller: &Caller, upload: Versioned<Upload>) -> Result<Versioned<Upload>, Error> {
    let uid = upload.uid;
    if state.files.existing(&[uid]).await?.is_empty() {
        let taken = match take_in(state, &upload).await {
            Err(error @ (Error::Dataset(_) | Error::TooLarge(_))) => {
                remove(state, uid).await?;
                return Err(error);
            }
            taken => taken?,
        };
        let Upload { owner, metadata, .. } = &upload.data;
        workflow::register(state, uid, *owner, metadata.filename.clone(), taken, &upload.created_by).await?;
    }
    let task = if upload.data.metadata.create_task {
        workflow::create_task(state, caller, uid, Some(&format!("upload-{uid}"))).await
    } else {
        None
    };
    let finished = Upload { parts: Vec::new(), outcome: Some(Outcome { task }), ..upload.data.clone() };
    let finished = state.uploads.replace(Versioned { data: finished, ..upload }, &caller.name()).await?;
    remove_parts(state, uid).await;
    Ok(finished)
}

/// Takes the parts in as one file. The object may be there already, the same, from an attempt that broke off.
async fn take_in(state: &State, upload: &Versioned<Upload>) -> Result<Taken, Error> {
    let key = Key::dataset(upload.uid, Stage::Original);
    let mut intake = Intake::begin(state, &key, PutMode::Overwrite).await?;
    let received = async {
        for part in &upload.data.parts {
            let reader = state.storage.reader(&Key::upload_part(upload.uid, part.id), None).await?;
            let mut bytes = ReaderStream::with_capacity(reader, CHUNK);
            while let Some(bytes) = bytes.next().await {
                intake.take(bytes.map_err(DatasetError::Io)?).await?;
            }
        }
        Ok(())
    };
    if let Err(error) = received.await {
        intake.abandon().await;
        return Err(error);
    }
    intake.finish().await
}

/// Removes the uploads that were given up at `now`; says how many.
pub async fn remove_expired(state: &State, now: DateTime<Utc>) -> Result<u64, Error> {
    let mut removed = 0;
    loop {
        let expired = state.uploads.untouched(now - PATIENCE).await?;
        if expired.is_empty() {
            return Ok(removed);
        }
        for uid in expired {
            removed += u64::from(remove(state, uid).await?);
        }
    }
}

/// Removes an upload and what came of it, but not the file that it became.
pub async fn remove(state: &State, uid: Uid) -> Result<bool, Error> {
    let was_there = state.uploads.delete(uid).await?;
    remove_parts(state, uid).await;
    Ok(was_there)
}

/// What stays is the janitor's.
async fn remove_parts(state: &State, uid: Uid) {
    let removed = async {
        for key in state.storage.list(&Key::upload_parts(uid)).await? {
            state.storage.delete(&key).await?;
        }
        Ok::<_, Error>(())
    };
    if let Err(error) = removed.await {
        tracing::warn!(%error, upload.id = %uid, "parts of an upload stay until the next sweep");
    }
}
