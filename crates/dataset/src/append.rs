//! The last pass: each row of a cleaned file with the answer to its text behind it.

use std::io::Read;
use std::io::Write;

use hashbrown::HashSet;
use serde::{Deserialize, Serialize};

use crate::{
    DatasetError, Header, TextRow, TextRows,
    clean::{Lines, push_cells},
    rows::EMPTY_TEXT,
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
        /// What a person should know about the answer; written where the reason of a failure would stand.
        note: &'a str,
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
    /// Why there is no label; or what is to be known about the one that there is.
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

impl LabelColumns {
    /// The names of a file's own columns once these stand behind them, and warnings about those that had to change.
    pub fn beside(&self, header: &Header) -> (Vec<String>, Vec<String>) {
        header.beside(&self.names())
    }

    /// The place of the priorities in a file behind whose cells these stand.
    pub(crate) fn priority_of(&self, header: &Header) -> Option<usize> {
        let names = self.names();
        let first = header.len().checked_sub(names.len())?;
        let last = header.names().get(first..)?;
        last.iter().eq(&names).then_some(first + 1)
    }

    fn names(&self) -> [&str; 5] {
        let Self { sentiment, priority, main_topic, status, error } = self;
        [sentiment, priority, main_topic, status, error].map(String::as_str)
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
    let mut rows = TextRows::new(cleaned, text_column)?;
    let (names, warnings) = columns.beside(rows.header());
    let mut counts = AppendCounts { warnings, ..AppendCounts::default() };
    let mut output = Lines::new(output);
    write::push_row(&mut output.buffer, names.iter().map(String::as_str).chain(columns.names()));
    while let Some(TextRow { row, key, .. }) = rows.next_row()? {
        let label = match key {
            0 => Label::Skipped { reason: EMPTY_TEXT },
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
        Label::Ok { sentiment, priority, main_topic, note } => {
            counts.ok += 1;
            write::push_row(line, [sentiment, &priority.to_string(), main_topic, "ok", note]);
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
    Ok(UniqueTexts { rows: TextRows::new(cleaned, text_column)?, seen: HashSet::new() })
}

/// Iterator of [`unique_texts`]: the key of a text and the text.
pub struct UniqueTexts<R> {
    rows: TextRows<R>,
    seen: HashSet<u128>,
}

impl<R: Read> Iterator for UniqueTexts<R> {
    type Item = Result<(u128, String), DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.rows.next_row() {
                Ok(row) => {
                    let TextRow { key, text, .. } = row?;
                    if key != 0 && self.seen.insert(key) {
                        return Some(Ok((key, text.to_owned())));
                    }
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }
}
