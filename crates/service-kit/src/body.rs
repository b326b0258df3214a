mod json;
mod strict;

use std::fmt::Write as _;

use actix_web::{FromRequest, HttpMessage as _, HttpRequest, dev::Payload};
use bytes::BytesMut;
use futures::{FutureExt as _, StreamExt as _, future::LocalBoxFuture};
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::{Path, Segment};

use self::strict::Strict;
use crate::{ErrorCode, Problem};

/// The largest JSON body that is read, in bytes; files are streamed and have limits of their own.
const LARGEST: usize = 64 << 10;

/// A request's body: one JSON object of at most 64 KiB. `Body<Option<T>>` may be left out altogether.
///
/// What can't be read is `bad_request`, another kind of content `unsupported_media_type`, too many bytes `too_large`, and
/// a value that does not fit `validation` with the JSON pointer of its place.
#[derive(Debug)]
pub struct Body<T>(T);

impl<T> Body<T> {
    /// What it says.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for Body<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let is_json = request.mime_type().ok().flatten().is_some_and(|kind| {
            kind.subtype().as_str() == "json" || kind.suffix().is_some_and(|suffix| suffix.as_str() == "json")
        });
        let bytes = read(payload.take());
        async move {
            let bytes = bytes.await;
            if bytes.as_ref().is_ok_and(bytes::BytesMut::is_empty)
                && let Ok(nothing) = T::deserialize(Value::Null)
            {
                return Ok(Self(nothing));
            }
            if !is_json {
                return Err(Problem::new(ErrorCode::UnsupportedMedia, "the body must be application/json"));
            }
            parse(&bytes?).map(Self)
        }
        .boxed_local()
    }
}

async fn read(mut payload: Payload) -> Result<BytesMut, Problem> {
    let mut bytes = BytesMut::new();
    while let Some(piece) = payload.next().await {
        let piece = piece.map_err(|_| Problem::new(ErrorCode::BadRequest, "the body can't be read"))?;
        if bytes.len() + piece.len() > LARGEST {
            return Err(Problem::new(ErrorCode::TooLarge, "the body is too large"));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // First: where a value is of another kind than the one that is wanted, the reader may call it bad JSON.
    let json = json::read(bytes)
        .map_err(|error| Problem::new(ErrorCode::BadRequest, format!("the body can't be read as JSON: {error}")))?;
    if !json.is_object() {
        return Err(Problem::field("", "must be a JSON object"));
    }
    serde_path_to_error::deserialize(Strict(&json))
        .map_err(|error| Problem::field(pointer(error.path()), error.inner().to_string()))
}

/// The place as a JSON pointer (RFC 6901), as far as it is known.
fn pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        let _ = match segment {
            Segment::Seq { index } => write!(pointer, "/{index}"),
            Segment::Map { key: name } | Segment::Enum { variant: name } => {
                write!(pointer, "/{}", name.replace('~', "~0").replace('/', "~1"))
            }
            Segment::Unknown => break,
        };
    }
    pointer
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Note {
        #[expect(dead_code, reason = "only read")]
        title: String,
        #[serde(default)]
        tags: Vec<Tag>,
        #[serde(default)]
        #[expect(dead_code, reason = "only read")]
        kinds: Vec<Kind>,
        #[serde(default)]
        counts: BTreeMap<String, u8>,
        #[serde(default)]
        place: Option<Tag>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Kind {
        Loud,
    }

    #[derive(Debug, Deserialize)]
    struct Tag {
        #[expect(dead_code, reason = "only read")]
        word: String,
    }

    fn refused(body: &str) -> (ErrorCode, Option<String>) {
        let problem = parse::<Note>(body.as_bytes()).unwrap_err();
        (problem.code, problem.errors.into_iter().next().map(|error| error.pointer))
    }

    #[test]
    fn a_wrong_value_is_pointed_at_however_deep_it_is() {
        for (body, place) in [
            (r#"{"title":5}"#, "/title"),
            (r#"{"title":"a","tags":"b"}"#, "/tags"),
            (r#"{"title":"a","tags":[{"word":"b"},7]}"#, "/tags/1"),
            (r#"{"title":"a","tags":[{"word":"b"},{"word":null}]}"#, "/tags/1/word"),
            (r#"{"title":"a","counts":{"a/b~c":-1}}"#, "/counts/a~1b~0c"),
            (r#"{"title":"a","more":1}"#, "/more"),
            (r#"{"title":"a","kinds":["loud",5]}"#, "/kinds/1"),
            (r#"{"title":"a","tags":[{"word":"b"},["c"]]}"#, "/tags/1"),
            (r#"{"title":"a","place":["b"]}"#, "/place"),
            ("{}", ""),
        ] {
            assert_eq!(refused(body), (ErrorCode::Validation, Some(place.to_owned())), "{body}");
        }
    }

    #[test]
    fn only_an_object_is_read_and_what_is_no_json_is_told_apart() {
        for body in [r#"["a",[],{}]"#, "5", "null", r#" "title""#] {
            assert_eq!(refused(body), (ErrorCode::Validation, Some(String::new())), "{body}");
        }
        for body in [
            "",
            "[",
            "{",
            r#"{"title":"a"} more"#,
            r#"{"title":"a"}{"title":"b"}"#,
            r#"{"title":"a","title":"b"}"#,
            r#"{"title":"a","counts":{"c":1,"c":1}}"#,
            "title=a",
            r#"{"title":"\ud800"}"#,
            r#"{"title":NaN}"#,
            "{'title':'a'}",
            "\u{feff}{\"title\":\"a\"}",
            "<title>a</title>",
        ] {
            assert_eq!(refused(body), (ErrorCode::BadRequest, None), "{body}");
        }
        let whole = br#" {"title":"a","tags":[{"word":"b"}],"kinds":["loud"],"counts":{"c":1},"place":{"word":"d"}} "#;
        let note: Note = parse(whole).unwrap();
        assert_eq!((note.tags.len(), note.counts["c"], note.place.is_some()), (1, 1, true));
        assert!(parse::<Note>(br#"{"title":"a","place":null}"#).unwrap().place.is_none());
    }
}
