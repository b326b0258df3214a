use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::Command,
};

use bytes::Bytes;
use chrono::{TimeDelta, Utc};
use dallosh_storage::{PutMode, Storage, StorageErrorKind as Kind};
use nix::unistd::geteuid;
use tempfile::TempDir;

use crate::{
    conformance::{self, Bench, get, key, kind, pattern, put},
    environment::variable,
};

async fn bench() -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("made/when/absent");
    let storage = open(&root).await;
    Bench { storage, leftovers: Box::new(move || Box::pin(std::future::ready(leftovers(&root)))), _guard: Some(folder) }
}

async fn open(root: &Path) -> Storage {
    Storage::open(&format!("file://{}", root.display())).await.unwrap()
}

fn leftovers(root: &Path) -> usize {
    fs::read_dir(root.join(".tmp")).unwrap().count()
}

conformance::suite!(bench);

/// A store beside a folder with a secret, which no key may reach.
async fn beside_a_secret() -> (TempDir, PathBuf, Storage) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    let storage = open(&root).await;
    fs::create_dir(folder.path().join("outside")).unwrap();
    fs::write(folder.path().join("outside/secret"), "secret").unwrap();
    (folder, root, storage)
}

#[tokio::test]
async fn a_link_to_a_folder_is_refused() {
    let (folder, root, storage) = beside_a_secret().await;
    symlink(folder.path().join("outside"), root.join("datasets")).unwrap();
    let name = key("datasets/secret");
    assert_eq!(kind(storage.reader(&name, None).await), Some(Kind::Corrupt));
    assert_eq!(kind(storage.head(&name).await), Some(Kind::Corrupt));
    assert_eq!(kind(storage.delete(&name).await), Some(Kind::Corrupt));
    assert_eq!(kind(storage.list(&key("datasets")).await), Some(Kind::Corrupt));
    for mode in [PutMode::Create, PutMode::Overwrite] {
        assert_eq!(kind(put(&storage, "datasets/secret", pattern(1), mode).await), Some(Kind::Corrupt));
        assert_eq!(kind(put(&storage, "datasets/deeper/new", pattern(1), mode).await), Some(Kind::Corrupt));
    }
    assert_eq!(fs::read_to_string(folder.path().join("outside/secret")).unwrap(), "secret");
    assert_eq!(fs::read_dir(folder.path().join("outside")).unwrap().count(), 1);
    assert_eq!(leftovers(&root), 0);
}

#[tokio::test]
async fn a_link_to_a_file_is_refused() {
    let (folder, root, storage) = beside_a_secret().await;
    put(&storage, "datasets/real", pattern(1), PutMode::Create).await.unwrap();
    symlink(folder.path().join("outside/secret"), root.join("datasets/linked")).unwrap();
    symlink(folder.path().join("outside"), root.join("datasets/folder")).unwrap();
    let name = key("datasets/linked");
    assert_eq!(kind(storage.reader(&name, None).await), Some(Kind::Corrupt));
    assert_eq!(kind(storage.head(&name).await), Some(Kind::Corrupt));
    assert_eq!(kind(storage.delete(&name).await), Some(Kind::Corrupt));
    for mode in [PutMode::Create, PutMode::Overwrite] {
        assert_eq!(kind(put(&storage, "datasets/linked", pattern(1), mode).await), Some(Kind::Corrupt));
    }
    assert_eq!(storage.list(&key("datasets")).await.unwrap(), [key("datasets/real")]);
    assert_eq!(fs::read_to_string(folder.path().join("outside/secret")).unwrap(), "secret");
}

#[tokio::test]
async fn a_root_that_became_a_link_is_refused() {
    let (folder, root, storage) = beside_a_secret().await;
    fs::remove_dir_all(&root).unwrap();
    symlink(folder.path().join("outside"), &root).unwrap();
    assert_eq!(kind(storage.ping().await), Some(Kind::Corrupt));
    assert_eq!(kind(storage.reader(&key("secret"), None).await), Some(Kind::Corrupt));
}

