use dallosh_primitives::Uid;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How the bytes of a CSV are to be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Dialect {
    /// `utf-8`, `windows-1252`, `utf-16le` or `utf-16be`.
    #[schema(example = "utf-8")]
    pub encoding: String,
    /// One of `,` `;` tab `|`.
    #[schema(example = ",")]
    pub delimiter: String,
    /// The quoting character.
    #[schema(example = "\"")]
    pub quote: String,
    /// Whether the first row names the columns.
    pub has_header: bool,
}

/// An uploaded dataset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FileData {
    /// The name that the uploader gave, cleaned for display; never a path.
    #[schema(example = "posts.csv")]
    pub filename: String,
    /// Bytes.
    pub size: u64,
    /// The key in the object store.
    #[schema(example = "datasets/019e5f6e-1f0b-7cc2-9d2e-0a4d3a1f2b3c.csv")]
    pub file_path: String,
    /// Without the dot.
    #[schema(example = "csv")]
    pub extension: String,
    /// The media type that downloads have.
    #[serde(rename = "type")]
    #[schema(example = "text/csv")]
    pub media_type: String,
    /// Hexadecimal SHA-256 of the bytes as they were sent.
    pub sha256: String,
    /// How the bytes are read.
    pub dialect: Dialect,
    /// The columns' names, made unique.
    pub columns: Vec<String>,
    /// Rows that can be read, without the header.
    pub row_count: u64,
    /// Rows that can't be read; `GET /v1/files/{id}/rejects` lists them.
    pub rejected_rows: u64,
    /// The column with the posts; `null` when none is clear, until one is chosen.
    pub text_column: Option<String>,
    /// What the reader had to change or found odd, in words.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// Who uploaded it.
    pub owner: Uid,
}
