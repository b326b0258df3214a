//! The rows of a cleaned file, each with the key of its text; from the beginning or from any row on.

use std::io::Read;

use crate::{
    DatasetError, Dialect, Header, Limits, Reader, Reject, Row, Step,
    text::{clean_text_into, text_key},
};

/// Why a row without a text gets no label.
pub const EMPTY_TEXT: &str = "empty_text";

/// A row of a cleaned file.
#[derive(Debug)]
pub struct TextRow<'a> {
    /// The row.
    pub row: Row<'a>,
    /// The [`text_key`] of its text; 0 when it has none.
    pub key: u128,
    /// The text.
    pub text: &'a str,
}

/// Reads the rows of a cleaned file in bounded memory.
pub struct TextRows<R> {
    reader: Reader<R>,
    text: usize,
    clean: String,
}

impl<R: Read> TextRows<R> {
    /// From the beginning.
    pub fn new(cleaned: R, text_column: &str) -> Result<Self, DatasetError> {
        Self::over(Reader::new(cleaned, &Dialect::ours(), Limits::ours())?, text_column)
    }

    /// From the row that begins at `offset`, which is where `rest` begins; the header is that of the same file.
    pub fn resume(rest: R, header: Header, offset: u64, text_column: &str) -> Result<Self, DatasetError> {
        Self::over(Reader::resume(rest, header, offset, &Dialect::ours(), Limits::ours())?, text_column)
    }

    fn over(reader: Reader<R>, text_column: &str) -> Result<Self, DatasetError> {
        let text = reader.header().get(text_column)?;
        Ok(Self { reader, text, clean: String::new() })
    }

    /// The columns.
    pub fn header(&self) -> &Header {
        self.reader.header()
    }

    /// The next row, or nothing at the end.
    pub fn next_row(&mut self) -> Result<Option<TextRow<'_>>, DatasetError> {
        let Some(row) = next_row(&mut self.reader)? else { return Ok(None) };
        clean_text_into(&row.get(self.text).unwrap_or_default(), &mut self.clean);
        Ok(Some(TextRow { row, key: text_key(&self.clean), text: &self.clean }))
    }
}

/// The next row of a file of ours, in which a row that can't be read is damage.
pub(crate) fn next_row<R: Read>(reader: &mut Reader<R>) -> Result<Option<Row<'_>>, DatasetError> {
    match reader.read()? {
        Some(Step::Row(row)) => Ok(Some(row)),
        Some(Step::Reject(reject)) => Err(damage(reject)),
        None => Ok(None),
    }
}

pub(crate) fn damage(reject: Reject) -> DatasetError {
    DatasetError::TooManyRejects { rejected: 1, rows: 1, first: vec![reject] }
}
