//! Removes what a crash between two writes leaves behind, objects without a document and unfinished objects, and uploads
//! that were given up.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use dallosh_primitives::{Limit, Uid};
use dallosh_service_kit::Worker;
use dallosh_storage::Key;

use crate::{error::Error, state::State, uploads};

/// How often the store is looked through.
const PERIOD: Duration = Duration::from_hours(1);
/// An object may be this much older than its document.
const GRACE: TimeDelta = TimeDelta::hours(1);
/// An unfinished object may be this old: no upload takes longer.
const UNFINISHED: TimeDelta = TimeDelta::hours(24);
/// The folder of the parts of uploads.
const UPLOADS: &str = "uploads";
/// The folders whose objects belong to files or uploads, each named by the id.
const FOLDERS: [&str; 8] = ["datasets", "cleaned", "analysed", "rejects", "removed", "tables", "profiles", UPLOADS];

/// Looks through the store at the start and every hour.
pub fn worker(state: Arc<State>) -> Worker {
    Box::new(move |stop| {
        Box::pin(async move {
            loop {
                match sweep(&state, state.clock.now()).await {
                    Ok(0) => {}
                    Ok(removed) => tracing::info!(
                        removed,
                        "objects that belong to nothing, and uploads that were given up, were removed"
                    ),
                    Err(error) => tracing::warn!(%error, "the object store could not be looked through"),
                }
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(PERIOD) => {}
                }
            }
        })
    })
}

/// Removes what is old enough at `now`; says how many objects.
async fn sweep(state: &State, now: DateTime<Utc>) -> Result<u64, Error> {
    let mut removed = state.storage.sweep(now - UNFINISHED).await?;
    removed += uploads::remove_expired(state, now).await?;
    for name in FOLDERS {
        let Ok(folder) = Key::parse(name) else { continue };
        let mut objects = BTreeMap::<Uid, Vec<Key>>::new();
        for key in state.storage.list(&folder).await? {
            if let Some(uid) = file_of(&key) {
                objects.entry(uid).or_default().push(key);
            }
        }
        let uids: Vec<_> = objects.keys().copied().collect();
        for some in uids.chunks(usize::try_from(Limit::MAX).unwrap_or(1)) {
            let known = match name {
                UPLOADS => state.uploads.existing(some).await?,
                _ => state.files.existing(some).await?,
            };
            for uid in some {
                let Some(keys) = objects.remove(uid).filter(|_| !known.contains(uid)) else { continue };
                for key in keys {
                    let info = state.storage.head(&key).await?;
                    if info.is_some_and(|info| info.modified < now - GRACE) {
                        state.storage.delete(&key).await?;
                        removed += 1;
                    }
                }
            }
        }
    }
    Ok(removed)
}

/// The file that an object belongs to: `folder/<id>.csv` or `folder/<id>/…`.
fn file_of(key: &Key) -> Option<Uid> {
    let name = key.as_str().split('/').nth(1)?;
    name.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use dallosh_primitives::SystemClock;
    use dallosh_service_kit::{Config, Scope, Sources};
    use dallosh_storage::{PutMode, Stage, Storage};
    use dallosh_store::Store;

    use super::*;
    use crate::{
        file::{File, FileName},
        upload::{Metadata, Part, Upload},
    };

    async fn put(storage: &Storage, key: &Key) {
        let mut writer = storage.writer(key, PutMode::Create).await.unwrap();
        writer.write(Bytes::from_static(b"x")).await.unwrap();
        writer.commit().await.unwrap();
    }

    async fn state(folder: &tempfile::TempDir) -> (State, Storage) {
        let flags = vec![("data_dir", folder.path().display().to_string())];
        let config = Config::load(&Sources { flags, ..Sources::default() }).unwrap();
        let store = Store::open(&config.database_url, Arc::new(SystemClock)).await.unwrap();
        let storage = Storage::open(&config.storage_url).await.unwrap();
        (State::new(&config, &store, &storage).await.unwrap(), storage)
    }

    #[tokio::test]
    async fn an_upload_is_given_up_a_day_after_its_last_bytes_and_parts_that_nobody_counts_after_an_hour() {
        let folder = tempfile::tempdir().unwrap();
        let (state, storage) = state(&folder).await;
        let metadata = Metadata::parse("").unwrap();
        let part = Part { id: Uid::new(), size: 1 };
        let upload = Upload { owner: Uid::new(), length: 9, metadata, parts: vec![part], outcome: None };
        let upload = state.uploads.insert(upload, "somebody").await.unwrap();
        let (counted, lost) = (Key::upload_part(upload.uid, part.id), Key::upload_part(Uid::new(), Uid::new()));
        put(&storage, &counted).await;
        put(&storage, &lost).await;

        let now = Utc::now();
        assert_eq!(sweep(&state, now).await.unwrap(), 0);
        assert_eq!(sweep(&state, now + TimeDelta::hours(23)).await.unwrap(), 1, "the part of no upload");
        assert!(storage.head(&counted).await.unwrap().is_some());
        assert_eq!(storage.head(&lost).await.unwrap(), None);
        assert_eq!(sweep(&state, now + TimeDelta::hours(25)).await.unwrap(), 1);
        assert_eq!(state.uploads.find(Scope::All, upload.uid).await.unwrap(), None);
        assert_eq!(storage.head(&counted).await.unwrap(), None);
    }

    #[tokio::test]
    async fn an_object_without_a_document_goes_after_an_hour_and_one_with_a_document_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (state, storage) = state(&folder).await;
        let (known, lost) = (Uid::new(), Uid::new());
        let file = File {
            owner: Uid::new(),
            filename: FileName::nameless(),
            size: 1,
            sha256: String::new(),
            dialect: dallosh_dataset::Dialect::ours(),
            columns: Vec::new(),
            row_count: 0,
            rejected_rows: 0,
            text_column: None,
            warnings: Vec::new(),
        };
        state.files.insert(known, file, "somebody").await.unwrap();
        let of = |uid| [Key::dataset(uid, Stage::Original), Key::rejects(uid), Key::table(uid, Stage::Analysed)];
        for key in of(known).iter().chain(&of(lost)) {
            put(&storage, key).await;
        }
        let strange = Key::parse("datasets/notes.txt").unwrap();
        put(&storage, &strange).await;

        let now = Utc::now();
        assert_eq!(sweep(&state, now).await.unwrap(), 0, "all of them are young");
        assert_eq!(sweep(&state, now + TimeDelta::hours(2)).await.unwrap(), 3);
        for key in of(known).iter().chain([&strange]) {
            assert!(storage.head(key).await.unwrap().is_some(), "{key}");
        }
        for key in of(lost) {
            assert_eq!(storage.head(&key).await.unwrap(), None, "{key}");
        }
    }
}
