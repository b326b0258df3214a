//! The passwords that leaked, as Have I Been Pwned publishes them: a line for each, the SHA-1 as 40 hexadecimal digits and
//! how often it was seen (`HASH:COUNT`), in ascending order. The file has tens of gigabytes, so it stays on disk.

use std::{
    cmp::Ordering,
    fs::File,
    io::{self, ErrorKind},
    os::unix::fs::FileExt as _,
    path::Path,
    sync::Arc,
};

use secrecy::{ExposeSecret as _, SecretString};
use sha1::{Digest as _, Sha1};

/// Digits of a hash.
const DIGITS: usize = 40;
/// The longest line with its end.
const LONGEST_LINE: u64 = 80;

/// An open list. What happens to its name afterwards changes nothing.
#[derive(Debug, Clone)]
pub struct Breached(Arc<Lines>);

#[derive(Debug)]
struct Lines {
    file: File,
    length: u64,
}

impl Breached {
    /// Opens a list, and looks at its first and its last line.
    ///
    /// # Errors
    /// When it can't be read, or is no such list.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        let lines = Lines { file, length };
        let first = lines.at(0, 0, length)?;
        let last = lines.at(length.saturating_sub(2), 0, length)?;
        if first.hash > last.hash { Err(no_list()) } else { Ok(Self(Arc::new(lines))) }
    }

    /// Whether the password, exactly as it is, is on the list.
    ///
    /// # Errors
    /// When the list can't be read (any more).
    pub async fn contains(&self, password: &SecretString) -> io::Result<bool> {
        let (lines, hash) = (Arc::clone(&self.0), Sha1::digest(password.expose_secret().as_bytes()));
        let search = tokio::task::spawn_blocking(move || lines.contains(hex::encode_upper(hash).as_bytes()));
        search.await.map_err(io::Error::other)?
    }
}

/// A line: its hash in capitals, and its bytes in the file, from the first one up to the one behind its end.
struct Line {
    hash: Vec<u8>,
    from: u64,
    to: u64,
}

impl Lines {
    fn contains(&self, hash: &[u8]) -> io::Result<bool> {
        // Both are where a line begins.
        let (mut low, mut high) = (0, self.length);
        while low < high {
            let line = self.at(low.midpoint(high), low, high)?;
            match hash.cmp(&line.hash) {
                Ordering::Equal => return Ok(true),
                Ordering::Less => high = line.from,
                Ordering::Greater => low = line.to,
            }
        }
        Ok(false)
    }

    /// The line in which the byte at `place` is, within a range of whole lines.
    fn at(&self, place: u64, low: u64, high: u64) -> io::Result<Line> {
        let from = place.saturating_sub(LONGEST_LINE).max(low);
        let to = place.saturating_add(LONGEST_LINE).min(high);
        let mut bytes = vec![0; usize::try_from(to.saturating_sub(from)).map_err(|_| no_list())?];
        self.file.read_exact_at(&mut bytes, from)?;
        let (before, behind) = usize::try_from(place.saturating_sub(from))
            .ok()
            .and_then(|place| bytes.split_at_checked(place))
            .ok_or_else(no_list)?;
        let begin = match before.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => end.saturating_add(1),
            None if from == low => 0,
            None => return Err(no_list()),
        };
        let end = match behind.iter().position(|byte| *byte == b'\n') {
            Some(end) => before.len().saturating_add(end).saturating_add(1),
            None if to == high => bytes.len(),
            None => return Err(no_list()),
        };
        let line = bytes.get(begin..end).ok_or_else(no_list)?;
        let (hash, rest) = line.split_at_checked(DIGITS).ok_or_else(no_list)?;
        if !hash.iter().all(u8::is_ascii_hexdigit) || !matches!(rest.first(), None | Some(b':' | b'\r' | b'\n')) {
            return Err(no_list());
        }
        let place = |offset: usize| from.saturating_add(offset as u64);
        Ok(Line { hash: hash.to_ascii_uppercase(), from: place(begin), to: place(end) })
    }
}

fn no_list() -> io::Error {
    io::Error::new(ErrorKind::InvalidData, "this is no list of SHA-1 hashes, one a line in ascending order")
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use tempfile::NamedTempFile;

    use super::*;

    fn file(text: &str) -> NamedTempFile {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    fn hash(password: &str) -> String {
        hex::encode_upper(Sha1::digest(password))
    }

    #[tokio::test]
    async fn every_password_of_a_list_of_any_length_is_found_and_no_other() {
        for (count, end) in [(1, ""), (1, "\n"), (2, "\r\n"), (3, "\n"), (50, "\r\n"), (999, "\n")] {
            let mut lines: Vec<_> =
                (0..count).map(|n: u32| format!("{}:{}", hash(&format!("password {n}")), 7_u32.pow(n % 9))).collect();
            lines.sort_unstable();
            let file = file(&(lines.join(if end.is_empty() { "\n" } else { end }) + end));
            let list = Breached::open(file.path()).unwrap();
            for n in 0..count + 50 {
                let password = SecretString::from(format!("password {n}"));
                assert_eq!(list.contains(&password).await.unwrap(), n < count, "{n} of {count}");
            }
        }
    }

    #[tokio::test]
    async fn hashes_alone_and_in_small_letters_are_read_too_and_the_exact_password_counts() {
        let mut lines = [hash("one horse"), hash("two horses")].map(|hash| hash.to_lowercase());
        lines.sort_unstable();
        let list = Breached::open(file(&lines.join("\n")).path()).unwrap();
        assert!(list.contains(&"two horses".into()).await.unwrap());
        assert!(!list.contains(&"Two horses".into()).await.unwrap());
    }

    #[test]
    fn what_is_no_such_list_is_refused() {
        let (one, other) = (hash("one horse"), hash("two horses"));
        let (less, more) = if one < other { (one, other) } else { (other, one) };
        for text in [
            String::new(),
            "password\n123456\n".to_owned(),
            format!("{less}{more}\n"),
            format!("{more}:1\n{less}:1\n"),
            format!("{less}:{}\n{more}:1\n", "1".repeat(100)),
            format!("{}\n{more}\n", &less[..39]),
        ] {
            let error = Breached::open(file(&text).path()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidData, "{text:.60}");
        }
        assert_eq!(Breached::open(Path::new("/nowhere/at all")).unwrap_err().kind(), ErrorKind::NotFound);
    }
}
