use actix_web::{HttpRequest, HttpResponse, http::header, patch, web};
use dallosh_contracts::{Dialect, FileData, Permission, Resource};
use dallosh_primitives::Uid;
use dallosh_service_kit::{Body, Caller, Problem, Revision};
use serde::Deserialize;
use utoipa::ToSchema;

use super::view;
use crate::{
    file::FileName,
    state::State,
    store::from_wire,
    workflow::{self, Change},
};

/// What is to be different; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct FileChange {
    /// Another name for people.
    #[schema(example = "posts-may.csv")]
    filename: Option<String>,
    /// Another way to read the bytes; the file is looked at again.
    dialect: Option<Dialect>,
    /// Another column with the posts.
    #[schema(example = "full_text")]
    text_column: Option<String>,
}

impl FileChange {
    fn check(self) -> Result<Change, Problem> {
        let Self { filename, dialect, text_column } = self;
        let nameless = || Problem::field("/filename", "nothing of this name can be shown");
        let filename = filename.map(|name| FileName::clean(&name).ok_or_else(nameless)).transpose()?;
        let wrong = |what: &str| Problem::field("/dialect", format!("it has {what}"));
        let dialect = dialect.map(|dialect| from_wire(&dialect).map_err(wrong)).transpose()?;
        Ok(Change { filename, dialect, text_column })
    }
}

/// Change a dataset's name, dialect or text column
///
/// Another dialect has the whole file read again; columns, counts and warnings follow from it. Needs `manage_datasets`.
#[utoipa::path(
    tag = "files",
    operation_id = "update_file",
    params(("id" = Uid, Path, description = "The file"), ("If-Match" = Option<String>, Header, description = "The ETag of what is changed")),
    request_body(content = FileChange, example = json!({"text_column": "full_text"})),
    responses((status = 200, description = "The file as it is now", body = Resource<FileData>, headers(("ETag" = String, description = "Its revision"))))
)]
#[patch("/v1/files/{id}")]
pub async fn update_file(
    state: web::Data<State>,
    caller: Caller,
    id: web::Path<Uid>,
    request: HttpRequest,
    body: Body<FileChange>,
) -> Result<HttpResponse, Problem> {
    let scope = caller.require(Permission::ManageDatasets)?;
    let found = state.files.get(scope, *id).await?;
    Revision(found.revision).check(&request)?;
    let change = body.into_inner().check()?;
    let file = workflow::change(&state, found, change, &caller.name()).await?;
    Ok(HttpResponse::Ok().insert_header((header::ETAG, Revision(file.revision).etag())).json(view(file)))
}
