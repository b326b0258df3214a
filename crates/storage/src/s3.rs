use std::{ops::Range, sync::Arc, time::Duration};

use async_trait::async_trait;
use aws_config::{
    BehaviorVersion, Region,
    retry::RetryConfig,
    timeout::{TimeoutConfig, TimeoutConfigBuilder},
};
use aws_sdk_s3::{
    Client, Config,
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
    operation::head_object::HeadObjectOutput,
    primitives::{ByteStream, DateTime as S3Time},
    types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart},
};
use bytes::{Bytes, BytesMut};
use chrono::{DateTime, Utc};
use futures::Stream;
use tokio::{runtime::Handle, task::JoinHandle, time::sleep};
use tokio_util::io::StreamReader;
use uuid::Uuid;

use crate::{
    ByteReader, Key, ObjectInfo, ObjectWriter, PutMode, StorageError, StorageErrorKind,
    storage::{Backend, Upload},
};

/// The bytes of a part; a writer holds one that travels and one that fills.
const PART: usize = 8 << 20;

/// S3's own limit.
const MOST_PARTS: usize = 10_000;

/// How often a commit is repeated that the store answered with a failure, and a read that broke off.
const TRIES: u32 = 3;

/// The field of an object's metadata that names its writer: so a commit whose answer was lost can be told from
/// somebody else's object.
const WRITER: &str = "writer";

/// Objects below a prefix of a bucket.
pub(crate) struct S3Backend(Arc<Bucket>);

struct Bucket {
    client: Client,
    name: String,
    /// Empty, or ends with a slash.
    prefix: String,
}

impl S3Backend {
    /// Takes `bucket[/prefix][?endpoint=URL]`; asks the store nothing yet.
    pub(crate) async fn open(place: &str) -> Result<Self, StorageError> {
        let wrong = |why: &'static str| {
            StorageError::new(StorageErrorKind::Unavailable, "open", format!("s3://{place}")).because(why)
        };
        let (path, endpoint) = match place.split_once('?') {
            None => (place, None),
            Some((path, query)) => match query.strip_prefix("endpoint=") {
                Some(endpoint) => (path, Some(endpoint)),
                None => return Err(wrong("the URL may end in ?endpoint=URL and nothing else")),
            },
        };
        let (name, prefix) = path.split_once('/').unwrap_or((path, ""));
        let prefix = prefix.trim_end_matches('/');
        if name.is_empty() {
            return Err(wrong("the URL names no bucket"));
        }
        let prefix = match prefix {
            "" => String::new(),
            prefix => Key::parse(prefix)
                .map(|prefix| format!("{prefix}/"))
                .map_err(|_| wrong("the prefix is not an object key"))?,
        };

        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .timeout_config(timeouts(Duration::from_mins(1)).build())
            .retry_config(RetryConfig::standard().with_max_attempts(3));
        if let Some(endpoint) = endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        let shared = loader.load().await;
        let mut config = aws_sdk_s3::config::Builder::from(&shared);
        if shared.endpoint_url().is_some() {
            // Servers other than AWS rarely have a host name for each bucket, and mostly don't care for the region.
            config = config
                .force_path_style(true)
                .region(shared.region().cloned().unwrap_or(Region::from_static("us-east-1")));
        } else if shared.region().is_none() {
            return Err(wrong("no region is set; AWS_REGION names it"));
        }
        let client = Client::from_conf(config.build());
        Ok(Self(Arc::new(Bucket { client, name: name.to_owned(), prefix })))
    }
}

fn timeouts(attempt: Duration) -> TimeoutConfigBuilder {
    TimeoutConfig::builder().connect_timeout(Duration::from_secs(5)).operation_attempt_timeout(attempt)
}

fn failed<E>(operation: &'static str, key: impl ToString, error: SdkError<E, HttpResponse>) -> StorageError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    use StorageErrorKind as K;
    let status = error.raw_response().map(|response| response.status().as_u16());
    let kind = match (error.code(), status) {
        // Faults of the whole store, whichever object was asked for; and an upload that was swept.
        (Some("NoSuchBucket" | "NoSuchUpload"), _) => K::Unavailable,
        (Some("QuotaExceeded" | "EntityTooLarge" | "XMinioStorageFull"), _) | (_, Some(507)) => K::Full,
        (_, Some(401 | 403)) => K::Denied,
        (_, Some(404)) => K::NotFound,
        (_, Some(412)) => K::Exists,
        (_, Some(416)) => K::BadRange,
        _ => K::Unavailable,
    };
    StorageError::new(kind, operation, key).because(error)
}

