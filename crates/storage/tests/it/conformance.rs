use std::{io::Read as _, io::Write as _, sync::Arc, time::Duration};

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use dallosh_storage::{
    BlockingReader, BlockingWriter, Key, ObjectInfo, PutMode, Storage, StorageError, StorageErrorKind as Kind,
};
use futures::future::{BoxFuture, join_all};
use tokio::io::AsyncReadExt as _;

/// An empty store, and a look behind it.
pub struct Bench {
    pub storage: Storage,
    /// Counts what unfinished writers have left in the store.
    pub leftovers: Box<dyn Fn() -> BoxFuture<'static, usize> + Send + Sync>,
    /// What has to live as long as the store.
    pub _guard: Option<tempfile::TempDir>,
}

/// Makes a test of each function below, on the stores that the named function opens.
macro_rules! suite {
    ($open:path) => {
        $crate::conformance::suite! { $open:
            what_was_written_is_read
            nothing_is_visible_before_the_commit
            an_aborted_writer_leaves_nothing
            a_dropped_writer_leaves_nothing
            a_reader_sees_the_old_or_the_new_bytes_whole
            only_the_first_create_succeeds
            one_of_racing_creates_wins
            a_range_is_the_same_slice_of_the_object
            a_range_outside_of_the_object_is_refused
            an_absent_object_is_not_found
            deleting_twice_is_no_error
            a_list_is_sorted_and_stays_below_its_folder
            a_sweep_removes_what_died_before_its_time
            new_bytes_change_the_etag
            blocking_code_writes_and_reads
            a_ping_is_answered
        }
    };
    ($open:path: $($name:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                $crate::conformance::$name($open().await).await;
            }
        )*
    };
}
pub(crate) use suite;

pub fn key(text: &str) -> Key {
    Key::parse(text).unwrap()
}

/// Bytes in which every part of a range can be told from every other.
pub fn pattern(size: usize) -> Bytes {
    let byte = |at: usize| {
        let [low, middle, high, ..] = at.to_le_bytes();
        low ^ middle ^ high
    };
    (0..size).map(byte).collect()
}

pub async fn put(storage: &Storage, name: &str, bytes: Bytes, mode: PutMode) -> Result<ObjectInfo, StorageError> {
    let mut writer = storage.writer(&key(name), mode).await?;
    writer.write(bytes).await?;
    writer.commit().await
}

pub async fn get(storage: &Storage, name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    storage.reader(&key(name), None).await.unwrap().read_to_end(&mut bytes).await.unwrap();
    bytes
}

pub fn kind<T>(result: Result<T, StorageError>) -> Option<Kind> {
    result.err().map(|error| error.kind)
}

