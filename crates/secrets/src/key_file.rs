use std::{
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

/// The folder below the data folder in which key files lie.
pub const KEY_FOLDER: &str = "keys";

/// Reads the key file `name` below the data folder; it is made there with the text of `make` when there is none, private
/// to its owner. When several processes begin at once, the first one's text is everybody's.
///
/// # Errors
/// What `make` fails with; and when the file can't be read or made, what `failed` makes of its path and the reason.
pub fn key_file<T: AsRef<[u8]>, E>(
    data_dir: &Path,
    name: &str,
    make: impl FnOnce(&Path) -> Result<T, E>,
    failed: impl Fn(PathBuf, io::Error) -> E,
) -> Result<(PathBuf, String), E> {
    let folder = data_dir.join(KEY_FOLDER);
    let path = folder.join(name);
    let failed = |error| failed(path.clone(), error);
    if !path.try_exists().map_err(failed)? {
        let text = make(&path)?;
        write(&folder, &path, text.as_ref()).map_err(failed)?;
    }
    let text = fs::read_to_string(&path).map_err(failed)?;
    Ok((path, text))
}

/// Replaces the key file `name` by one step: whoever reads it finds the old text or the new one, also after a crash.
pub fn replace<E>(data_dir: &Path, name: &str, text: &[u8], failed: impl Fn(PathBuf, io::Error) -> E) -> Result<(), E> {
    let folder = data_dir.join(KEY_FOLDER);
    let path = folder.join(name);
    let replaced = || {
        draft(&folder, text)?.persist(&path).map_err(|refused| refused.error)?;
        fs::File::open(&folder)?.sync_all()
    };
    replaced().map_err(|error| failed(path.clone(), error))
}

/// Writes a text beside its place, down to the disk, and moves it there unless another one is there by now.
fn write(folder: &Path, path: &Path, text: &[u8]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    match draft(folder, text)?.persist_noclobber(path) {
        Ok(_) => {}
        Err(refused) if refused.error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        Err(refused) => return Err(refused.error),
    }
    fs::File::open(folder).and_then(|folder| folder.sync_all())
}

/// A text in a file of its own, down to the disk.
fn draft(folder: &Path, text: &[u8]) -> io::Result<NamedTempFile> {
    let mut draft = NamedTempFile::new_in(folder)?;
    draft.write_all(text)?;
    draft.as_file().sync_all()?;
    Ok(draft)
}
