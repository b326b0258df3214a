//! What a file is written in: encoding, delimiter, quote, header; and how that is found out from its beginning.

use std::{fmt, str::FromStr};

use hashbrown::HashSet;
use memchr::memchr;
use serde::{Deserialize, Serialize};

use crate::{
    DatasetError, Limits,
    columns::{plain_name, text_column},
    reader::Rows,
    types::{ColumnType, type_of},
};

/// Bytes from the beginning of a file that detection and preview look at.
pub const SAMPLE_BYTES: usize = 256 * 1024;

/// Rows of the sample that detection parses for each delimiter.
const SAMPLE_ROWS: usize = 400;

/// Encodings that can be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// UTF-8, of which ASCII is a part.
    #[serde(rename = "utf-8")]
    Utf8,
    /// Windows-1252, of which the letters of Latin-1 are a part.
    #[serde(rename = "windows-1252")]
    Windows1252,
    /// UTF-16, least byte first.
    #[serde(rename = "utf-16le")]
    Utf16Le,
    /// UTF-16, greatest byte first.
    #[serde(rename = "utf-16be")]
    Utf16Be,
}

impl Encoding {
    /// The name used in documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Windows1252 => "windows-1252",
            Self::Utf16Le => "utf-16le",
            Self::Utf16Be => "utf-16be",
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A name that is no encoding of ours.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("unknown encoding {0:?}")]
pub struct UnknownEncoding(pub String);

impl FromStr for Encoding {
    type Err = UnknownEncoding;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        [Self::Utf8, Self::Windows1252, Self::Utf16Le, Self::Utf16Be]
            .into_iter()
            .find(|encoding| encoding.as_str().eq_ignore_ascii_case(name.trim()))
            .ok_or_else(|| UnknownEncoding(name.to_owned()))
    }
}

/// How a table is written as text.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Dialect {
    /// Encoding of the bytes.
    pub encoding: Encoding,
    /// Whether the file begins with a byte order mark, which is no part of the first name.
    pub bom: bool,
    /// Sign between cells.
    pub delimiter: char,
    /// Sign around cells that hold delimiters or line ends; doubled inside of them.
    pub quote: char,
    /// Whether the first row holds the names of the columns.
    pub has_header: bool,
}

impl Dialect {
    /// The dialect with these words and single characters, as documents keep it; `None` when they are none.
    pub fn from_words(encoding: &str, delimiter: &str, quote: &str, has_header: bool) -> Option<Self> {
        let only = |text: &str| text.chars().next().filter(|_| text.chars().count() == 1);
        let (delimiter, quote) = (only(delimiter)?, only(quote)?);
        Some(Self { encoding: encoding.parse().ok()?, bom: false, delimiter, quote, has_header })
    }

    /// What this crate itself writes: UTF-8 without mark, comma, double quotes, a header.
    pub fn ours() -> Self {
        Self { encoding: Encoding::Utf8, bom: false, delimiter: ',', quote: '"', has_header: true }
    }
}

/// Detects the dialect from the first bytes of a file; `complete` tells that these are all of it.
pub fn detect(head: &[u8], complete: bool) -> Result<Dialect, DatasetError> {
    refuse_other_formats(head)?;
    let (encoding, bom) = detect_encoding(head)?;
    let mut dialect = Dialect { encoding, bom, ..Dialect::ours() };
    let candidates = [',', ';', '\t', '|'].map(|delimiter| {
        dialect.delimiter = delimiter;
        Candidate::read(head, complete, &dialect).map(|candidate| (candidate.score(), delimiter, candidate))
    });
    let mut best: Option<(f64, char, Candidate)> = None;
    for candidate in candidates {
        let candidate = candidate?;
        if best.as_ref().is_none_or(|(score, ..)| candidate.0 > *score) {
            best = Some(candidate);
        }
    }
    if let Some((_, delimiter, candidate)) = best {
        dialect.delimiter = delimiter;
        dialect.has_header = candidate.has_header();
        if candidate.rows.is_empty() && complete && !candidate.unfinished {
            return Err(DatasetError::Empty);
        }
    }
    Ok(dialect)
}

