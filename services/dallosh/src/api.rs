//! The public door as the terminal uses it: the same REST calls that every other client makes.

use std::{io, path::Path, pin::pin, sync::Arc, time::Duration};

use dallosh_contracts::{FileData, Resource, TaskData, TaskEvent};
use dallosh_primitives::Uid;
use dallosh_service_kit::{ClientError, ServiceClient};
use futures::{Stream, StreamExt, TryStreamExt};
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio_util::io::ReaderStream;

use crate::stack::Local;

/// Gives a valid access token whenever one is needed.
pub type TokenSource = Arc<dyn Fn() -> Result<String, ApiError> + Send + Sync>;

/// A call did not give what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The door refused.
    #[error("{code}: {detail}")]
    Refused {
        /// The problem's code.
        code: String,
        /// The problem's detail.
        detail: String,
    },
    /// The door did not answer, or not sensibly.
    #[error("the service gave no sensible answer")]
    Unreachable(#[from] reqwest::Error),
    /// A local file can't be read or written.
    #[error("{file} can't be read or written")]
    File {
        /// Its name.
        file: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// No token can be had.
    #[error("no access token can be had")]
    Token(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<ClientError> for ApiError {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Refused { code, detail, errors, .. } => {
                let fields: Vec<_> = errors.iter().map(|field| format!("{} {}", field.pointer, field.detail)).collect();
                let detail = if fields.is_empty() { detail } else { format!("{detail} ({})", fields.join("; ")) };
                Self::Refused { code, detail }
            }
            ClientError::Unreachable(error) => Self::Unreachable(error),
        }
    }
}

/// A signed-in client.
pub struct Api {
    calls: ServiceClient,
    http: reqwest::Client,
    base: String,
    token: TokenSource,
}

impl Api {
    /// A client of this process's own door.
    pub fn new(local: &Local) -> Result<Self, ApiError> {
        let http = reqwest::Client::builder().no_proxy().connect_timeout(Duration::from_secs(2)).build()?;
        Ok(Self { calls: ServiceClient::new(&local.base)?, http, base: local.base.clone(), token: local.token.clone() })
    }

    /// Uploads a file as a stream; `sent` is told the bytes of each piece.
    pub async fn upload(
        &self,
        path: &Path,
        sent: impl Fn(u64) + Send + Sync + 'static,
    ) -> Result<Resource<FileData>, ApiError> {
        let failed = |source| ApiError::File { file: path.display().to_string(), source };
        let file = tokio::fs::File::open(path).await.map_err(failed)?;
        let size = file.metadata().await.map_err(failed)?.len();
        let pieces = ReaderStream::with_capacity(file, 256 << 10)
            .inspect_ok(move |piece| sent(u64::try_from(piece.len()).unwrap_or(0)));
        let name = path.file_name().map_or_else(|| "posts.csv".to_owned(), |name| name.to_string_lossy().into_owned());
        let part =
            Part::stream_with_length(reqwest::Body::wrap_stream(pieces), size).file_name(name).mime_str("text/csv")?;
        let request = self.http.post(format!("{}/v1/files", self.base)).multipart(Form::new().part("file", part));
        let response = request.bearer_auth((self.token)()?).send().await?;
        Ok(accepted(response).await?.json().await?)
    }

    /// Whether the door serves a page there: a binary may be built without the frontend.
    pub async fn has_page(&self, path: &str) -> bool {
        let answer = self.http.get(format!("{}{path}", self.base)).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    /// GETs a resource.
    pub async fn get<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<T, ApiError> {
        Ok(self.calls.get(path, Some(&(self.token)()?)).await?)
    }

    /// Makes a task and starts it.
    pub async fn start_task(&self, file: Uid, text_column: Option<String>) -> Result<Resource<TaskData>, ApiError> {
        let options = text_column.map_or_else(|| json!({}), |name| json!({ "text_column": name }));
        let body = json!({ "file_id": file, "options": options, "start": true });
        Ok(self.calls.post("/v1/tasks", &body, Some(&(self.token)()?)).await?)
    }

    /// Stops a task.
    pub async fn stop_task(&self, task: Uid) -> Result<(), ApiError> {
        let _: Value = self.calls.post(&format!("/v1/tasks/{task}/stop"), &json!({}), Some(&(self.token)()?)).await?;
        Ok(())
    }

    /// The events of a task from the first one on, live, until its end; reconnects where it left off.
    pub fn events(&self, task: Uid) -> impl Stream<Item = Result<TaskEvent, ApiError>> + '_ {
        futures::stream::try_unfold((0_i64, None), move |(last, open)| async move {
            let mut open = match open {
                Some(open) => open,
                None => self.open_events(task, last).await?,
            };
            match open.next_event().await? {
                Some(event) => Ok(Some((event.clone(), (event.seq, Some(open))))),
                None => Ok(None),
            }
        })
    }

    async fn open_events(&self, task: Uid, last: i64) -> Result<EventStream, ApiError> {
        let request = self.http.get(format!("{}/v1/tasks/{task}/events", self.base));
        let request = request.header("accept", "text/event-stream").header("last-event-id", last);
        let response = accepted(request.bearer_auth((self.token)()?).send().await?).await?;
        Ok(EventStream { response, buffer: Vec::new() })
    }

    /// Writes a stage of a dataset to a file, whole or not at all.
    pub async fn download(&self, file: Uid, stage: &str, to: &Path) -> Result<u64, ApiError> {
        let failed = |source| ApiError::File { file: to.display().to_string(), source };
        let request = self.http.get(format!("{}/v1/files/{file}/content?stage={stage}&format=csv", self.base));
        let response = accepted(request.bearer_auth((self.token)()?).send().await?).await?;
        let mut partial = to.as_os_str().to_owned();
        partial.push(".partial");
        let mut output = tokio::fs::File::create(&partial).await.map_err(failed)?;
        let mut pieces = pin!(response.bytes_stream());
        let mut size = 0_u64;
        while let Some(piece) = pieces.next().await {
            let piece = piece?;
            size = size.saturating_add(u64::try_from(piece.len()).unwrap_or(0));
            output.write_all(&piece).await.map_err(failed)?;
        }
        output.sync_all().await.map_err(failed)?;
        tokio::fs::rename(&partial, to).await.map_err(failed)?;
        Ok(size)
    }
}

struct EventStream {
    response: reqwest::Response,
    buffer: Vec<u8>,
}

impl EventStream {
    async fn next_event(&mut self) -> Result<Option<TaskEvent>, ApiError> {
        loop {
            while let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\n\n") {
                let message: Vec<u8> = self.buffer.drain(..end.saturating_add(2)).collect();
                let text = String::from_utf8_lossy(&message);
                let data = text.lines().find_map(|line| line.strip_prefix("data: "));
                if let Some(event) = data.and_then(|data| serde_json::from_str(data).ok()) {
                    return Ok(Some(event));
                }
            }
            match self.response.chunk().await? {
                Some(piece) => self.buffer.extend_from_slice(&piece),
                None => return Ok(None),
            }
        }
    }
}

async fn accepted(response: reqwest::Response) -> Result<reqwest::Response, ApiError> {
    if response.status().is_success() {
        return Ok(response);
    }
    let status = response.status();
    let problem: Value = response.json().await.unwrap_or_default();
    let text = |name: &str| problem.get(name).and_then(Value::as_str).map(str::to_owned);
    Err(ApiError::Refused {
        code: text("code").unwrap_or_else(|| status.to_string()),
        detail: text("detail").unwrap_or_else(|| "no reason was given".to_owned()),
    })
}