fn time(time: Option<&S3Time>) -> Option<DateTime<Utc>> {
    time.and_then(|time| DateTime::from_timestamp(time.secs(), time.subsec_nanos()))
}

impl Bucket {
    fn path(&self, key: &Key) -> String {
        format!("{}{key}", self.prefix)
    }

    async fn head(&self, key: &Key) -> Result<Option<HeadObjectOutput>, StorageError> {
        match self.client.head_object().bucket(&self.name).key(self.path(key)).send().await {
            Ok(found) => Ok(Some(found)),
            Err(error) => {
                let error = failed("head", key, error);
                if error.kind == StorageErrorKind::NotFound { Ok(None) } else { Err(error) }
            }
        }
    }

    async fn get(&self, key: &Key, range: Option<&Range<u64>>, etag: Option<&str>) -> Result<Body, StorageError> {
        let mut request =
            self.client.get_object().bucket(&self.name).key(self.path(key)).set_if_match(etag.map(str::to_owned));
        if let Some(range) = range {
            request = request.range(format!("bytes={}-{}", range.start, range.end - 1));
        }
        let answer = request.send().await.map_err(|error| failed("read", key, error))?;
        let start = range.map_or(0, |range| range.start);
        let asked = range.is_none()
            || answer.content_range().is_some_and(|range| range.starts_with(&format!("bytes {start}-")));
        let length = answer.content_length.and_then(|length| u64::try_from(length).ok());
        match length.filter(|_| asked) {
            Some(length) => Ok(Body { stream: answer.body, range: start..start + length, etag: answer.e_tag }),
            None => Err(strange("read", key)),
        }
    }

    async fn abort(&self, key: &Key, upload: &str) -> Result<(), StorageError> {
        let request = self.client.abort_multipart_upload().bucket(&self.name).key(self.path(key)).upload_id(upload);
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("NoSuchUpload") => Ok(()),
            Err(error) => Err(failed("abort", key, error)),
        }
    }
}

fn info(found: &HeadObjectOutput) -> Option<ObjectInfo> {
    Some(ObjectInfo {
        size: u64::try_from(found.content_length?).ok()?,
        modified: time(found.last_modified.as_ref())?,
        etag: found.e_tag.as_deref()?.trim_matches('"').to_owned(),
    })
}

/// The error of an answer that lacks what the protocol promises.
fn strange(operation: &'static str, key: impl ToString) -> StorageError {
    StorageError::new(StorageErrorKind::Unavailable, operation, key)
        .because("the store's answer is not what was asked for")
}

/// An answer under way: the bytes still to come, and the object they are of.
struct Body {
    stream: ByteStream,
    range: Range<u64>,
    etag: Option<String>,
}

/// The bytes of an object. A connection that breaks is taken up where it broke, as long as the object is the same.
fn bytes(bucket: Arc<Bucket>, key: Key, body: Body) -> impl Stream<Item = std::io::Result<Bytes>> + Send {
    futures::stream::try_unfold((bucket, key, body, 0), |(bucket, key, mut body, mut broken)| async move {
        while !body.range.is_empty() {
            let error = match body.stream.next().await {
                Some(Ok(bytes)) => {
                    body.range.start += bytes.len() as u64;
                    return Ok(Some((bytes, (bucket, key, body, 0))));
                }
                Some(Err(error)) => std::io::Error::other(error),
                None => std::io::ErrorKind::UnexpectedEof.into(),
            };
            broken += 1;
            if broken > TRIES {
                return Err(error);
            }
            tracing::debug!(%error, %key, "a read broke off and is taken up again");
            sleep(pause(broken)).await;
            match bucket.get(&key, Some(&body.range), body.etag.as_deref()).await {
                Ok(rest) if rest.range == body.range => body = rest,
                Ok(_) => return Err(std::io::Error::other(strange("read", &key))),
                Err(error) => return Err(std::io::Error::other(error)),
            }
        }
        Ok(None)
    })
}

