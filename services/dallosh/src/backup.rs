//! A copy of everything that the platform keeps in its data folder, taken while it runs, and its way back.

use std::{
    collections::BTreeMap,
    fs::{self, DirBuilder, File},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use chrono::{DateTime, SubsecRound as _, Utc};
use dallosh_secrets::KEY_FOLDER;
use dallosh_service_kit::Config;
use dallosh_store::{StoreError, check_sqlite, copy_sqlite};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// What a backup holds, written last: without it a folder is none.
const MANIFEST: &str = "backup.json";
/// The form of [`Manifest`].
const VERSION: u32 = 1;
/// The database in a backup.
const DATABASE: &str = "dallosh.db";
/// The anchors of the activity log in a backup.
const ANCHORS: &str = "anchors";
/// Where the object store puts what is not whole yet.
const UNFINISHED: &str = ".tmp";
/// How much is copied at once.
const PIECE: usize = 256 << 10;

/// A backup can't be taken or brought back. What was begun is left out of the way.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The data lies on servers of its own.
    #[error("{0} is kept by a server of its own; docs/operations.md says how it is backed up")]
    Elsewhere(&'static str),
    /// Something is there already.
    #[error("{} is there already, and nothing is overwritten", .0.display())]
    InTheWay(PathBuf),
    /// A file or folder.
    #[error("{} can't be copied", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The database.
    #[error("the database can't be copied")]
    Database(#[from] StoreError),
    /// The folder is no backup, or one of a later version.
    #[error("{} is no backup that this version can read", .0.display())]
    NotOne(PathBuf),
    /// A file is not as it was when the backup was taken.
    #[error("{} of the backup is not as it was taken", .0.display())]
    Changed(PathBuf),
}

/// What a backup holds.
#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    version: u32,
    taken_at: DateTime<Utc>,
    /// Every file by its path in the backup.
    files: BTreeMap<PathBuf, Kept>,
}

/// A file as it was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    bytes: u64,
    sha256: String,
}

/// What was copied.
#[derive(Debug, Clone, Copy)]
pub struct Copied {
    /// How many files.
    pub files: usize,
    /// How many bytes they hold.
    pub bytes: u64,
    /// When the backup was taken.
    pub taken_at: DateTime<Utc>,
}

