//! The upload form: one part, named `file`.

use std::time::Duration;

use actix_multipart::{Field, Multipart, MultipartError};
use actix_web::{HttpRequest, http::header, web};
use bytes::Bytes;
use dallosh_primitives::ByteSize;
use futures::StreamExt;

use crate::{error::Error, file::FileName};

/// How long an upload may stand still.
const STILL: Duration = Duration::from_secs(30);
/// What is read of a refused upload, so that the client sees the answer instead of a broken connection.
const DRAINED: u64 = 1 << 20;
/// How long that may take.
const DRAIN_PATIENCE: Duration = Duration::from_secs(2);
/// What a form needs around its file, at most.
const FORM_BYTES: u64 = 64 << 10;

/// The file part of a form, as it arrives.
pub struct FilePart {
    form: Multipart,
    part: Option<Field>,
    filename: FileName,
    declared: Option<u64>,
}

impl FilePart {
    /// Reads the form up to the bytes of the file.
    ///
    /// # Errors
    /// [`Error::NotAForm`] and [`Error::Form`].
    pub async fn open(request: &HttpRequest, payload: web::Payload) -> Result<Self, Error> {
        let declared = request.headers().get(header::CONTENT_LENGTH);
        let declared = declared.and_then(|value| value.to_str().ok()).and_then(|text| text.parse().ok());
        let mut form = Multipart::new(request.headers(), payload);
        let part = next_part(&mut form).await?.ok_or(Error::Form("the form has no part"))?;
        let disposition = part.content_disposition();
        if disposition.and_then(|disposition| disposition.get_name()) != Some("file") {
            return Err(Error::Form("the form has a part that is not named `file`"));
        }
        let given = disposition.and_then(|disposition| match disposition.get_filename_ext() {
            Some(extended) => String::from_utf8(extended.value.clone()).ok(),
            None => disposition.get_filename().map(str::to_owned),
        });
        let given = given.ok_or(Error::Form("the part `file` has no filename"))?;
        let filename = FileName::clean(&given).unwrap_or_else(FileName::nameless);
        Ok(Self { form, part: Some(part), filename, declared })
    }

    /// The name that the client gave, cleaned.
    pub fn filename(&self) -> &FileName {
        &self.filename
    }

    /// How many bytes the client announced, with those of the form around the file.
    pub fn announced(&self) -> Option<u64> {
        self.declared
    }

    /// How many bytes the file has at least, as the client announced.
    pub fn announced_at_least(&self) -> u64 {
        self.declared.unwrap_or(0).saturating_sub(FORM_BYTES)
    }

    /// Whether the client announced more than a file of this size needs.
    pub fn announces_more_than(&self, size: ByteSize) -> bool {
        self.declared.is_some_and(|declared| declared > size.0.saturating_add(FORM_BYTES))
    }

    /// The next bytes of the file; `None` at its end, when the form ends there too.
    ///
    /// # Errors
    /// [`Error::Form`] when the client went away, stood still or sent a second part.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        let Some(part) = &mut self.part else { return Ok(None) };
        if let Some(bytes) = timely(part.next()).await? {
            return bytes.map(Some).map_err(form_error);
        }
        self.part = None;
        match next_part(&mut self.form).await? {
            None => Ok(None),
            Some(_) => Err(Error::Form("the form has more than one part; send one file")),
        }
    }

    /// Reads a little of what a refused client still sends.
    pub async fn drain(mut self) {
        let Some(part) = &mut self.part else { return };
        let _ = tokio::time::timeout(DRAIN_PATIENCE, async {
            let mut read = 0;
            while let Some(Ok(bytes)) = part.next().await {
                read += bytes.len() as u64;
                if read > DRAINED {
                    break;
                }
            }
        })
        .await;
    }
}

async fn next_part(form: &mut Multipart) -> Result<Option<Field>, Error> {
    timely(form.next()).await?.transpose().map_err(form_error)
}

async fn timely<F: Future>(work: F) -> Result<F::Output, Error> {
    tokio::time::timeout(STILL, work).await.map_err(|_| Error::Form("the upload stood still for too long"))
}

fn form_error(error: MultipartError) -> Error {
    match error {
        MultipartError::ContentTypeIncompatible => Error::NotAForm,
        MultipartError::ContentTypeMissing | MultipartError::ContentTypeParse => {
            Error::Form("the request has no content type that can be read")
        }
        MultipartError::BoundaryMissing => Error::Form("the content type names no boundary"),
        MultipartError::Incomplete | MultipartError::Payload(_) => Error::Form("the upload broke off before its end"),
        _ => Error::Form("the form can't be read"),
    }
}