fn pause(tries: u32) -> Duration {
    Duration::from_millis(100) * 2_u32.saturating_pow(tries)
}

/// Without `parts` a write failed or was cancelled half-way: the object can't be completed any more.
struct S3Upload {
    key: Key,
    parts: Option<Parts>,
}

struct Parts {
    bucket: Arc<Bucket>,
    key: Key,
    mode: PutMode,
    writer: String,
    size: u64,
    buffer: BytesMut,
    /// From the second part on.
    upload: Option<String>,
    done: Vec<CompletedPart>,
    travelling: Option<JoinHandle<Result<CompletedPart, StorageError>>>,
}

impl Parts {
    async fn add(&mut self, mut bytes: Bytes) -> Result<(), StorageError> {
        self.size += bytes.len() as u64;
        while !bytes.is_empty() {
            // Only when more follows, so that a single full part is still one request.
            if self.buffer.len() == PART {
                self.ship().await?;
            }
            let room = PART - self.buffer.len();
            self.buffer.extend_from_slice(&bytes.split_to(room.min(bytes.len())));
        }
        Ok(())
    }

    /// Sends the filled part on its way, after the one before has arrived.
    async fn ship(&mut self) -> Result<(), StorageError> {
        self.arrive().await?;
        let upload = if let Some(upload) = &self.upload { upload.clone() } else { self.begin().await? };
        if self.done.len() == MOST_PARTS {
            return Err(
                StorageError::new(StorageErrorKind::Full, "write", &self.key).because("the object has too many parts")
            );
        }
        let number = i32::try_from(self.done.len() + 1).unwrap_or(i32::MAX);
        let body = std::mem::replace(&mut self.buffer, BytesMut::with_capacity(PART)).freeze();
        let request = self.bucket.client.upload_part().bucket(&self.bucket.name).key(self.bucket.path(&self.key));
        let request = request.upload_id(upload).part_number(number).checksum_algorithm(ChecksumAlgorithm::Crc32);
        let key = self.key.clone();
        self.travelling = Some(tokio::spawn(async move {
            let part =
                request.body(ByteStream::from(body)).send().await.map_err(|error| failed("write", key, error))?;
            Ok(CompletedPart::builder()
                .part_number(number)
                .set_e_tag(part.e_tag)
                .set_checksum_crc32(part.checksum_crc32)
                .build())
        }));
        Ok(())
    }

    async fn arrive(&mut self) -> Result<(), StorageError> {
        if let Some(part) = &mut self.travelling {
            let arrived = part.await;
            self.travelling = None;
            let lost = |error| StorageError::new(StorageErrorKind::Unavailable, "write", &self.key).because(error);
            self.done.push(arrived.map_err(lost)??);
        }
        Ok(())
    }

    async fn begin(&mut self) -> Result<String, StorageError> {
        let request =
            self.bucket.client.create_multipart_upload().bucket(&self.bucket.name).key(self.bucket.path(&self.key));
        let request = request.metadata(WRITER, &self.writer).checksum_algorithm(ChecksumAlgorithm::Crc32);
        let answer = request.send().await.map_err(|error| failed("write", &self.key, error))?;
        let upload = answer.upload_id.ok_or_else(|| {
            StorageError::new(StorageErrorKind::Unavailable, "write", &self.key)
                .because("the store began an upload without an id")
        })?;
        self.upload = Some(upload.clone());
        Ok(upload)
    }

