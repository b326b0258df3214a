//! A file that is sent in parts, without IO.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use dallosh_primitives::Uid;

use crate::file::FileName;

/// Parts that one upload may come in. A part is up to 8 MiB, or what a request held that broke off.
const PARTS: usize = 10_000;
/// The longest metadata.
const LONGEST_METADATA: usize = 4 << 10;

/// What a client said about the file when it began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// As it was sent.
    pub raw: String,
    /// Its name for people.
    pub filename: FileName,
    /// Whether a task is to be made of it.
    pub create_task: bool,
}

impl Metadata {
    /// Reads `Upload-Metadata`: names, each with a value in base64, separated by commas. Names that mean nothing here are
    /// kept all the same.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(raw: &str) -> Result<Self, &'static str> {
        if raw.len() > LONGEST_METADATA {
            return Err("Upload-Metadata is longer than 4 KiB");
        }
        let (mut filename, mut create_task) = (None, false);
        for pair in raw.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once(' ').unwrap_or((pair, ""));
            let value = BASE64_STANDARD.decode(value).map_err(|_| "a value of Upload-Metadata is not base64")?;
            let value = String::from_utf8(value).map_err(|_| "a value of Upload-Metadata is not UTF-8")?;
            match name {
                "filename" => filename = FileName::clean(&value),
                "create_task" => {
                    create_task = match value.as_str() {
                        "true" => true,
                        "false" => false,
                        _ => return Err("create_task in Upload-Metadata is neither true nor false"),
                    }
                }
                _ => {}
            }
        }
        Ok(Self { raw: raw.to_owned(), filename: filename.unwrap_or_else(FileName::nameless), create_task })
    }
}

/// Bytes that are safe: an object of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Names the object.
    pub id: Uid,
    /// Its bytes.
    pub size: u64,
}

/// An upload, whose id is also that of the file that it becomes.
#[derive(Debug, Clone, PartialEq)]
pub struct Upload {
    /// Who sends it.
    pub owner: Uid,
    /// Bytes of the whole file.
    pub length: u64,
    /// What was said about it.
    pub metadata: Metadata,
    /// What came so far, in order.
    pub parts: Vec<Part>,
    /// What it became.
    pub outcome: Option<Outcome>,
}

/// What an upload became: the file has the upload's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// The task that was made of it.
    pub task: Option<Uid>,
}

impl Upload {
    /// Bytes that are safe; the client goes on behind them.
    pub fn offset(&self) -> u64 {
        if self.outcome.is_some() { self.length } else { self.parts.iter().map(|part| part.size).sum() }
    }

    /// Whether all of it is there.
    pub fn is_whole(&self) -> bool {
        self.offset() == self.length
    }

    /// Whether it takes no more parts.
    pub fn is_in_too_many_parts(&self) -> bool {
        self.parts.len() >= PARTS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_names_the_file_and_what_is_to_be_made_of_it() {
        let found =
            Metadata::parse("filename Li4vcG9zdHMuY3N2,filetype dGV4dC9jc3Y=, create_task dHJ1ZQ==,empty").unwrap();
        assert_eq!((found.filename.as_str(), found.create_task), ("posts.csv", true));
        let nothing = Metadata::parse("").unwrap();
        assert_eq!((nothing.filename.as_str(), nothing.create_task), ("dataset.csv", false));
        for (raw, wrong) in [
            ("filename !!!", "a value of Upload-Metadata is not base64"),
            ("filename /w==", "a value of Upload-Metadata is not UTF-8"),
            ("create_task eWVz", "create_task in Upload-Metadata is neither true nor false"),
            (&"a,".repeat(3000), "Upload-Metadata is longer than 4 KiB"),
        ] {
            assert_eq!(Metadata::parse(raw), Err(wrong), "{raw:.30}");
        }
    }
}
