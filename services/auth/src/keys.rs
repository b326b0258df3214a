use std::{
    fs, io,
    path::{Path, PathBuf},
};

use dallosh_secrets::{KEY_FOLDER, key_file};
use ed25519_dalek::{
    SigningKey, VerifyingKey,
    pkcs8::{self, DecodePrivateKey as _, EncodePrivateKey as _, spki::der::pem::LineEnding},
};
use rand::{TryRng as _, rngs::SysRng};

/// The key file.
const FILE: &str = "auth-ed25519.pem";
/// How files beside it begin whose keys sign nothing, and are published all the same.
const OTHERS: &str = "auth-ed25519-";

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

/// The key that signs access tokens: read from the data folder, or made there.
///
/// # Errors
/// When the file can't be read or made, or holds something else.
pub fn load_or_make(data_dir: &Path) -> Result<SigningKey, KeyError> {
    let (path, text) = key_file(data_dir, FILE, make, KeyError::File)?;
    SigningKey::from_pkcs8_pem(&text).map_err(|error| KeyError::Content(path, error))
}

/// The public halves of the keys in `auth-ed25519-*.pem` beside the one that signs: those that signed before, and those
/// that are to sign next.
///
/// # Errors
/// When a file can't be read, or holds something else.
pub fn others(data_dir: &Path) -> Result<Vec<VerifyingKey>, KeyError> {
    let folder = data_dir.join(KEY_FOLDER);
    let failed = |error| KeyError::File(folder.clone(), error);
    let mut paths = Vec::new();
    for entry in fs::read_dir(&folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with(OTHERS) && path.extension().is_some_and(|kind| kind == "pem") {
            paths.push(path);
        }
    }
    paths.sort();
    let key = |path: PathBuf| {
        let text = fs::read_to_string(&path).map_err(|error| KeyError::File(path.clone(), error))?;
        let key = SigningKey::from_pkcs8_pem(&text).map_err(|error| KeyError::Content(path, error))?;
        Ok(key.verifying_key())
    };
    paths.into_iter().map(key).collect()
}

/// A new key as text, which is wiped from memory after use.
fn make(path: &Path) -> Result<impl AsRef<[u8]> + use<>, KeyError> {
    let mut seed = [0; 32];
    SysRng.try_fill_bytes(&mut seed).map_err(KeyError::Random)?;
    let text = SigningKey::from_bytes(&seed).to_pkcs8_pem(LineEnding::LF);
    text.map_err(|error| KeyError::Content(path.to_owned(), error))
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
        let files: Vec<_> = fs::read_dir(folder.path().join(KEY_FOLDER)).unwrap().map(Result::unwrap).collect();
        assert_eq!(files.len(), 1);
        assert_eq!(files[0].metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_file_that_holds_no_key_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(KEY_FOLDER)).unwrap();
        let path = folder.path().join(KEY_FOLDER).join(FILE);
        fs::write(&path, "no key").unwrap();
        assert!(matches!(load_or_make(folder.path()), Err(KeyError::Content(..))));
        assert_eq!(fs::read_to_string(path).unwrap(), "no key");
    }
}
