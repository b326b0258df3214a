use std::io::Write;

use serde::{Deserialize, Serialize};

use crate::{DatasetError, write};

/// A row that can't be read, and why.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Reject {
    /// Line on which the row begins, counted from 1.
    pub line: u64,
    /// Column at fault, counted from 1, where one is.
    pub column: Option<u64>,
    /// What is wrong, in words for a person.
    pub reason: String,
    /// The row as it stands in the file, cut at 8 KiB; bytes that are no text are shown as `\xE9`.
    pub raw: String,
}

/// Columns of a rejects file.
const COLUMNS: [&str; 4] = ["line", "column", "reason", "raw"];

/// Appends one reject to a line buffer.
pub(crate) fn push_reject(line: &mut Vec<u8>, reject: &Reject) {
    let number = reject.line.to_string();
    let column = reject.column.map(|column| column.to_string()).unwrap_or_default();
    write::push_row(line, [&*number, &*column, &*reject.reason, &*reject.raw]);
}

/// Appends the header of a rejects file to a line buffer.
pub(crate) fn push_reject_header(line: &mut Vec<u8>) {
    write::push_row(line, COLUMNS);
}

/// Writes rejects as CSV with the columns `line,column,reason,raw`.
pub fn write_rejects<'a>(
    rejects: impl IntoIterator<Item = &'a Reject>,
    mut output: impl Write,
) -> Result<(), DatasetError> {
    let mut line = Vec::new();
    push_reject_header(&mut line);
    for reject in rejects {
        push_reject(&mut line, reject);
        output.write_all(&line)?;
        line.clear();
    }
    output.write_all(&line)?;
    output.flush()?;
    Ok(())
}
