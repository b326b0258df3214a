//! What a dataset is, without IO.

use dallosh_dataset::{Dialect, Inspection};
use dallosh_primitives::Uid;

/// The longest name, in characters.
const LONGEST_NAME: usize = 255;
/// What follows the last dot is an extension up to this many characters.
const LONGEST_EXTENSION: usize = 16;

/// A name for people. It never names anything in a file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileName(String);

impl FileName {
    /// The name when there is nothing of the given one that can be shown.
    pub fn nameless() -> Self {
        Self("dataset.csv".to_owned())
    }

    /// What can be shown of a client's name: the part behind the last slash, without control characters and marks that
    /// turn the direction of text, at most 255 characters with its extension kept. `None` when nothing remains.
    pub fn clean(given: &str) -> Option<Self> {
        let last = given.rsplit(['/', '\\']).next().unwrap_or_default();
        let shown: String = last.chars().filter(|one| !one.is_control() && !turns_direction(*one)).collect();
        let shown = shown.trim();
        if shown.chars().all(|one| one == '.') {
            return None;
        }
        let name = Self(shown.to_owned());
        if shown.chars().count() <= LONGEST_NAME {
            return Some(name);
        }
        let (stem, extension) = name.split();
        let room = LONGEST_NAME - if extension.is_empty() { 0 } else { extension.chars().count() + 1 };
        let stem: String = stem.chars().take(room).collect();
        Some(Self(if extension.is_empty() { stem } else { format!("{stem}.{extension}") }))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The extension in lower case without the dot; `csv` when there is none.
    pub fn extension(&self) -> String {
        match self.split() {
            (_, "") => "csv".to_owned(),
            (_, extension) => extension.to_lowercase(),
        }
    }

    /// The name without its extension.
    pub fn stem(&self) -> &str {
        self.split().0
    }

    fn split(&self) -> (&str, &str) {
        match self.0.rsplit_once('.') {
            Some((stem, extension))
                if !stem.is_empty()
                    && (1..=LONGEST_EXTENSION).contains(&extension.chars().count())
                    && extension.chars().all(char::is_alphanumeric) =>
            {
                (stem, extension)
            }
            _ => (&self.0, ""),
        }
    }
}

/// Marks that let a name be read in another order than it is stored (`exe.csv` for `vsc.exe`).
fn turns_direction(one: char) -> bool {
    matches!(one, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A dataset as this service knows it.
#[derive(Debug, Clone, PartialEq)]
pub struct File {
    /// Who uploaded it.
    pub owner: Uid,
    /// Its name for people.
    pub filename: FileName,
    /// Its bytes as they were sent.
    pub size: u64,
    /// Hexadecimal SHA-256 of them.
    pub sha256: String,
    /// How they are read.
    pub dialect: Dialect,
    /// The columns' names, each one different.
    pub columns: Vec<String>,
    /// Rows that can be read.
    pub row_count: u64,
    /// Rows that can't.
    pub rejected_rows: u64,
    /// The column with the posts, when it is clear which.
    pub text_column: Option<String>,
    /// What the reader changed or found odd.
    pub warnings: Vec<String>,
}

impl File {
    /// The same file as it is read now. The chosen text column stays when it is still there.
    #[must_use]
    pub fn reread(self, found: Inspection) -> Self {
        let Inspection { dialect, columns, row_count, rejected_rows, text_column, warnings, .. } = found;
        let kept = self.text_column.filter(|name| columns.contains(name));
        Self {
            text_column: kept.or(text_column),
            dialect,
            columns,
            row_count,
            rejected_rows,
            warnings,
            owner: self.owner,
            filename: self.filename,
            size: self.size,
            sha256: self.sha256,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaned(given: &str) -> String {
        FileName::clean(given).unwrap_or_else(FileName::nameless).as_str().to_owned()
    }

    #[test]
    fn a_name_is_never_a_path_and_holds_nothing_that_can_not_be_shown() {
        for (given, shown) in [
            ("posts.csv", "posts.csv"),
            ("../../etc/cron.d/x", "x"),
            ("/etc/passwd", "passwd"),
            ("..\\..\\boot.ini", "boot.ini"),
            ("C:\\data\\posts.csv", "posts.csv"),
            ("..%2fposts.csv", "..%2fposts.csv"),
            ("po\0sts\r\nX-Evil: 1.csv", "postsX-Evil: 1.csv"),
            ("vsc\u{202e}.exe", "vsc.exe"),
            (".htaccess", ".htaccess"),
            ("-rf", "-rf"),
            ("a#1", "a#1"),
            ("  données été.csv ", "données été.csv"),
            ("", "dataset.csv"),
            ("..", "dataset.csv"),
            ("a/", "dataset.csv"),
        ] {
            assert_eq!(cleaned(given), shown, "{given:?}");
        }
    }

    #[test]
    fn a_long_name_is_cut_to_255_characters_and_keeps_its_extension() {
        let name = cleaned(&format!("{}.csv", "é".repeat(4096)));
        assert_eq!(name.chars().count(), 255);
        assert!(name.ends_with("é.csv"));
        assert_eq!(cleaned(&"x".repeat(4096)).len(), 255);
    }

    #[test]
    fn a_name_without_extension_is_taken_for_csv() {
        let extension = |given: &str| FileName::clean(given).unwrap().extension();
        assert_eq!(extension("posts.TSV"), "tsv");
        assert_eq!(extension("posts"), "csv");
        assert_eq!(extension(".htaccess"), "csv");
        assert_eq!(extension("mail from a.b, c d"), "csv");
    }
}
