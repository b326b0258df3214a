use std::{
    io,
    path::{Path, PathBuf},
};

use aws_lc_rs::{
    error::Unspecified,
    hkdf::{HKDF_SHA256, Prk, Salt},
};
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};

use crate::{KEY_FOLDER, SALT, key_file, key_file::replace, key_id};

/// The key file: a key of 64 hexadecimal digits on each line, the one that seals first, then those before it.
const FILE: &str = "master.key";
/// Bytes of a key that is made here.
const BYTES: usize = 32;
/// The shortest key that an operator may set, in bytes.
const SHORTEST: usize = 16;

/// The master keys can't be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A key that was set is easy to guess.
    #[error("a master key has to have at least {SHORTEST} bytes")]
    TooShort,
    /// The file can't be read or made.
    #[error("the master key {} can't be read or made", .0.display())]
    File(PathBuf, #[source] io::Error),
    /// The file holds no master keys.
    #[error("{} holds no master key", .0.display())]
    Content(PathBuf),
    /// The system gives no random bytes, or no keys can be derived.
    #[error("the cryptography of this system does not work")]
    Cryptography,
}

/// The master keys of a platform: the one that seals, and those before it, which open what they sealed.
#[derive(Debug)]
pub struct MasterKeys {
    /// The present one first, none twice.
    keys: Vec<SecretSlice<u8>>,
}

impl MasterKeys {
    /// Takes the key that the operator set, or else the first one of `keys/master.key` below the data folder, which is
    /// made there at first use, private to its owner. Those before it are the ones that the operator names and those
    /// that the file holds besides.
    ///
    /// # Errors
    /// When a key is too short, or the file can't be read or made, or holds something else.
    pub fn open(set: Option<&SecretString>, previous: &[SecretString], data_dir: &Path) -> Result<Self, KeyError> {
        let path = data_dir.join(KEY_FOLDER).join(FILE);
        let exists = path.try_exists().map_err(|error| KeyError::File(path, error))?;
        let filed = if set.is_none() || exists { load_or_make(data_dir)? } else { Vec::new() };
        let mut filed = filed.into_iter();
        let present = match set {
            Some(key) => Some(check(key)?),
            None => filed.next(),
        };
        let previous = previous.iter().map(check).collect::<Result<Vec<_>, _>>()?;
        let mut keys: Vec<SecretSlice<u8>> = Vec::new();
        for key in present.into_iter().chain(previous).chain(filed) {
            if !keys.iter().any(|known| known.expose_secret() == key.expose_secret()) {
                keys.push(key);
            }
        }
        Ok(Self { keys })
    }

    /// Whether there are keys before the present one.
    pub fn has_previous(&self) -> bool {
        self.keys.len() > 1
    }

    /// Puts a new key before those in the key file, by one step: whoever reads the file finds all of them, or those of
    /// before. Whoever has read it already does not know the new one.
    ///
    /// # Errors
    /// When the file can't be read, made or replaced, or holds something else.
    pub fn rotate_file(data_dir: &Path) -> Result<(), KeyError> {
        let known = load_or_make(data_dir)?;
        let lines = known.iter().map(|key| hex::encode(key.expose_secret()));
        let text = lines.fold(make()?, |text, line| format!("{text}{line}\n"));
        replace(data_dir, FILE, text.as_bytes(), KeyError::File)
    }

    /// What `make` derives from each key, with the key's id; of the present one first.
    pub(crate) fn derive<K>(
        &self,
        make: impl Fn(&Prk) -> Result<K, Unspecified>,
    ) -> Result<Vec<(String, K)>, KeyError> {
        let one = |key: &SecretSlice<u8>| {
            let derive = Salt::new(HKDF_SHA256, SALT).extract(key.expose_secret());
            Ok((key_id(&derive)?, make(&derive)?))
        };
        self.keys.iter().map(one).collect::<Result<_, Unspecified>>().map_err(|Unspecified| KeyError::Cryptography)
    }
}

/// The bytes of a key that was set.
fn check(text: &SecretString) -> Result<SecretSlice<u8>, KeyError> {
    let bytes = text.expose_secret().as_bytes();
    if bytes.len() < SHORTEST { Err(KeyError::TooShort) } else { Ok(bytes.to_vec().into()) }
}

