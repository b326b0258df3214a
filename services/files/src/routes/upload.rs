use actix_web::{HttpRequest, HttpResponse, http::header, post, web};
use dallosh_contracts::{FileData, Permission, Resource};
use dallosh_service_kit::{Caller, Problem, Revision};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::view;
use crate::{error::Error, form::FilePart, state::State, workflow};

/// What may go with an upload.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct UploadQuery {
    /// Make a task of the file as well; `_links.task` leads to it. When it can't be made the file stays, without that
    /// link. Needs `manage_tasks` too.
    #[serde(default)]
    create_task: bool,
}

/// The form of an upload: one part.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the form, which is read as it arrives")]
struct UploadForm {
    /// The CSV, with its filename.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

/// Upload a dataset
///
/// The CSV is streamed, hashed and looked at on the way: encoding, delimiter, columns, rows and the column with the
/// posts are in the answer. A file that can't be read as a table is refused with a code that says why, and leaves
/// nothing behind. Needs `manage_datasets`.
#[utoipa::path(
    tag = "files",
    operation_id = "upload_file",
    params(UploadQuery),
    request_body(content = inline(UploadForm), content_type = "multipart/form-data"),
    responses((
        status = 201,
        description = "The file is stored",
        body = Resource<FileData>,
        headers(("Location" = String, description = "The file"), ("ETag" = String, description = "Its revision"))
    ))
)]
#[post("/v1/files")]
pub async fn upload_file(
    state: web::Data<State>,
    caller: Caller,
    query: web::Query<UploadQuery>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    caller.require(Permission::ManageDatasets)?;
    if query.create_task {
        caller.require(workflow::CREATE_TASK)?;
    }
    let _slot = state.slots.try_acquire().map_err(|_| Error::Busy)?;
    let mut part = FilePart::open(&request, payload).await?;
    let file = match workflow::upload(&state, &caller, &mut part).await {
        Ok(file) => file,
        Err(error) => {
            part.drain().await;
            return Err(error.into());
        }
    };
    let revision = Revision(file.revision);
    let mut resource = view(file);
    if query.create_task
        && let Some(task) = workflow::create_task(&state, &caller, resource.uid, None).await
    {
        resource.links.insert("task".to_owned(), format!("/v1/tasks/{task}"));
    }
    Ok(HttpResponse::Created()
        .insert_header((header::LOCATION, format!("/v1/files/{}", resource.uid)))
        .insert_header((header::ETAG, revision.etag()))
        .json(resource))
}
