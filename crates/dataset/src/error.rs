use crate::Reject;

/// Why a file can't be read as a table; each kind is something a caller may want to tell apart.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatasetError {
    /// Nothing but white space.
    #[error("the file is empty")]
    Empty,
    /// The content is of another format, whatever the file is called.
    #[error("the file is {what}, not text")]
    NotText {
        /// Format in a word, such as `gzip` or `pdf`.
        what: &'static str,
    },
    /// A NUL byte, which no text holds.
    #[error("binary data at byte {offset}")]
    Binary {
        /// Byte offset in the text (after decoding, for UTF-16).
        offset: u64,
    },
    /// Bytes that are no text in the encoding of the file.
    #[error("line {line}, byte {offset}: not valid in the encoding of the file")]
    Encoding {
        /// Byte offset in the file.
        offset: u64,
        /// Line, counted from 1.
        line: u64,
    },
    /// A quoted cell that never ends.
    #[error("the quote opened on line {line}, column {column} is never closed")]
    UnclosedQuote {
        /// Line of the opening quote, counted from 1.
        line: u64,
        /// Column of the table, counted from 1.
        column: u64,
        /// Byte offset of the opening quote in the text.
        offset: u64,
    },
    /// One cell is longer than [`Limits::field_bytes`](crate::Limits).
    #[error("a cell of the row on line {line} is too large")]
    FieldTooLarge {
        /// Line on which the row begins.
        line: u64,
    },
    /// One row is longer than [`Limits::row_bytes`](crate::Limits).
    #[error("the row on line {line} is too large")]
    RowTooLarge {
        /// Line on which the row begins.
        line: u64,
    },
    /// More columns than [`Limits::columns`](crate::Limits).
    #[error("{columns} columns, more than the limit of {limit}")]
    TooManyColumns {
        /// Columns found.
        columns: u64,
        /// Columns allowed.
        limit: u64,
    },
    /// More rows, rejects and blank lines than [`Limits::rows`](crate::Limits).
    #[error("more than {limit} rows")]
    TooManyRows {
        /// Rows allowed.
        limit: u64,
    },
    /// Two columns carry the name of the text column, so it is not clear which one is meant.
    #[error("more than one column is called {name:?}")]
    DuplicateTextColumn {
        /// The name.
        name: String,
    },
    /// More than one row in a hundred can't be read.
    #[error("{rejected} of {rows} rows can't be read")]
    TooManyRejects {
        /// Rows that can't be read.
        rejected: u64,
        /// All rows, with those that can't be read.
        rows: u64,
        /// The first of them, at most 20.
        first: Vec<Reject>,
    },
    /// A column that was asked for is not there.
    #[error("no column is called {name:?}")]
    MissingColumn {
        /// The name that was asked for.
        name: String,
        /// Names that are there, most similar first, at most 3.
        nearest: Vec<String>,
    },
    /// A dialect no reader can follow, such as a delimiter that is also the quote.
    #[error("unsupported dialect: {what}")]
    UnsupportedDialect {
        /// What is wrong with it.
        what: &'static str,
    },
    /// More rows or columns than the sheet of a workbook holds.
    #[error("a spreadsheet holds 1,048,576 rows with the one of the names, and 16,384 columns, which is too few")]
    SheetTooLarge,
    /// Reading or writing failed.
    #[error("reading or writing failed")]
    Io(#[from] std::io::Error),
    /// Writing Parquet failed.
    #[error("writing parquet failed")]
    Parquet(#[from] parquet::errors::ParquetError),
    /// Writing a workbook failed.
    #[error("writing a workbook failed")]
    Workbook(#[from] rust_xlsxwriter::XlsxError),
    /// Building a batch of typed columns failed.
    #[error("building a batch failed")]
    Arrow(#[from] arrow::error::ArrowError),
}

impl DatasetError {
    /// Whether it is for want of room on a disk.
    pub fn is_for_want_of_room(&self) -> bool {
        use std::io::ErrorKind as K;
        let (Self::Io(error) | Self::Workbook(rust_xlsxwriter::XlsxError::IoError(error))) = self else { return false };
        matches!(error.kind(), K::StorageFull | K::QuotaExceeded | K::FileTooLarge)
    }
}
