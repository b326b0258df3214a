use std::fmt;

use dallosh_primitives::Uid;

/// The longest key, in bytes (S3's own limit).
const LONGEST: usize = 1024;

/// The name of an object: one or more parts of `A-Z a-z 0-9 . _ -` joined by `/`, none of them `.` or `..`, none
/// beginning with `.` (temporary files do). So no key leaves the root, on any backend.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(String);

/// The text is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an object key")]
pub struct InvalidKey(String);

/// A stage of a dataset on its way through the pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// As it was uploaded.
    Original,
    /// With `clean_text` and `is_outlier`, without duplicates.
    Cleaned,
    /// With the model's answers.
    Analysed,
}

impl Stage {
    fn name(self) -> &'static str {
        match self {
            Self::Original => "original",
            Self::Cleaned => "cleaned",
            Self::Analysed => "analysed",
        }
    }
}

impl Key {
    /// Checks the text.
    pub fn parse(text: impl Into<String>) -> Result<Self, InvalidKey> {
        let text = text.into();
        let fits = |part: &str| {
            !part.is_empty()
                && !part.starts_with('.')
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
        };
        if text.len() <= LONGEST && text.split('/').all(fits) { Ok(Self(text)) } else { Err(InvalidKey(text)) }
    }

    /// Where a stage of a dataset lies: `datasets|cleaned|analysed/<file_id>.csv`.
    pub fn dataset(file: Uid, stage: Stage) -> Self {
        let folder = match stage {
            Stage::Original => "datasets",
            Stage::Cleaned => "cleaned",
            Stage::Analysed => "analysed",
        };
        Self(format!("{folder}/{file}.csv"))
    }

    /// Where the rows that can't be read are listed.
    pub fn rejects(file: Uid) -> Self {
        Self(format!("rejects/{file}.csv"))
    }

    /// Where the rows that cleaning removed are listed.
    pub fn removed(file: Uid) -> Self {
        Self(format!("removed/{file}.csv"))
    }

    /// The columnar table of a stage.
    pub fn table(file: Uid, stage: Stage) -> Self {
        Self(format!("tables/{file}/{}.parquet", stage.name()))
    }

    /// What is counted of the analysed table.
    pub fn index(file: Uid) -> Self {
        Self(format!("tables/{file}/analysed.index"))
    }

    /// The folder of the parts of an upload.
    pub fn upload_parts(upload: Uid) -> Self {
        Self(format!("uploads/{upload}"))
    }

    /// A part of an upload.
    pub fn upload_part(upload: Uid, part: Uid) -> Self {
        Self(format!("uploads/{upload}/{part}.part"))
    }

    /// The folder of what is known about the columns and rows of a file.
    pub fn profiles(file: Uid) -> Self {
        Self(format!("profiles/{file}"))
    }

    /// What is known about the columns of a stage, as it was when this was its fingerprint.
    pub fn profile(file: Uid, stage: Stage, fingerprint: u128) -> Self {
        Self(format!("profiles/{file}/{}-{fingerprint:032x}.json", stage.name()))
    }

    /// Where the rows of a table lie that `rows` names, as it was when this was its fingerprint.
    pub fn row_index(file: Uid, rows: &'static str, fingerprint: u128) -> Self {
        Self(format!("profiles/{file}/{rows}-rows-{fingerprint:032x}.json"))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_cannot_leave_the_root() {
        for text in
            ["", "/etc/passwd", "../x", "a/../b", "a//b", "a/", ".hidden", "a/.tmp", "a\\b", "a b", "a\0b", "C:x"]
        {
            assert!(Key::parse(text).is_err(), "{text:?}");
        }
        assert!(Key::parse("datasets/x-1_2.csv").is_ok());
        assert!(Key::parse("a".repeat(1025)).is_err());
    }
}
