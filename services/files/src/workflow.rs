//! Every change of a file.

use dallosh_contracts::{Permission, TaskStatus};
use dallosh_dataset::Dialect;
use dallosh_primitives::Uid;
use dallosh_service_kit::Caller;
use dallosh_storage::{Key, PutMode, Stage};
use dallosh_store::Versioned;
use serde::Deserialize;

use crate::{
    error::Error,
    file::{File, FileName},
    form::FilePart,
    intake::{Intake, Taken},
    quota, reading,
    state::State,
};

/// Takes a file in. The object is committed before the document is written, so that no document ever names bytes that
/// are not there; an object whose document never came is the janitor's.
pub async fn upload(state: &State, caller: &Caller, part: &mut FilePart) -> Result<Versioned<File>, Error> {
    if part.announces_more_than(state.max_upload) {
        return Err(Error::TooLarge(state.max_upload));
    }
    require_room(state, part.announced().unwrap_or(0)).await?;
    quota::require(state, caller.user, part.announced_at_least()).await?;
    let uid = Uid::new();
    let key = Key::dataset(uid, Stage::Original);
    let mut intake = Intake::begin(state, &key, PutMode::Create).await?;
    let received = loop {
        match part.next().await {
            Ok(Some(bytes)) => {
                if let Err(error) = intake.take(bytes).await {
                    break Err(error);
                }
            }
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    if let Err(error) = received {
        intake.abandon().await;
        return Err(error);
    }
    let taken = intake.finish().await?;
    let (size, by) = (taken.size, caller.name());
    let entry = register(state, uid, caller.user, part.filename().clone(), taken, &by);
    let file = quota::take(state, caller.user, size, entry).await;
    if file.is_err()
        && let Err(error) = state.storage.delete(&key).await
    {
        tracing::warn!(%error, file.id = %uid, "an object without a document stays until the next sweep");
    }
    file
}

/// Writes the document of a file whose object is there.
pub async fn register(
    state: &State,
    uid: Uid,
    owner: Uid,
    filename: FileName,
    taken: Taken,
    by: &str,
) -> Result<Versioned<File>, Error> {
    let Taken { size, sha256, inspection } = taken;
    let file = File {
        owner,
        filename,
        size,
        sha256,
        dialect: inspection.dialect,
        columns: inspection.columns,
        row_count: inspection.row_count,
        rejected_rows: inspection.rejected_rows,
        text_column: inspection.text_column,
        warnings: inspection.warnings,
    };
    let file = state.files.insert(uid, file, by).await?;
    tracing::info!(file.id = %uid, file.size = size, file.rows = file.data.row_count, "file taken in");
    Ok(file)
}

/// Refuses what would leave too little room: bytes are written twice at most on their way in.
///
/// # Errors
/// [`Error::NoRoom`].
pub async fn require_room(state: &State, size: u64) -> Result<(), Error> {
    let needed = size.saturating_mul(2).max(state.reserve.0);
    match state.storage.free().await? {
        Some(free) if free < needed => Err(Error::NoRoom),
        _ => Ok(()),
    }
}

/// What somebody wants different about a file.
pub struct Change {
    pub filename: Option<FileName>,
    pub dialect: Option<Dialect>,
    pub text_column: Option<String>,
}

/// Changes a file as it was read. Another dialect has the whole of it looked at again.
pub async fn change(state: &State, found: Versioned<File>, change: Change, by: &str) -> Result<Versioned<File>, Error> {
    let Change { filename, dialect, text_column } = change;
    let mut file = found.data.clone();
    if let Some(filename) = filename {
        file.filename = filename;
    }
    if let Some(dialect) = dialect.filter(|dialect| *dialect != file.dialect) {
        file = file.reread(reading::inspect_as(state, found.uid, dialect).await?);
    }
    if let Some(name) = text_column {
        if !file.columns.contains(&name) {
            reading::require_column(state, found.uid, file.dialect.clone(), name.clone()).await?;
        }
        file.text_column = Some(name);
    }
    if file == found.data {
        return Ok(found);
    }
    Ok(state.files.replace(Versioned { data: file, ..found }, by).await?)
}

/// Deletes a file that no task uses: first the document, so that nobody finds a file without bytes, then the bytes of
/// every stage. What a failure leaves of these is the janitor's.
pub async fn delete(state: &State, caller: &Caller, uid: Uid) -> Result<(), Error> {
    if let Some(task) = user_of(state, caller, uid).await? {
        return Err(Error::InUse(task));
    }
    if !state.files.delete(uid).await? {
        return Err(Error::NotFound);
    }
    let profiles = state.storage.list(&Key::profiles(uid)).await.unwrap_or_default();
    for key in objects_of(uid).chain(profiles) {
        if let Err(error) = state.storage.delete(&key).await {
            tracing::warn!(%error, file.id = %uid, "an object of a deleted file stays until the next sweep");
        }
    }
    tracing::info!(file.id = %uid, "file deleted");
    Ok(())
}

/// Everything that may lie in the object store for a file.
fn objects_of(uid: Uid) -> impl Iterator<Item = Key> {
    let stages = [Stage::Original, Stage::Cleaned, Stage::Analysed];
    let content = stages.into_iter().flat_map(move |stage| [Key::dataset(uid, stage), Key::table(uid, stage)]);
    content.chain([Key::index(uid), Key::rejects(uid), Key::removed(uid)])
}

#[derive(Deserialize)]
struct TaskPage {
    items: Vec<TaskItem>,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct TaskItem {
    uid: Uid,
    data: TaskState,
}

#[derive(Deserialize)]
struct TaskState {
    status: TaskStatus,
}

/// A task of the file that runs, waits to run or may be resumed.
async fn user_of(state: &State, caller: &Caller, uid: Uid) -> Result<Option<Uid>, Error> {
    let mut path = format!("/v1/tasks?file_id={uid}&limit=200");
    loop {
        let page: TaskPage = state.tasks.get(&path, Some(caller.token())).await?;
        let user = page.items.into_iter().find(|task| needs_file(task.data.status));
        match (user, page.next_cursor) {
            (Some(task), _) => return Ok(Some(task.uid)),
            (None, None) => return Ok(None),
            (None, Some(cursor)) => path = format!("/v1/tasks?file_id={uid}&limit=200&cursor={cursor}"),
        }
    }
}

fn needs_file(status: TaskStatus) -> bool {
    use TaskStatus as S;
    match status {
        S::InQueue
        | S::ReadingDataset
        | S::ProcessCleaning
        | S::SendingToLlm
        | S::AppendingColumns
        | S::SavingFile
        | S::Paused => true,
        S::Added | S::Done | S::Stopped | S::OnError => false,
    }
}

/// Has the tasks service make a task of the file, in the caller's name; one only under the same `key`. The file stays
/// when it can't.
pub async fn create_task(state: &State, caller: &Caller, uid: Uid, key: Option<&str>) -> Option<Uid> {
    #[derive(Deserialize)]
    struct Created {
        uid: Uid,
    }
    let body = serde_json::json!({ "file_id": uid });
    let made = match key {
        Some(key) => state.tasks.post_once::<Created>("/v1/tasks", &body, Some(caller.token()), key).await,
        None => state.tasks.post("/v1/tasks", &body, Some(caller.token())).await,
    };
    match made {
        Ok(task) => Some(task.uid),
        Err(error) => {
            tracing::warn!(%error, file.id = %uid, "the task of an upload could not be made");
            None
        }
    }
}

/// The permission that making a task needs; asked for before the upload instead of after it.
pub const CREATE_TASK: Permission = Permission::ManageTasks;