    async fn commit(&mut self) -> Result<ObjectInfo, StorageError> {
        if self.upload.is_some() {
            self.ship().await?;
            self.arrive().await?;
        }
        let body = self.buffer.split().freeze();
        let mut tries = 0;
        loop {
            let published = match &self.upload {
                Some(upload) => self.complete(upload).await,
                None => self.put(body.clone()).await,
            };
            // A failure may be the answer to a commit that succeeded: the object itself decides.
            let found = self.bucket.head(&self.key).await.ok().flatten();
            let ours =
                found.filter(|found| found.metadata().and_then(|fields| fields.get(WRITER)) == Some(&self.writer));
            match (published, ours) {
                (_, Some(found)) => return info(&found).ok_or_else(|| strange("commit", &self.key)),
                // Replaced or deleted since.
                (Ok(etag), None) => return Ok(ObjectInfo { size: self.size, modified: Utc::now(), etag }),
                (Err(Refusal { error, again }), None) => {
                    tries += 1;
                    if !again || tries >= TRIES {
                        return Err(error);
                    }
                    sleep(pause(tries)).await;
                }
            }
        }
    }

    fn only_new(&self) -> Option<String> {
        (self.mode == PutMode::Create).then(|| "*".to_owned())
    }

    async fn put(&self, body: Bytes) -> Result<String, Refusal> {
        let request = self.bucket.client.put_object().bucket(&self.bucket.name).key(self.bucket.path(&self.key));
        let request =
            request.set_if_none_match(self.only_new()).metadata(WRITER, &self.writer).body(ByteStream::from(body));
        let answer = request.send().await.map_err(|error| Refusal::of(&self.key, error))?;
        Ok(answer.e_tag.unwrap_or_default().trim_matches('"').to_owned())
    }

    async fn complete(&self, upload: &str) -> Result<String, Refusal> {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(self.done.clone())).build();
        let request =
            self.bucket.client.complete_multipart_upload().bucket(&self.bucket.name).key(self.bucket.path(&self.key));
        let request = request.upload_id(upload).set_if_none_match(self.only_new()).multipart_upload(parts);
        // Putting many parts together takes the store minutes.
        let patient = Config::builder().timeout_config(timeouts(Duration::from_mins(5)).build());
        let answer = request.customize().config_override(patient).send().await;
        let answer = answer.map_err(|error| Refusal::of(&self.key, error))?;
        Ok(answer.e_tag.unwrap_or_default().trim_matches('"').to_owned())
    }

    /// Ends the upload without an object.
    async fn abandon(mut self) {
        if let Some(part) = self.travelling.take() {
            // A part that arrives after the abort would stay.
            part.abort();
            let _ = part.await;
        }
        if let Some(upload) = self.upload.take()
            && let Err(error) = self.bucket.abort(&self.key, &upload).await
        {
            tracing::warn!(%error, key = %self.key, "an open upload stays until the next sweep");
        }
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        if let Some(upload) = self.upload.take()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(
                Self {
                    bucket: Arc::clone(&self.bucket),
                    key: self.key.clone(),
                    mode: self.mode,
                    writer: String::new(),
                    size: 0,
                    buffer: BytesMut::new(),
                    upload: Some(upload),
                    done: Vec::new(),
                    travelling: self.travelling.take(),
                }
                .abandon(),
            );
        }
    }
}

/// Why a commit failed, and whether repeating it makes sense.
struct Refusal {
    error: StorageError,
    again: bool,
}

impl Refusal {
    fn of<E>(key: &Key, error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        // The SDK has repeated what it could; left are failures inside an answer of success, and lost races.
        let answered = matches!(error, SdkError::ServiceError(_) | SdkError::ResponseError(_))
            && error.code() != Some("NoSuchUpload");
        let error = failed("commit", key, error);
        let again = answered && error.kind == StorageErrorKind::Unavailable;
        Self { error, again }
    }
}

#[async_trait]
impl Upload for S3Upload {
    async fn write(&mut self, bytes: Bytes) -> Result<(), StorageError> {
        let mut parts = self.take("write")?;
        match parts.add(bytes).await {
            Ok(()) => {
                self.parts = Some(parts);
                Ok(())
            }
            Err(error) => {
                parts.abandon().await;
                Err(error)
            }
        }
    }

    async fn commit(mut self: Box<Self>) -> Result<ObjectInfo, StorageError> {
        let mut parts = self.take("commit")?;
        let committed = parts.commit().await;
        match &committed {
            Ok(_) => parts.upload = None,
            Err(_) => parts.abandon().await,
        }
        committed
    }

    async fn abort(mut self: Box<Self>) {
        if let Some(parts) = self.parts.take() {
            parts.abandon().await;
        }
    }
}