/// Waits for what happens in the background.
pub async fn eventually_nothing_left(bench: &Bench) {
    for _ in 0..200 {
        if (bench.leftovers)().await == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("a writer has left something behind");
}

pub async fn what_was_written_is_read(Bench { storage, leftovers, _guard }: Bench) {
    for size in [0, 1, 8 << 20, (8 << 20) + 1, 20 << 20] {
        let (name, bytes) = (format!("datasets/{size}.csv"), pattern(size));
        let mut writer = storage.writer(&key(&name), PutMode::Create).await.unwrap();
        for piece in bytes.chunks(300_001) {
            writer.write(Bytes::copy_from_slice(piece)).await.unwrap();
        }
        let begun = Utc::now() - TimeDelta::seconds(2);
        let info = writer.commit().await.unwrap();
        assert_eq!(info.size, size as u64);
        assert!(info.modified >= begun && info.modified <= Utc::now() + TimeDelta::seconds(2), "{}", info.modified);
        assert!(!info.etag.is_empty() && !info.etag.contains('"'), "{}", info.etag);
        assert_eq!(storage.head(&key(&name)).await.unwrap(), Some(info));
        assert!(get(&storage, &name).await == bytes, "{size} bytes differ");
    }
    assert_eq!(leftovers().await, 0);
}

pub async fn nothing_is_visible_before_the_commit(Bench { storage, _guard, .. }: Bench) {
    put(&storage, "a/old", pattern(10), PutMode::Create).await.unwrap();
    for name in ["a/new", "a/old"] {
        let mut writer = storage.writer(&key(name), PutMode::Overwrite).await.unwrap();
        writer.write(pattern(20 << 20)).await.unwrap();
        assert_eq!(storage.head(&key("a/new")).await.unwrap(), None);
        assert_eq!(storage.list(&key("a")).await.unwrap(), [key("a/old")]);
        assert_eq!(get(&storage, "a/old").await, pattern(10));
        writer.abort().await;
    }
}

pub async fn an_aborted_writer_leaves_nothing(bench: Bench) {
    put(&bench.storage, "a/old", pattern(10), PutMode::Create).await.unwrap();
    for size in [0, 10, 20 << 20] {
        let mut writer = bench.storage.writer(&key("a/old"), PutMode::Overwrite).await.unwrap();
        writer.write(pattern(size)).await.unwrap();
        writer.abort().await;
        assert_eq!((bench.leftovers)().await, 0);
        assert_eq!(get(&bench.storage, "a/old").await, pattern(10));
    }
}

pub async fn a_dropped_writer_leaves_nothing(bench: Bench) {
    for size in [0, 10, 20 << 20] {
        let mut writer = bench.storage.writer(&key("a/b"), PutMode::Create).await.unwrap();
        writer.write(pattern(size)).await.unwrap();
        drop(writer);
        eventually_nothing_left(&bench).await;
        assert_eq!(bench.storage.head(&key("a/b")).await.unwrap(), None);
    }
}

pub async fn a_reader_sees_the_old_or_the_new_bytes_whole(Bench { storage, _guard, .. }: Bench) {
    const SIZE: usize = 3 << 20;
    let of = |letter: u8| Bytes::from(vec![letter; SIZE]);
    put(&storage, "a", of(b'a'), PutMode::Overwrite).await.unwrap();
    let writing = tokio::spawn({
        let storage = storage.clone();
        async move {
            for letter in b'b'..=b'k' {
                put(&storage, "a", of(letter), PutMode::Overwrite).await.unwrap();
            }
        }
    });
    let mut done = false;
    while !done {
        done = writing.is_finished();
        let bytes = get(&storage, "a").await;
        assert_eq!(bytes.len(), SIZE);
        assert!(bytes.iter().all(|byte| *byte == bytes[0]), "two objects are mixed");
    }
    writing.await.unwrap();
    assert_eq!(get(&storage, "a").await[0], b'k');
}

pub async fn only_the_first_create_succeeds(Bench { storage, leftovers, _guard }: Bench) {
    put(&storage, "a/first", pattern(3), PutMode::Create).await.unwrap();
    for size in [4, 9 << 20] {
        assert_eq!(kind(put(&storage, "a/first", pattern(size), PutMode::Create).await), Some(Kind::Exists));
        assert_eq!(leftovers().await, 0);
        assert_eq!(get(&storage, "a/first").await, pattern(3));
    }
    put(&storage, "a/first", pattern(5), PutMode::Overwrite).await.unwrap();
    assert_eq!(get(&storage, "a/first").await, pattern(5));
}

pub async fn one_of_racing_creates_wins(Bench { storage, leftovers, _guard }: Bench) {
    let racers = (1..=16).map(|size| {
        let storage = storage.clone();
        tokio::spawn(async move { put(&storage, "a/b", pattern(size), PutMode::Create).await })
    });
    let results: Vec<_> = join_all(racers).await.into_iter().map(Result::unwrap).collect();
    let (won, lost): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    assert_eq!((won.len(), lost.len()), (1, 15));
    assert!(lost.into_iter().all(|result| kind(result) == Some(Kind::Exists)));
    for winner in won {
        assert_eq!(storage.head(&key("a/b")).await.unwrap().unwrap(), winner.unwrap());
    }
    assert_eq!(leftovers().await, 0);
}

pub async fn a_range_is_the_same_slice_of_the_object(Bench { storage, _guard, .. }: Bench) {
    const SIZE: usize = 9 << 20;
    let bytes = pattern(SIZE);
    put(&storage, "a", bytes.clone(), PutMode::Create).await.unwrap();
    for range in [0..1, 0..SIZE, 4_000_000..8_500_000, SIZE - 1..SIZE, SIZE - 5..SIZE + 5, 7..usize::MAX >> 1] {
        let mut read = Vec::new();
        let asked = range.start as u64..range.end as u64;
        storage.reader(&key("a"), Some(asked.clone())).await.unwrap().read_to_end(&mut read).await.unwrap();
        assert!(read == bytes[range.start..range.end.min(SIZE)], "{asked:?}");
    }
}

pub async fn a_range_outside_of_the_object_is_refused(Bench { storage, _guard, .. }: Bench) {
    put(&storage, "a", pattern(10), PutMode::Create).await.unwrap();
    for (start, end) in [(10, 11), (11, 20), (3, 3), (5, 2), (u64::MAX - 1, u64::MAX)] {
        assert_eq!(kind(storage.reader(&key("a"), Some(start..end)).await), Some(Kind::BadRange), "{start}..{end}");
    }
}

pub async fn an_absent_object_is_not_found(Bench { storage, _guard, .. }: Bench) {
    for name in ["a", "a/b", "a/b/c"] {
        assert_eq!(storage.head(&key(name)).await.unwrap(), None);
        assert_eq!(kind(storage.reader(&key(name), None).await), Some(Kind::NotFound));
        assert_eq!(kind(storage.reader(&key(name), Some(0..1)).await), Some(Kind::NotFound));
        assert_eq!(storage.list(&key(name)).await.unwrap(), []);
    }
}

pub async fn deleting_twice_is_no_error(Bench { storage, _guard, .. }: Bench) {
    storage.delete(&key("a/b")).await.unwrap();
    put(&storage, "a/b", pattern(1), PutMode::Create).await.unwrap();
    storage.delete(&key("a/b")).await.unwrap();
    storage.delete(&key("a/b")).await.unwrap();
    assert_eq!(storage.head(&key("a/b")).await.unwrap(), None);
    put(&storage, "a/b", pattern(2), PutMode::Create).await.unwrap();
}

pub async fn a_list_is_sorted_and_stays_below_its_folder(Bench { storage, _guard, .. }: Bench) {
    for name in ["list/b", "list/a.csv", "list/a/2", "list/a/1/x", "listed/x", "lis", "z/list/a"] {
        put(&storage, name, pattern(1), PutMode::Create).await.unwrap();
    }
    let open = storage.writer(&key("list/open"), PutMode::Create).await.unwrap();
    let expected = ["list/a.csv", "list/a/1/x", "list/a/2", "list/b"].map(key);
    assert_eq!(storage.list(&key("list")).await.unwrap(), expected);
    assert_eq!(storage.list(&key("list/a")).await.unwrap(), ["list/a/1/x", "list/a/2"].map(key));
    open.abort().await;
}

pub async fn a_sweep_removes_what_died_before_its_time(Bench { storage, leftovers, _guard }: Bench) {
    put(&storage, "a/whole", pattern(10), PutMode::Create).await.unwrap();
    for name in ["a/1", "a/2"] {
        let mut writer = storage.writer(&key(name), PutMode::Create).await.unwrap();
        writer.write(pattern(20 << 20)).await.unwrap();
        // As if its process had died.
        std::mem::forget(writer);
    }
    // Long ago, for a server that dates every upload 2010 (moto).
    assert_eq!(storage.sweep(DateTime::UNIX_EPOCH).await.unwrap(), 0);
    assert_eq!(leftovers().await, 2);
    assert_eq!(storage.sweep(Utc::now() + TimeDelta::hours(1)).await.unwrap(), 2);
    assert_eq!(leftovers().await, 0);
    assert_eq!(storage.sweep(Utc::now() + TimeDelta::hours(1)).await.unwrap(), 0);
    assert_eq!(storage.list(&key("a")).await.unwrap(), [key("a/whole")]);
}

pub async fn new_bytes_change_the_etag(Bench { storage, _guard, .. }: Bench) {
    let mut seen = Vec::new();
    for bytes in ["one", "two", "six"] {
        seen.push(put(&storage, "a", Bytes::from_static(bytes.as_bytes()), PutMode::Overwrite).await.unwrap().etag);
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 3);
}

pub async fn blocking_code_writes_and_reads(Bench { storage, _guard, .. }: Bench) {
    let bytes = Arc::new(pattern(11 << 20));
    let mut writer = BlockingWriter::new(storage.writer(&key("a"), PutMode::Create).await.unwrap());
    let written = Arc::clone(&bytes);
    let info = tokio::task::spawn_blocking(move || {
        for piece in written.chunks(70_001) {
            writer.write_all(piece).unwrap();
        }
        writer.flush().unwrap();
        writer.commit().unwrap()
    });
    assert_eq!(info.await.unwrap().size, bytes.len() as u64);
    let mut reader = BlockingReader::new(storage.reader(&key("a"), None).await.unwrap());
    let read = tokio::task::spawn_blocking(move || {
        let mut read = Vec::new();
        reader.read_to_end(&mut read).map(|_| read)
    });
    assert!(read.await.unwrap().unwrap() == *bytes);
}

pub async fn a_ping_is_answered(Bench { storage, _guard, .. }: Bench) {
    storage.ping().await.unwrap();
}
