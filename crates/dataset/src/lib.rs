//! Tables as files: detecting, reading, cleaning, labelling and writing CSV, and Parquet for queries.
//!
//! Everything is synchronous and streams over [`std::io::Read`] and [`std::io::Write`]; callers run it on a blocking
//! pool. Deliberately not here: storage and its keys, hashing of uploads, the model, and any type inference that
//! would rewrite a cell.

mod append;
mod clean;
mod columns;
mod dialect;
mod dry_run;
mod error;
mod export;
mod inspect;
mod preview;
mod profile;
mod reader;
mod rejects;
mod row_index;
mod rows;
mod scan;
mod splitter;
mod survey;
mod table;
mod text;
mod types;
mod write;

pub use append::{AppendCounts, Label, LabelColumns, UniqueTexts, append, append_as, unique_texts};
pub use clean::{CLEAN_TEXT, CleanCounts, CleanOptions, IS_OUTLIER, clean};
pub use columns::Header;
pub use dialect::{Dialect, Encoding, SAMPLE_BYTES, UnknownEncoding, detect};
pub use dry_run::dry_run;
pub use error::DatasetError;
pub use export::{ExportFormat, ExportSource, export};
pub use inspect::{Inspection, Inspector, inspect};
pub use preview::{Preview, PreviewColumn, preview};
pub use profile::{
    ColumnProfile, Distinct, FrequentValue, HistogramBin, LanguageShare, Lengths, Profile, TextProfile,
    estimated_tokens, profile,
};
pub use reader::{Limits, Reader, Row, Step};
pub use rejects::{Reject, write_rejects};
pub use row_index::{RowFilter, RowIndex, RowPage, RowSpan};
pub use rows::{EMPTY_TEXT, TextRow, TextRows};
pub use scan::{Cells, Table, TableBatch, TableBytes};
pub use survey::{OutlierBounds, Survey, survey};
pub use table::{TableColumn, TableSchema, TableSummary, table_schema, write_table};
pub use text::{clean_text, clean_text_into, text_key};
pub use types::ColumnType;