fn refuse_other_formats(head: &[u8]) -> Result<(), DatasetError> {
    const SIGNATURES: [(&[u8], &str); 16] = [
        (b"\x1f\x8b", "gzip"),
        (b"PK\x03\x04", "zip/xlsx"),
        (b"PK\x05\x06", "zip/xlsx"),
        (b"%PDF-", "pdf"),
        (b"\x89PNG", "png"),
        (b"\xff\xd8\xff", "jpeg"),
        (b"GIF8", "gif"),
        (b"\xd0\xcf\x11\xe0", "xls/doc"),
        (b"PAR1", "parquet"),
        (b"7z\xbc\xaf\x27\x1c", "7z"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"BZh", "bzip2"),
        (b"\xfd7zXZ", "xz"),
        (b"\x7fELF", "a program"),
        (b"SQLite format 3", "sqlite"),
        (b"{\\rtf", "rtf"),
    ];
    if let Some((_, what)) = SIGNATURES.iter().find(|(signature, _)| head.starts_with(signature)) {
        return Err(DatasetError::NotText { what });
    }
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    let starts = |prefix: &[u8]| text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    if starts(b"<!doctype html") || starts(b"<html") {
        return Err(DatasetError::NotText { what: "html" });
    }
    if starts(b"<?xml") {
        return Err(DatasetError::NotText { what: "xml" });
    }
    Ok(())
}

fn detect_encoding(head: &[u8]) -> Result<(Encoding, bool), DatasetError> {
    if head.starts_with(b"\xff\xfe") {
        return Ok((Encoding::Utf16Le, true));
    }
    if head.starts_with(b"\xfe\xff") {
        return Ok((Encoding::Utf16Be, true));
    }
    if let Some(offset) = memchr(0, head) {
        // Every second byte NUL is UTF-16 without its mark: text, but not to be guessed at.
        let zeros = |from: usize| head.iter().skip(from).step_by(2).filter(|byte| **byte == 0).count() * 2;
        let wide = [zeros(0), zeros(1)].into_iter().any(|count| count * 10 > head.len() * 4);
        let sparse = [zeros(0), zeros(1)].into_iter().any(|count| count * 50 <= head.len());
        return Err(if wide && sparse {
            DatasetError::Encoding { offset: 0, line: 1 }
        } else {
            DatasetError::Binary { offset: offset as u64 }
        });
    }
    let bom = head.starts_with(b"\xef\xbb\xbf");
    let (mut wide, mut invalid) = (0_usize, 0_usize);
    let mut chunks = head.utf8_chunks().peekable();
    while let Some(chunk) = chunks.next() {
        wide += chunk.valid().chars().filter(|sign| !sign.is_ascii()).count();
        // A sign that the end of the sample cuts in two is no error.
        let cut = chunks.peek().is_none()
            && std::str::from_utf8(chunk.invalid()).is_err_and(|error| error.error_len().is_none());
        invalid += usize::from(!chunk.invalid().is_empty() && !cut);
    }
    // A few bad bytes in a file of good UTF-8 are damage, and those rows are rejected; otherwise it's the other encoding.
    let single_byte = invalid > 0 && wide < invalid * 2 && !bom;
    Ok((if single_byte { Encoding::Windows1252 } else { Encoding::Utf8 }, bom))
}

/// The sample as one delimiter splits it.
struct Candidate {
    rows: Vec<Vec<String>>,
    broken: usize,
    /// The sample ends inside a row, such as behind a quote that is never closed.
    unfinished: bool,
}