/// The keys in the data folder, one made there when there is none.
fn load_or_make(data_dir: &Path) -> Result<Vec<SecretSlice<u8>>, KeyError> {
    let (path, text) = key_file(data_dir, FILE, |_| make(), KeyError::File)?;
    let key = |line: &str| hex::decode(line.trim()).ok().filter(|key| key.len() == BYTES).map(SecretSlice::from);
    let keys: Option<Vec<_>> = text.lines().filter(|line| !line.trim().is_empty()).map(key).collect();
    keys.filter(|keys| !keys.is_empty()).ok_or(KeyError::Content(path))
}

/// A new key as a line.
fn make() -> Result<String, KeyError> {
    let mut key = [0; BYTES];
    aws_lc_rs::rand::fill(&mut key).map_err(|_| KeyError::Cryptography)?;
    Ok(format!("{}\n", hex::encode(key)))
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    fn opened(set: Option<&str>, previous: &[&str], folder: &Path) -> Vec<String> {
        let previous: Vec<_> = previous.iter().map(|&key| key.into()).collect();
        let keys = MasterKeys::open(set.map(SecretString::from).as_ref(), &previous, folder).unwrap();
        let text = |key: &[u8]| String::from_utf8(key.to_vec()).unwrap_or_else(|_| hex::encode(key));
        keys.keys.iter().map(|key| text(key.expose_secret())).collect()
    }

    fn lines(folder: &Path) -> Vec<String> {
        let text = fs::read_to_string(folder.join(KEY_FOLDER).join(FILE)).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn the_key_is_made_once_private_to_its_owner_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let keys: Vec<_> = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..8).map(|_| scope.spawn(|| opened(None, &[], folder.path()))).collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]));
        let private = || {
            let files: Vec<_> = fs::read_dir(folder.path().join(KEY_FOLDER)).unwrap().map(Result::unwrap).collect();
            assert_eq!(files.len(), 1);
            assert_eq!(files[0].metadata().unwrap().permissions().mode() & 0o777, 0o600);
        };
        private();
        MasterKeys::rotate_file(folder.path()).unwrap();
        private();
    }

    #[test]
    fn a_new_key_comes_before_those_of_the_file_and_a_key_that_was_set_before_all() {
        let folder = tempfile::tempdir().unwrap();
        let first = opened(None, &[], folder.path());
        MasterKeys::rotate_file(folder.path()).unwrap();
        MasterKeys::rotate_file(folder.path()).unwrap();
        let filed = lines(folder.path());
        assert_eq!((filed.len(), &filed[2]), (3, &first[0]));
        assert!(filed[0] != filed[1] && filed[1] != filed[2]);
        assert_eq!(opened(None, &[], folder.path()), filed);
        let (set, before) = ("a long master key 2", "a long master key 1");
        let all = [&[set.to_owned(), before.to_owned()][..], &filed].concat();
        assert_eq!(opened(Some(set), &[before, set], folder.path()), all);
        let empty = tempfile::tempdir().unwrap();
        assert_eq!(opened(Some(set), &[before], empty.path()), [set, before]);
        assert!(!empty.path().join(KEY_FOLDER).exists(), "a file was made beside a key that was set");
    }

    #[test]
    fn a_file_that_holds_no_key_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(KEY_FOLDER)).unwrap();
        let path = folder.path().join(KEY_FOLDER).join(FILE);
        for text in ["no key", "", &format!("{}\nno key\n", "00".repeat(BYTES))] {
            fs::write(&path, text).unwrap();
            assert!(matches!(MasterKeys::open(None, &[], folder.path()), Err(KeyError::Content(_))));
            assert!(matches!(MasterKeys::rotate_file(folder.path()), Err(KeyError::Content(_))));
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn a_short_key_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let open = |set: &str, previous: &str| MasterKeys::open(Some(&set.into()), &[previous.into()], folder.path());
        assert!(matches!(open("123456789012345", "1234567890123456"), Err(KeyError::TooShort)));
        assert!(matches!(open("1234567890123456", "123456789012345"), Err(KeyError::TooShort)));
        assert!(open("1234567890123456", "6543210987654321").is_ok());
    }
}
