//! The last pass: each row of a cleaned file with the answer to its text behind it.

use std::io::Read;
use std::io::Write;

use hashbrown::HashSet;
use serde::{Deserialize, Serialize};

use crate::{
    DatasetError, Dialect, Limits, Reader, Step,
    clean::{Lines, push_cells},
    text::{clean_text_into, text_key},
    write,
};

/// What became of a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Label<'a> {
    /// The model answered.
    Ok {
        /// `negative`, `neutral` or `positive`.
        sentiment: &'a str,
        /// 0, 1 or 2.
        priority: u8,
        /// Topic in a word.
        main_topic: &'a str,
    },
    /// The model gave no usable answer.
    Failed {
        /// Why.
        reason: &'a str,
    },
    /// The model was not asked.
    Skipped {
        /// Why.
        reason: &'a str,
    },
}

/// Names of the columns that are added.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct LabelColumns {
    /// Sentiment of the text.
    pub sentiment: String,
    /// Priority of the text.
    pub priority: String,
    /// Topic of the text.
    pub main_topic: String,
    /// `ok`, `failed` or `skipped`.
    pub status: String,
    /// Why there is no label.
    pub error: String,
}

impl Default for LabelColumns {
    fn default() -> Self {
        Self {
            sentiment: "sentiment".into(),
            priority: "priority".into(),
            main_topic: "main_topic".into(),
            status: "enrichment_status".into(),
            error: "enrichment_error".into(),
        }
    }
}

/// How many rows got what.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AppendCounts {
    /// Rows written.
    pub rows: u64,
    /// Rows with labels.
    pub ok: u64,
    /// Rows for which there is no usable answer.
    pub failed: u64,
    /// Rows that were not asked about, such as those without a text.
    pub skipped: u64,
    /// What a person should know, in words.
    pub warnings: Vec<String>,
}

/// Writes a cleaned file with the labels of each row behind its cells, under their usual names.
///
/// `look_up` is asked once a row for the answer to a [`text_key`]; a row without a text is skipped as `empty_text`
/// without asking, and one that `look_up` knows nothing of fails as `no_answer`.
pub fn append<'a>(
    cleaned: impl Read,
    text_column: &str,
    look_up: impl FnMut(u128) -> Option<Label<'a>>,
    output: impl Write,
) -> Result<AppendCounts, DatasetError> {
    append_as(cleaned, text_column, &LabelColumns::default(), look_up, output)
}

/// [`append`] with names of one's own for the added columns.
pub fn append_as<'a>(
    cleaned: impl Read,
    text_column: &str,
    columns: &LabelColumns,
    mut look_up: impl FnMut(u128) -> Option<Label<'a>>,
    output: impl Write,
) -> Result<AppendCounts, DatasetError> {
    let mut reader = Reader::new(cleaned, &Dialect::ours(), our_limits())?;
    let header = reader.header().clone();
    let text = header.get(text_column)?;
    let LabelColumns { sentiment, priority, main_topic, status, error } = columns;
    let added = [sentiment, priority, main_topic, status, error].map(String::as_str);
    let (names, warnings) = header.beside(&added);
    let mut counts = AppendCounts { warnings, ..AppendCounts::default() };
    let mut output = Lines::new(output);
    write::push_row(&mut output.buffer, names.iter().map(String::as_str).chain(added));
    let mut clean = String::new();
    while let Some(row) = next_row(&mut reader)? {
        clean_text_into(&row.get(text).unwrap_or_default(), &mut clean);
        let label = match text_key(&clean) {
            0 => Label::Skipped { reason: "empty_text" },
            key => look_up(key).unwrap_or(Label::Failed { reason: "no_answer" }),
        };
        push_cells(&mut output.buffer, &row);
        output.buffer.push(b',');
        counts.rows += 1;
        push_label(&mut output.buffer, label, &mut counts);
        output.write_full()?;
    }
    output.finish()?;
    Ok(counts)
}

fn push_label(line: &mut Vec<u8>, label: Label<'_>, counts: &mut AppendCounts) {
    match label {
        Label::Ok { sentiment, priority, main_topic } => {
            counts.ok += 1;
            write::push_row(line, [sentiment, &priority.to_string(), main_topic, "ok", ""]);
        }
        Label::Failed { reason } => {
            counts.failed += 1;
            write::push_row(line, ["", "", "", "failed", reason]);
        }
        Label::Skipped { reason } => {
            counts.skipped += 1;
            write::push_row(line, ["", "", "", "skipped", reason]);
        }
    }
}

/// The different texts of a cleaned file in the order in which they first come, without empty ones; in memory that
/// grows by some 20 bytes a text.
pub fn unique_texts<R: Read>(cleaned: R, text_column: &str) -> Result<UniqueTexts<R>, DatasetError> {
    let reader = Reader::new(cleaned, &Dialect::ours(), our_limits())?;
    let text = reader.header().get(text_column)?;
    Ok(UniqueTexts { reader, text, seen: HashSet::new(), clean: String::new() })
}

/// Iterator of [`unique_texts`]: the key of a text and the text.
pub struct UniqueTexts<R> {
    reader: Reader<R>,
    text: usize,
    seen: HashSet<u128>,
    clean: String,
}

impl<R: Read> Iterator for UniqueTexts<R> {
    type Item = Result<(u128, String), DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let row = match next_row(&mut self.reader) {
                Ok(row) => row?,
                Err(error) => return Some(Err(error)),
            };
            clean_text_into(&row.get(self.text).unwrap_or_default(), &mut self.clean);
            let key = text_key(&self.clean);
            if key != 0 && self.seen.insert(key) {
                return Some(Ok((key, self.clean.clone())));
            }
        }
    }
}

/// Our own files were within limits when they were written, and cells were added since.
pub(crate) fn our_limits() -> Limits {
    let limit = 16 * 1024 * 1024;
    Limits { field_bytes: limit, row_bytes: limit * 2, columns: usize::MAX, rows: u64::MAX - 1 }
}

/// The next row of a file of ours, in which a row that can't be read is damage.
pub(crate) fn next_row<R: Read>(reader: &mut Reader<R>) -> Result<Option<crate::Row<'_>>, DatasetError> {
    match reader.read()? {
        Some(Step::Row(row)) => Ok(Some(row)),
        Some(Step::Reject(reject)) => Err(DatasetError::TooManyRejects { rejected: 1, rows: 1, first: vec![reject] }),
        None => Ok(None),
    }
}
