//! The operations, one line each, and what several of them share.

mod content;
mod delete;
mod get;
mod list;
mod preview;
mod profile;
mod rejects;
mod rows;
mod update;
mod upload;
mod uploads;

use std::rc::Rc;

use actix_web::{HttpResponse, http::header};
use dallosh_contracts::{FileData, Links, Resource};
use dallosh_dataset::{ColumnType, PreviewColumn};
use dallosh_storage::{Key, Stage};
use dallosh_store::Versioned;
use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::{derived::Progress, file::File, store::to_wire};

/// The media type of every download, whatever the uploader said.
const MEDIA_TYPE: &str = "text/csv";

/// Registers the operations.
pub fn register(config: &mut ServiceConfig) {
    config
        .service(upload::upload_file)
        .service(uploads::options::describe_uploads)
        .service(uploads::create::create_upload)
        .service(uploads::head::head_upload)
        .service(uploads::append::append_upload)
        .service(uploads::delete::delete_upload)
        .service(list::list_files)
        .service(preview::preview_file)
        .service(profile::profile_file)
        .service(rows::list_file_rows)
        .service(content::get_file_content)
        .service(content::head_file_content)
        .service(rejects::list_file_rejects)
        .service(get::get_file)
        .service(update::update_file)
        .service(delete::delete_file);
}

/// A stage of a dataset on its way through the pipeline.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum FileStage {
    /// As it was uploaded, byte for byte.
    #[default]
    Original,
    /// Without duplicates, with `clean_text` and `is_outlier`.
    Cleaned,
    /// With the model's answers.
    Analysed,
}

impl FileStage {
    fn stage(self) -> Stage {
        match self {
            Self::Original => Stage::Original,
            Self::Cleaned => Stage::Cleaned,
            Self::Analysed => Stage::Analysed,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Original => "original",
            Self::Cleaned => "cleaned",
            Self::Analysed => "analysed",
        }
    }
}

/// A column and the kind of its first values.
#[derive(Debug, Serialize, ToSchema)]
struct FilePreviewColumn {
    /// Its name.
    #[schema(example = "full_text")]
    name: String,
    /// What its first values are: `text`, `integer`, `number`, `boolean` or `time`. The cells are given as text all the
    /// same.
    #[serde(rename = "type")]
    #[schema(example = "text")]
    kind: &'static str,
}

impl From<PreviewColumn> for FilePreviewColumn {
    fn from(column: PreviewColumn) -> Self {
        let PreviewColumn { name, column_type } = column;
        Self { name, kind: type_word(column_type) }
    }
}

/// Cells under the names of their columns, in the order of the file.
#[derive(Debug)]
struct RowView(Rc<Vec<String>>, Vec<String>);

impl RowView {
    /// The rows of a table with these columns.
    fn all(columns: &[PreviewColumn], rows: Vec<Vec<String>>) -> Vec<Self> {
        let names = Rc::new(columns.iter().map(|column| column.name.clone()).collect());
        rows.into_iter().map(|cells| Self(Rc::clone(&names), cells)).collect()
    }
}

impl Serialize for RowView {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(Some(self.1.len()))?;
        for (name, cell) in self.0.iter().zip(&self.1) {
            object.serialize_entry(name, cell)?;
        }
        object.end()
    }
}

/// How far the reading of a whole table is, which has to end before the answer.
#[derive(Debug, Serialize, ToSchema)]
struct FileReadingProgress {
    /// `running`.
    #[schema(example = "running")]
    status: &'static str,
    /// Bytes of the file that were read.
    bytes_done: u64,
    /// All of them.
    bytes_total: u64,
}

/// 202: what is asked for is being made.
fn running(progress: &Progress) -> HttpResponse {
    let (bytes_done, bytes_total) = (progress.bytes_done(), progress.bytes_total);
    HttpResponse::Accepted().insert_header((header::RETRY_AFTER, "1")).json(FileReadingProgress {
        status: "running",
        bytes_done,
        bytes_total,
    })
}

/// What the cells of a column are, in a word.
fn type_word(column_type: ColumnType) -> &'static str {
    match column_type {
        ColumnType::Text => "text",
        ColumnType::Integer => "integer",
        ColumnType::Number => "number",
        ColumnType::Boolean => "boolean",
        ColumnType::Time => "time",
    }
}

/// The file as the API shows it.
pub fn view(file: Versioned<File>) -> Resource<FileData> {
    let Versioned { uid, data, created_at, created_by, updated_at, updated_by, revision: _ } = file;
    let File { owner, filename, size, sha256, dialect, columns, row_count, rejected_rows, text_column, warnings } =
        data;
    let own = format!("/v1/files/{uid}");
    let mut links = Links::from([
        ("content".to_owned(), format!("{own}/content")),
        ("preview".to_owned(), format!("{own}/preview")),
        ("profile".to_owned(), format!("{own}/profile")),
        ("rows".to_owned(), format!("{own}/rows")),
        ("tasks".to_owned(), format!("/v1/tasks?file_id={uid}")),
    ]);
    if rejected_rows > 0 {
        links.insert("rejects".to_owned(), format!("{own}/rejects"));
    }
    links.insert("self".to_owned(), own);
    let data = FileData {
        extension: filename.extension(),
        filename: filename.as_str().to_owned(),
        size,
        file_path: Key::dataset(uid, Stage::Original).to_string(),
        media_type: MEDIA_TYPE.to_owned(),
        sha256,
        dialect: to_wire(&dialect),
        columns,
        row_count,
        rejected_rows,
        text_column,
        warnings,
        owner,
    };
    Resource { uid, data, created_at, created_by, updated_at, updated_by, links }
}