#[tokio::test]
async fn a_folder_or_pipe_in_the_place_of_an_object_is_refused() {
    let (_folder, root, storage) = beside_a_secret().await;
    put(&storage, "a/b", pattern(1), PutMode::Create).await.unwrap();
    nix::unistd::mkfifo(&root.join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    for name in ["a", "pipe", "a/b/c"] {
        assert_eq!(kind(storage.reader(&key(name), None).await), Some(Kind::Corrupt), "{name}");
        assert_eq!(kind(storage.head(&key(name)).await), Some(Kind::Corrupt), "{name}");
        assert_eq!(kind(storage.delete(&key(name)).await), Some(Kind::Corrupt), "{name}");
        assert_eq!(kind(put(&storage, name, pattern(1), PutMode::Overwrite).await), Some(Kind::Corrupt), "{name}");
    }
}

#[tokio::test]
async fn a_root_that_is_a_file_does_not_open() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    for name in ["file", "file/below"] {
        assert!(Storage::open(&format!("file://{}", folder.path().join(name).display())).await.is_err());
    }
    assert_eq!(kind(Storage::open("file://").await), Some(Kind::Unavailable));
    assert_eq!(kind(Storage::open("ftp://x").await), Some(Kind::Unavailable));
}

#[tokio::test]
async fn a_store_that_vanished_is_found_again_when_it_returns() {
    let (folder, root, storage) = beside_a_secret().await;
    put(&storage, "a", pattern(5), PutMode::Create).await.unwrap();
    fs::rename(&root, folder.path().join("away")).unwrap();
    let name = key("a");
    assert_eq!(kind(storage.ping().await), Some(Kind::Unavailable));
    assert_eq!(kind(storage.free().await), Some(Kind::Unavailable));
    assert_eq!(kind(storage.head(&name).await), Some(Kind::Unavailable));
    assert_eq!(kind(storage.reader(&name, None).await), Some(Kind::Unavailable));
    assert_eq!(kind(storage.list(&name).await), Some(Kind::Unavailable));
    assert_eq!(kind(storage.delete(&name).await), Some(Kind::Unavailable));
    assert_eq!(kind(put(&storage, "b", pattern(5), PutMode::Create).await), Some(Kind::Unavailable));
    fs::rename(folder.path().join("away"), &root).unwrap();
    storage.ping().await.unwrap();
    assert!(storage.free().await.unwrap() > Some(0), "the room that is left is told");
    assert_eq!(get(&storage, "a").await, pattern(5));
}

#[tokio::test]
async fn a_sweep_spares_the_living() {
    let (_folder, root, storage) = beside_a_secret().await;
    let mut writer = storage.writer(&key("a"), PutMode::Create).await.unwrap();
    writer.write(pattern(5)).await.unwrap();
    assert_eq!(storage.sweep(Utc::now() - TimeDelta::minutes(1)).await.unwrap(), 0);
    assert_eq!(leftovers(&root), 1);
    writer.commit().await.unwrap();
    assert_eq!(get(&storage, "a").await, pattern(5));
}

/// Runs as somebody who owns nothing: root would be let through.
#[test]
fn a_folder_without_permission_is_denied() {
    let nobody = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .on_thread_start(|| {
            #[cfg(target_os = "linux")]
            if geteuid().is_root() {
                nix::unistd::setfsuid(nix::unistd::Uid::from_raw(65534));
            }
        })
        .build()
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().to_owned();
    let allow = |name: &str, mode| fs::set_permissions(root.join(name), fs::Permissions::from_mode(mode)).unwrap();
    fs::create_dir_all(root.join("datasets")).unwrap();
    fs::create_dir_all(root.join(".tmp")).unwrap();
    fs::write(root.join("datasets/hidden"), "x").unwrap();
    allow("", 0o755);
    allow(".tmp", 0o777);
    allow("datasets", 0o555);
    allow("datasets/hidden", 0o000);
    nobody.block_on(async {
        let storage = open(&root).await;
        assert_eq!(kind(put(&storage, "datasets/new", pattern(1), PutMode::Create).await), Some(Kind::Denied));
        assert_eq!(kind(put(&storage, "datasets/hidden", pattern(1), PutMode::Overwrite).await), Some(Kind::Denied));
        assert_eq!(kind(put(&storage, "datasets/deeper/new", pattern(1), PutMode::Create).await), Some(Kind::Denied));
        assert_eq!(kind(storage.reader(&key("datasets/hidden"), None).await), Some(Kind::Denied));
        assert_eq!(kind(storage.delete(&key("datasets/hidden")).await), Some(Kind::Denied));
        assert_eq!(storage.head(&key("datasets/new")).await.unwrap(), None);
    });
    assert_eq!(leftovers(&root), 0);
    allow("datasets", 0o755);
}

