use std::{
    io,
    path::{Path, PathBuf},
};

use secrecy::{ExposeSecret as _, SecretString};

use crate::key_file;

/// The key file.
const FILE: &str = "master.key";
/// Bytes of a key that is made here.
const BYTES: usize = 32;
/// The shortest key that an operator may set, in bytes.
const SHORTEST: usize = 16;

/// The master key can't be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The key that was set is easy to guess.
    #[error("the master key has to have at least {SHORTEST} bytes")]
    TooShort,
    /// The file can't be read or made.
    #[error("the master key {} can't be read or made", .0.display())]
    File(PathBuf, #[source] io::Error),
    /// The file holds no master key.
    #[error("{} holds no master key", .0.display())]
    Content(PathBuf),
    /// The system gives no random bytes, or no keys can be derived.
    #[error("the cryptography of this system does not work")]
    Cryptography,
}

/// The bytes of a key that was set.
pub fn check(text: &SecretString) -> Result<&[u8], KeyError> {
    let bytes = text.expose_secret().as_bytes();
    if bytes.len() < SHORTEST { Err(KeyError::TooShort) } else { Ok(bytes) }
}

/// The key in the data folder, made there when there is none.
pub fn load_or_make(data_dir: &Path) -> Result<[u8; BYTES], KeyError> {
    let (path, text) = key_file(data_dir, FILE, |_| make(), KeyError::File)?;
    let mut key = [0; BYTES];
    hex::decode_to_slice(text.trim(), &mut key).map_err(|_| KeyError::Content(path))?;
    Ok(key)
}

fn make() -> Result<String, KeyError> {
    let mut key = [0; BYTES];
    aws_lc_rs::rand::fill(&mut key).map_err(|_| KeyError::Cryptography)?;
    Ok(format!("{}\n", hex::encode(key)))
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;
    use crate::KEY_FOLDER;

    #[test]
    fn the_key_is_made_once_private_to_its_owner_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let keys: Vec<_> = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..8).map(|_| scope.spawn(|| load_or_make(folder.path()).unwrap())).collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect()
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
        assert!(matches!(load_or_make(folder.path()), Err(KeyError::Content(_))));
        assert_eq!(fs::read_to_string(path).unwrap(), "no key");
    }

    #[test]
    fn a_short_key_is_refused() {
        assert!(matches!(check(&"123456789012345".into()), Err(KeyError::TooShort)));
        assert!(check(&"1234567890123456".into()).is_ok());
    }
}