impl Candidate {
    fn read(head: &[u8], complete: bool, dialect: &Dialect) -> Result<Self, DatasetError> {
        // Every record is read whatever its width: the first is not taken for the measure of the others.
        let mut candidate = Self { rows: Vec::new(), broken: 0, unfinished: false };
        let generous = Limits { field_bytes: SAMPLE_BYTES * 2, row_bytes: SAMPLE_BYTES * 2, ..Limits::default() };
        let mut rows = Rows::new(dialect, &generous)?;
        rows.push(head);
        if complete {
            rows.end();
        }
        while candidate.rows.len() < SAMPLE_ROWS {
            match rows.next_ragged() {
                Ok(Some((cells, broken))) => {
                    candidate.broken += usize::from(broken);
                    candidate.rows.push(cells);
                }
                Ok(None) => break,
                Err(DatasetError::UnclosedQuote { .. }) => {
                    candidate.unfinished = true;
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(candidate)
    }

    /// The commonest number of cells and how many rows have it.
    fn usual_width(&self) -> (usize, usize) {
        let mut widths: Vec<usize> = self.rows.iter().map(Vec::len).collect();
        widths.sort_unstable();
        widths
            .chunk_by(|left, right| left == right)
            .map(|group| (group.first().copied().unwrap_or_default(), group.len()))
            .max_by_key(|&(width, count)| (count, width))
            .unwrap_or_default()
    }

    /// How sure this delimiter is, from 0 for "it isn't there".
    fn score(&self) -> f64 {
        let (width, count) = self.usual_width();
        let first = self.rows.first().map_or(0, Vec::len);
        if width < 2 || first < 2 {
            return 0.0;
        }
        let total = self.rows.len();
        let share = ratio(count, total);
        let whole = 1.0 - ratio(self.broken, total);
        let fit = if first == width { 1.0 } else { 0.4 };
        // A row or two prove little, many of one width a lot, also when that width is small.
        let trust = if total < 3 { 0.9 } else { 1.0 };
        let cells = self.rows.iter().flatten();
        let plain = cells.clone().filter(|cell| is_plain(cell)).count();
        let tidy = 0.5 + 0.5 * ratio(plain, cells.count());
        share.powi(3) * whole.powi(2) * fit * trust * tidy * (1.0 + ratio(width, 1).ln() / 8.0)
    }

    fn has_header(&self) -> bool {
        let Some((first, rest)) = self.rows.split_first() else { return true };
        let value_like = |cell: &String| {
            !matches!(type_of(cell), ColumnType::Text)
                || cell.contains("://")
                || cell.contains(['\n', '\r'])
                || cell.chars().count() > 80
        };
        if first.iter().any(|cell| !cell.trim().is_empty() && value_like(cell)) {
            return false;
        }
        let filled: Vec<String> =
            first.iter().filter(|cell| !cell.trim().is_empty()).map(|cell| plain_name(cell)).collect();
        if filled.len() * 2 <= first.len() && first.len() > 1 {
            return false;
        }
        // A name of text or id settles it, and so does a column of numbers or times below a word.
        let known = text_column(&filled, &[]).is_some() || crate::columns::id_by_name(&filled).is_some();
        let typed = (0..first.len()).any(|column| {
            let mut below =
                rest.iter().filter_map(|row| row.get(column)).filter(|cell| !cell.trim().is_empty()).peekable();
            below.peek().is_some()
                && first.get(column).is_some_and(|name| !name.trim().is_empty())
                && below.all(|cell| type_of(cell) != ColumnType::Text)
        });
        if known || typed {
            return true;
        }
        // Values come again, names don't.
        let again = (0..first.len()).any(|column| {
            first
                .get(column)
                .is_some_and(|name| !name.trim().is_empty() && rest.iter().any(|row| row.get(column) == Some(name)))
        });
        let unique: HashSet<&String> = filled.iter().collect();
        let spoken = first.iter().filter(|cell| cell.split_whitespace().count() > 4).count();
        !again && unique.len() == filled.len() && spoken * 2 <= first.len()
    }
}

/// Whether a cell holds no sign that could itself be a delimiter, or is a number with a decimal comma.
fn is_plain(cell: &str) -> bool {
    !cell.contains([',', ';', '\t', '|']) || cell.replacen(',', ".", 1).trim().parse::<f64>().is_ok()
}

fn ratio(part: usize, whole: usize) -> f64 {
    let number = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    if whole == 0 { 0.0 } else { number(part) / number(whole) }
}