impl S3Upload {
    fn take(&mut self, operation: &'static str) -> Result<Parts, StorageError> {
        self.parts.take().ok_or_else(|| {
            StorageError::new(StorageErrorKind::Unavailable, operation, &self.key)
                .because("an earlier write did not succeed")
        })
    }
}

#[async_trait]
impl Backend for S3Backend {
    async fn writer(&self, key: &Key, mode: PutMode) -> Result<ObjectWriter, StorageError> {
        let parts = Some(Parts {
            bucket: Arc::clone(&self.0),
            key: key.clone(),
            mode,
            writer: Uuid::new_v4().simple().to_string(),
            size: 0,
            buffer: BytesMut::new(),
            upload: None,
            done: Vec::new(),
            travelling: None,
        });
        Ok(ObjectWriter(Box::new(S3Upload { key: key.clone(), parts })))
    }

    async fn reader(&self, key: &Key, range: Option<Range<u64>>) -> Result<ByteReader, StorageError> {
        if range.as_ref().is_some_and(Range::is_empty) {
            return Err(StorageError::new(StorageErrorKind::BadRange, "read", key));
        }
        let body = self.0.get(key, range.as_ref(), None).await?;
        Ok(Box::new(StreamReader::new(Box::pin(bytes(Arc::clone(&self.0), key.clone(), body)))))
    }

    async fn head(&self, key: &Key) -> Result<Option<ObjectInfo>, StorageError> {
        let found = self.0.head(key).await?;
        found.map(|found| info(&found).ok_or_else(|| strange("head", key))).transpose()
    }

    async fn delete(&self, key: &Key) -> Result<(), StorageError> {
        let request = self.0.client.delete_object().bucket(&self.0.name).key(self.0.path(key));
        match request.send().await.map_err(|error| failed("delete", key, error)) {
            Err(error) if error.kind != StorageErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    async fn list(&self, folder: &Key) -> Result<Vec<Key>, StorageError> {
        let request = self.0.client.list_objects_v2().bucket(&self.0.name).prefix(format!("{}/", self.0.path(folder)));
        let mut pages = request.into_paginator().send();
        let mut keys = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| failed("list", folder, error))?;
            let names = page.contents().iter().filter_map(|object| object.key()?.strip_prefix(&self.0.prefix));
            keys.extend(names.filter_map(|name| Key::parse(name).ok()));
        }
        keys.sort();
        Ok(keys)
    }

    async fn sweep(&self, before: DateTime<Utc>) -> Result<u64, StorageError> {
        let mut swept = 0;
        let (mut next_key, mut next_upload) = (None, None);
        loop {
            let request = self.0.client.list_multipart_uploads().bucket(&self.0.name).prefix(&self.0.prefix);
            let request = request.set_key_marker(next_key.take()).set_upload_id_marker(next_upload.take());
            let page = request.send().await.map_err(|error| failed("sweep", &self.0.name, error))?;
            for upload in page.uploads() {
                let key =
                    upload.key().and_then(|key| key.strip_prefix(&self.0.prefix)).and_then(|key| Key::parse(key).ok());
                let old = time(upload.initiated()).is_some_and(|begun| begun < before);
                if let (Some(key), Some(id), true) = (key, upload.upload_id(), old) {
                    self.0.abort(&key, id).await?;
                    swept += 1;
                }
            }
            (next_key, next_upload) = (page.next_key_marker, page.next_upload_id_marker);
            if page.is_truncated != Some(true) || next_key.is_none() {
                return Ok(swept);
            }
        }
    }

    async fn free(&self) -> Result<Option<u64>, StorageError> {
        Ok(None)
    }

    async fn ping(&self) -> Result<(), StorageError> {
        match self.0.client.head_bucket().bucket(&self.0.name).send().await {
            Ok(_) => Ok(()),
            Err(error) => {
                let error = failed("ping", format!("s3://{}", self.0.name), error);
                if error.kind == StorageErrorKind::NotFound {
                    return Err(StorageError::new(error.kind, "ping", format!("s3://{}", self.0.name))
                        .because("there is no such bucket; it must be made before the first start"));
                }
                Err(error)
            }
        }
    }
}
