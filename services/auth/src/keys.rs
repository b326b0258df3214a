use std::{
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
};

use ed25519_dalek::{
    SigningKey,
    pkcs8::{self, DecodePrivateKey as _, EncodePrivateKey as _, spki::der::pem::LineEnding},
};
use rand::{TryRng as _, rngs::SysRng};
use tempfile::NamedTempFile;

/// The folder below the data folder, and the file in it.
const FOLDER: &str = "keys";
const FILE: &str = "auth-ed25519.pem";

/// The signing key can't be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file can't be read or made.
    #[error("the signing key {} can't be read or made", .0.display())]
    File(PathBuf, #[source] io::Error),
    /// The file holds no Ed25519 private key.
    #[error("{} holds no Ed25519 private key", .0.display())]
    Content(PathBuf, #[source] pkcs8::Error),
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    Random(#[source] rand::rngs::SysError),
}

/// The key that signs access tokens: read from the data folder, or made there. The file is private to its owner. When
/// several processes begin at once, the first one's key is everybody's.
///
/// # Errors
/// When the file can't be read or made, or holds something else.
pub fn load_or_make(data_dir: &Path) -> Result<SigningKey, KeyError> {
    let folder = data_dir.join(FOLDER);
    let path = folder.join(FILE);
    let failed = |error| KeyError::File(path.clone(), error);
    if !path.try_exists().map_err(failed)? {
        make(&folder, &path)?;
    }
    let text = fs::read_to_string(&path).map_err(failed)?;
    SigningKey::from_pkcs8_pem(&text).map_err(|error| KeyError::Content(path, error))
}

/// Writes a new key beside its place, down to the disk, and moves it there unless another one is there by now.
fn make(folder: &Path, path: &Path) -> Result<(), KeyError> {
    let failed = |error| KeyError::File(path.to_owned(), error);
    let mut seed = [0; 32];
    SysRng.try_fill_bytes(&mut seed).map_err(KeyError::Random)?;
    let text = SigningKey::from_bytes(&seed)
        .to_pkcs8_pem(LineEnding::LF)
        .map_err(|error| KeyError::Content(path.to_owned(), error))?;
    fs::create_dir_all(folder).map_err(failed)?;
    let mut draft = NamedTempFile::new_in(folder).map_err(failed)?;
    draft.write_all(text.as_bytes()).map_err(failed)?;
    draft.as_file().sync_all().map_err(failed)?;
    match draft.persist_noclobber(path) {
        Ok(_) => {}
        Err(refused) if refused.error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        Err(refused) => return Err(failed(refused.error)),
    }
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_key_is_made_once_private_to_its_owner_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let keys: Vec<_> = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..8).map(|_| scope.spawn(|| load_or_make(folder.path()).unwrap())).collect();
            starts.into_iter().map(|start| start.join().unwrap().to_bytes()).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]));
        let files: Vec<_> = fs::read_dir(folder.path().join(FOLDER)).unwrap().map(Result::unwrap).collect();
        assert_eq!(files.len(), 1);
        assert_eq!(files[0].metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_file_that_holds_no_key_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(FOLDER)).unwrap();
        let path = folder.path().join(FOLDER).join(FILE);
        fs::write(&path, "no key").unwrap();
        assert!(matches!(load_or_make(folder.path()), Err(KeyError::Content(..))));
        assert_eq!(fs::read_to_string(path).unwrap(), "no key");
    }
}
