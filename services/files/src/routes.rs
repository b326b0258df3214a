//! The operations, one line each, and what several of them share.

mod content;
mod delete;
mod get;
mod list;
mod preview;
mod profile;
mod rejects;
mod update;
mod upload;
mod uploads;

use dallosh_contracts::{FileData, Links, Resource};
use dallosh_dataset::ColumnType;
use dallosh_storage::{Key, Stage};
use dallosh_store::Versioned;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::{file::File, store::to_wire};

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
fn view(file: Versioned<File>) -> Resource<FileData> {
    let Versioned { uid, data, created_at, created_by, updated_at, updated_by, revision: _ } = file;
    let File { owner, filename, size, sha256, dialect, columns, row_count, rejected_rows, text_column, warnings } =
        data;
    let own = format!("/v1/files/{uid}");
    let mut links = Links::from([
        ("content".to_owned(), format!("{own}/content")),
        ("preview".to_owned(), format!("{own}/preview")),
        ("profile".to_owned(), format!("{own}/profile")),
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
