//! Removes what a crash between two writes leaves behind: objects without a document, and unfinished objects.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use dallosh_primitives::{Limit, Uid};
use dallosh_service_kit::Worker;
use dallosh_storage::Key;

use crate::{error::Error, state::State};

/// How often the store is looked through.
const PERIOD: Duration = Duration::from_hours(1);
/// An object may be this much older than its document.
const GRACE: TimeDelta = TimeDelta::hours(1);
/// An unfinished object may be this old: no upload takes longer.
const UNFINISHED: TimeDelta = TimeDelta::hours(24);
/// The folders whose objects belong to files, each named by the file's id.
const FOLDERS: [&str; 7] = ["datasets", "cleaned", "analysed", "rejects", "removed", "tables", "profiles"];

/// Looks through the store at the start and every hour.
pub fn worker(state: Arc<State>) -> Worker {
    Box::new(move |stop| {
        Box::pin(async move {
            loop {
                match sweep(&state, state.clock.now()).await {
                    Ok(0) => {}
                    Ok(removed) => tracing::info!(removed, "objects that belong to no file were removed"),
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
    for folder in FOLDERS {
        let Ok(folder) = Key::parse(folder) else { continue };
        let mut objects = BTreeMap::<Uid, Vec<Key>>::new();
        for key in state.storage.list(&folder).await? {
            if let Some(uid) = file_of(&key) {
                objects.entry(uid).or_default().push(key);
            }
        }
        let uids: Vec<_> = objects.keys().copied().collect();
        for some in uids.chunks(usize::try_from(Limit::MAX).unwrap_or(1)) {
            let known = state.files.existing(some).await?;
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
    use dallosh_service_kit::{Config, Sources};
    use dallosh_storage::{PutMode, Stage, Storage};
    use dallosh_store::Store;

    use super::*;
    use crate::file::{File, FileName};

    async fn put(storage: &Storage, key: &Key) {
        let mut writer = storage.writer(key, PutMode::Create).await.unwrap();
        writer.write(Bytes::from_static(b"x")).await.unwrap();
        writer.commit().await.unwrap();
    }

    #[tokio::test]
    async fn an_object_without_a_document_goes_after_an_hour_and_one_with_a_document_stays() {
        let folder = tempfile::tempdir().unwrap();
        let flags = vec![("data_dir", folder.path().display().to_string())];
        let config = Config::load(&Sources { flags, ..Sources::default() }).unwrap();
        let store = Store::open(&config.database_url, Arc::new(SystemClock)).await.unwrap();
        let storage = Storage::open(&config.storage_url).await.unwrap();
        let state = State::new(&config, &store, &storage).await.unwrap();
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