/// Where the parts of a backup lie on this machine.
struct Places {
    database: PathBuf,
    anchors: PathBuf,
    /// Each with its name in a backup.
    folders: [(&'static str, PathBuf); 2],
}

impl Places {
    fn of(config: &Config) -> Result<Self, BackupError> {
        let database = config.database_url.strip_prefix("sqlite://").ok_or(BackupError::Elsewhere("the database"))?;
        let objects = config.storage_url.strip_prefix("file://").ok_or(BackupError::Elsewhere("the object store"))?;
        let folders = [("objects", objects.into()), (KEY_FOLDER, config.data_dir.join(KEY_FOLDER))];
        Ok(Self { database: database.into(), anchors: config.log_anchors.clone(), folders })
    }

    /// Every part: its name in a backup, and its place.
    fn parts(&self) -> impl Iterator<Item = (&'static Path, &Path)> {
        let folders = self.folders.iter().map(|(name, place)| (*name, place));
        let parts = folders.chain([(DATABASE, &self.database), (ANCHORS, &self.anchors)]);
        parts.map(|(name, place)| (Path::new(name), place.as_path()))
    }
}

/// Copies database, objects and keys to `folder`, which must be new or empty. The platform may be at work.
///
/// # Errors
/// [`BackupError`]; the folder has no `backup.json` then, and can be thrown away.
pub fn take(config: &Config, folder: &Path) -> Result<Copied, BackupError> {
    let places = Places::of(config)?;
    if fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(BackupError::InTheWay(folder.to_owned()));
    }
    private_folder(folder)?;
    let taken_at = Utc::now().trunc_subsecs(0);
    let mut files = BTreeMap::new();
    // Before the log itself, which must not be shorter than they say.
    if let Some(kept) = copy(&places.anchors, &folder.join(ANCHORS))? {
        files.insert(ANCHORS.into(), kept);
    }
    // Objects are written whole before a document names them, and removed after no document does. What the database
    // names in the middle was there before, or is there after.
    copy_folders(&places, folder, &mut files)?;
    let database = folder.join(DATABASE);
    copy_sqlite(&places.database, &database)?;
    files.insert(DATABASE.into(), finish(&database)?);
    copy_folders(&places, folder, &mut files)?;
    let manifest = Manifest { version: VERSION, taken_at, files };
    let draft = folder.join(format!("{MANIFEST}{UNFINISHED}"));
    let failed = |source| BackupError::File { path: draft.clone(), source };
    let mut file = File::create(&draft).map_err(failed)?;
    serde_json::to_writer_pretty(&mut file, &manifest).map_err(|error| failed(error.into()))?;
    file.sync_all().and_then(|()| fs::rename(&draft, folder.join(MANIFEST))).map_err(failed)?;
    sync_folder(folder)?;
    Ok(manifest.copied())
}

/// Brings a backup back to where the configuration says that data lies. Nothing may be there yet.
///
/// # Errors
/// [`BackupError`]; nothing was put in place then.
pub fn restore(config: &Config, folder: &Path) -> Result<Copied, BackupError> {
    let places = Places::of(config)?;
    let not_one = || BackupError::NotOne(folder.to_owned());
    let manifest: Manifest =
        fs::read(folder.join(MANIFEST)).ok().and_then(|text| serde_json::from_slice(&text).ok()).ok_or_else(not_one)?;
    let is_below = |path: &Path| path.components().all(|part| matches!(part, std::path::Component::Normal(_)));
    if manifest.version != VERSION || !manifest.files.keys().all(|path| is_below(path)) {
        return Err(not_one());
    }
    let draft_of = |place: &Path| PathBuf::from(format!("{}.restoring", place.display()));
    for (_, place) in places.parts() {
        if place.exists() {
            return Err(BackupError::InTheWay(place.to_owned()));
        }
        clear(&draft_of(place))?;
    }
    for (path, kept) in &manifest.files {
        let (part, place) = places.parts().find(|(part, _)| path.starts_with(part)).ok_or_else(not_one)?;
        let rest = path.strip_prefix(part).unwrap_or(path);
        let draft = draft_of(place);
        let to = if rest.as_os_str().is_empty() { draft } else { draft.join(rest) };
        if copy(&folder.join(path), &to)?.as_ref() != Some(kept) {
            return Err(BackupError::Changed(path.clone()));
        }
    }
    check_sqlite(&draft_of(&places.database))?;
    for (_, place) in places.parts() {
        let draft = draft_of(place);
        if draft.exists() {
            fs::rename(&draft, place).map_err(|source| BackupError::File { path: place.to_owned(), source })?;
            sync_folder(place.parent().unwrap_or(place))?;
        }
    }
    Ok(manifest.copied())
}

impl Manifest {
    fn copied(&self) -> Copied {
        let bytes = self.files.values().map(|kept| kept.bytes).sum();
        Copied { files: self.files.len(), bytes, taken_at: self.taken_at }
    }
}

/// Copies what is not in `files` yet.
fn copy_folders(places: &Places, to: &Path, files: &mut BTreeMap<PathBuf, Kept>) -> Result<(), BackupError> {
    for (name, from) in &places.folders {
        let mut folders = vec![PathBuf::new()];
        while let Some(below) = folders.pop() {
            let folder = from.join(&below);
            let failed = |source| BackupError::File { path: folder.clone(), source };
            let entries = match fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(failed(error)),
            };
            for entry in entries {
                let entry = entry.map_err(failed)?;
                let below = below.join(entry.file_name());
                let kind = entry.file_type().map_err(failed)?;
                let path = Path::new(name).join(&below);
                if kind.is_dir() && entry.file_name() != UNFINISHED {
                    folders.push(below);
                } else if kind.is_file()
                    && !files.contains_key(&path)
                    && let Some(kept) = copy(&entry.path(), &to.join(&path))?
                {
                    files.insert(path, kept);
                }
            }
        }
    }
    Ok(())
}

/// Copies a file down to the disk, private to its owner; none when it is gone by now.
fn copy(from: &Path, to: &Path) -> Result<Option<Kept>, BackupError> {
    let failed = |source| BackupError::File { path: from.to_owned(), source };
    let source = match File::open(from) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    if let Some(folder) = to.parent() {
        private_folder(folder)?;
    }
    let mut target = File::create(to).map_err(failed)?;
    target.set_permissions(fs::Permissions::from_mode(0o600)).map_err(failed)?;
    let kept = read(source, |piece| target.write_all(piece)).map_err(failed)?;
    target.sync_all().map_err(failed)?;
    Ok(Some(kept))
}

/// A file that is there already, made private and brought down to the disk.
fn finish(path: &Path) -> Result<Kept, BackupError> {
    let failed = |source| BackupError::File { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    file.set_permissions(fs::Permissions::from_mode(0o600)).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    read(file, |_| Ok(())).map_err(failed)
}

/// Reads a file piece by piece.
fn read(mut file: File, mut each: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<Kept> {
    let (mut hash, mut bytes, mut piece) = (Sha256::new(), 0, vec![0; PIECE]);
    loop {
        let length = file.read(&mut piece)?;
        let Some(piece) = piece.get(..length).filter(|piece| !piece.is_empty()) else { break };
        hash.update(piece);
        each(piece)?;
        bytes += piece.len() as u64;
    }
    Ok(Kept { bytes, sha256: hex::encode(hash.finalize()) })
}

fn private_folder(folder: &Path) -> Result<(), BackupError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|source| BackupError::File { path: folder.to_owned(), source })
}

fn sync_folder(folder: &Path) -> Result<(), BackupError> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|source| BackupError::File { path: folder.to_owned(), source })
}

/// Removes what an earlier restore left.
fn clear(draft: &Path) -> Result<(), BackupError> {
    let cleared = if draft.is_dir() { fs::remove_dir_all(draft) } else { fs::remove_file(draft) };
    match cleared {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(BackupError::File { path: draft.to_owned(), source })
        }
        _ => Ok(()),
    }
}