/// Names the small disk to the test that runs on it.
const SMALL: &str = "DALLOSH_TEST_SMALL_DISK";

const MOUNTED: &str = "mount -t tmpfs -o size=1m tmpfs \"$1\"";

/// Runs itself on a disk of 1 MiB, mounted where nobody else sees it; or, where mounting is refused, with a limit of
/// 512 KiB on every file, which writing meets in the same way.
#[test]
fn a_full_disk_refuses_and_works_again_when_there_is_room() {
    if let Some(place) = variable(SMALL) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (mounted, root) = place.split_once(':').unwrap();
        runtime.block_on(fill(Path::new(root), mounted == "mounted"));
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let private: &[&str] = if geteuid().is_root() { &["--mount"] } else { &["--mount", "--user", "--map-root-user"] };
    let probe = Command::new("unshare").args(private).args(["sh", "-c", MOUNTED, "sh"]).arg(folder.path()).output();
    let (mut command, script, how) = if probe.is_ok_and(|probe| probe.status.success()) {
        let mut command = Command::new("unshare");
        command.args(private).arg("sh");
        (command, MOUNTED, "mounted")
    } else {
        (Command::new("sh"), "trap '' XFSZ && ulimit -f 1024", "limited")
    };
    let name = "local::a_full_disk_refuses_and_works_again_when_there_is_room";
    let ran = command
        .args(["-c", &format!("{script} && exec \"$2\" --exact {name} --nocapture"), "sh"])
        .arg(folder.path())
        .arg(std::env::current_exe().unwrap())
        .env(SMALL, format!("{how}:{}", folder.path().display()))
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&ran.stdout);
    assert!(
        ran.status.success() && printed.contains("1 passed"),
        "{how}: {printed}{}",
        String::from_utf8_lossy(&ran.stderr)
    );
}

async fn fill(root: &Path, mounted: bool) {
    let storage = open(root).await;
    put(&storage, "a/kept", pattern(200 << 10), PutMode::Create).await.unwrap();
    for name in ["a/kept", "a/new"] {
        assert_eq!(kind(put(&storage, name, pattern(3 << 20), PutMode::Overwrite).await), Some(Kind::Full));
        assert_eq!(leftovers(root), 0);
    }
    let mut writer = storage.writer(&key("a/new"), PutMode::Create).await.unwrap();
    let mut failed = None;
    while failed.is_none() {
        failed = kind(writer.write(Bytes::from(vec![0; 100 << 10])).await);
    }
    assert_eq!(failed, Some(Kind::Full));
    assert_eq!(leftovers(root), 0, "the room is free as soon as the write has failed");
    assert!(writer.commit().await.is_err(), "an object with a hole is never visible");
    assert_eq!(storage.list(&key("a")).await.unwrap(), [key("a/kept")]);
    assert_eq!(get(&storage, "a/kept").await, pattern(200 << 10));
    if mounted {
        put(&storage, "a/filler", pattern(500 << 10), PutMode::Create).await.unwrap();
        assert_eq!(kind(put(&storage, "a/new", pattern(400 << 10), PutMode::Create).await), Some(Kind::Full));
        storage.delete(&key("a/filler")).await.unwrap();
    }
    put(&storage, "a/new", pattern(400 << 10), PutMode::Create).await.unwrap();
    assert_eq!(get(&storage, "a/new").await, pattern(400 << 10));
}
