use std::time::Duration;

use actix_web::{
    HttpRequest, HttpResponse, get,
    http::header::{self, ContentType},
    web,
};
use dallosh_contracts::Permission;
use dallosh_dataset::{
    CLEAN_TEXT, ColumnProfile, Distinct, FrequentValue, HistogramBin, LanguageShare, Lengths, Profile, TextProfile,
    profile,
};
use dallosh_primitives::Uid;
use dallosh_service_kit::{Caller, Problem, has_tag};
use dallosh_storage::Key;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{FileReadingProgress, FileStage, running};
use crate::{
    derived::{Found, Order, Source, etag},
    state::State,
};

/// How long somebody who asks waits for a profile that is being made.
const PATIENCE: Duration = Duration::from_secs(2);

/// What to describe.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ProfileParams {
    /// Of which stage; the original unless asked.
    #[param(inline)]
    stage: Option<FileStage>,
}

/// What the columns of a dataset hold.
#[derive(Debug, Serialize, ToSchema)]
struct FileProfile {
    /// Rows that can be read.
    rows: u64,
    /// Rows that can't.
    rejected_rows: u64,
    /// In the order of the file.
    columns: Vec<FileColumnProfile>,
    /// The column with the posts, when the file has one.
    text: Option<FileTextProfile>,
}

/// What a column holds. A cell that is empty or blank counts as blank and as nothing else.
#[derive(Debug, Serialize, ToSchema)]
struct FileColumnProfile {
    /// Its name.
    #[schema(example = "likes")]
    name: String,
    /// What its filled cells are: `text`, `integer`, `number`, `boolean` or `time`; `empty` when there are none.
    #[serde(rename = "type")]
    #[schema(example = "integer")]
    kind: &'static str,
    /// Empty and blank cells.
    blank: u64,
    /// Different values.
    distinct: u64,
    /// Whether that was estimated; up to 4,096 they are counted.
    distinct_is_estimate: bool,
    /// Of numbers, as it stands in the file, and of times, in UTC: the least.
    #[schema(example = "0")]
    min: Option<String>,
    /// The greatest.
    #[schema(example = "1204")]
    max: Option<String>,
    /// The mean.
    #[schema(example = "3.25")]
    mean: Option<String>,
    /// Characters of the filled cells.
    lengths: Option<FileLengths>,
    /// Of numbers and times: at most 20 bins of equal width.
    histogram: Vec<FileHistogramBin>,
    /// The most frequent values, at most 10.
    top_values: Vec<FileFrequentValue>,
    /// Whether their counts may be too low, and others missing, since there are too many values to count each.
    top_values_are_estimates: bool,
}

/// Characters of the filled cells of a column.
#[derive(Debug, Serialize, ToSchema)]
struct FileLengths {
    /// Of the shortest.
    min: u64,
    /// Of the longest.
    max: u64,
    /// On average.
    mean: f64,
}

/// A bin of a histogram.
#[derive(Debug, Serialize, ToSchema)]
struct FileHistogramBin {
    /// Where it begins: a number in decimals, or a time.
    #[schema(example = "0")]
    from: String,
    /// Where the next one begins.
    #[schema(example = "64")]
    to: String,
    /// Cells in it.
    count: u64,
}

/// A value and how often it stands in a column.
#[derive(Debug, Serialize, ToSchema)]
struct FileFrequentValue {
    /// The cell, cut at 120 characters.
    #[schema(example = "0")]
    value: String,
    /// Cells that hold it.
    count: u64,
}

/// What the column with the posts holds, cleaned as a task does it.
#[derive(Debug, Serialize, ToSchema)]
struct FileTextProfile {
    /// The column.
    #[schema(example = "full_text")]
    column: String,
    /// Rows without a text.
    empty: u64,
    /// Different texts, without regard to case, blanks, punctuation and the handles at the beginning.
    unique: u64,
    /// Texts that were there before.
    duplicates: u64,
    /// Whether these two were estimated; up to 65,536 different texts are counted.
    unique_is_estimate: bool,
    /// Tokens of all the texts together, about, by the rule of `POST /v1/tasks/estimate`.
    estimated_tokens: u64,
    /// Texts by their characters, in at most 20 bins.
    lengths: Vec<FileHistogramBin>,
    /// Texts of a sample by language, the most frequent first.
    languages: Vec<FileLanguageShare>,
    /// Texts of that sample: at most 2,000, drawn from all rows.
    sampled: u64,
}

/// A language and how many texts of the sample are in it.
#[derive(Debug, Serialize, ToSchema)]
struct FileLanguageShare {
    /// ISO 639-3, the nearest of the 16 that are known, or `und` when there are too few letters to tell.
    #[schema(example = "fra")]
    language: &'static str,
    /// Texts of the sample.
    texts: u64,
    /// Their share of it.
    #[schema(example = 0.82)]
    share: f64,
}

/// Describe the columns of a dataset
///
/// Read from the whole stage in one pass, once for each content, and kept. A profile that takes longer than two seconds
/// is made on: ask again after `Retry-After`. Needs `read_datasets`.
#[utoipa::path(
    tag = "files",
    operation_id = "profile_file",
    params(("id" = Uid, Path, description = "The file"), ProfileParams),
    responses(
        (status = 200, description = "The profile", body = FileProfile, headers(("ETag" = String, description = "Changes with the content and how it is read"))),
        (status = 202, description = "It is being made", body = FileReadingProgress, headers(("Retry-After" = String, description = "Seconds until it makes sense to ask again"))),
        (status = 304, description = "The client has this profile")
    )
)]
#[get("/v1/files/{id}/profile")]
pub async fn profile_file(
    state: web::Data<State>,
    caller: Caller,
    id: web::Path<Uid>,
    params: web::Query<ProfileParams>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let scope = caller.require(Permission::ReadDatasets)?;
    let of = params.into_inner().stage.unwrap_or_default();
    let file = state.files.get(scope, *id).await?;
    let source = Source::stage(&state, &file, of.stage(), of.as_str()).await?;
    let text_column = match of {
        FileStage::Original => file.data.text_column,
        FileStage::Cleaned | FileStage::Analysed => Some(CLEAN_TEXT.to_owned()),
    };
    let fingerprint = source.fingerprint(&format!("{text_column:?}"));
    let tag = etag(fingerprint);
    if has_tag(&request, &tag) {
        return Ok(HttpResponse::NotModified().insert_header((header::ETAG, tag)).finish());
    }
    let (dialect, limits) = (source.dialect.clone(), source.limits.clone());
    let order = Order::new(&source, Key::profile(source.file, of.stage(), fingerprint), move |content| {
        profile(content, &dialect, limits, text_column.as_deref()).map(FileProfile::from)
    });
    let state = state.into_inner();
    match state.profiles.find(&state, order, PATIENCE).await? {
        Found::Ready(json) => Ok(HttpResponse::Ok()
            .insert_header((header::ETAG, tag))
            .insert_header((header::CACHE_CONTROL, "private, no-cache"))
            .insert_header(ContentType::json())
            .body(json)),
        Found::Running(progress) => Ok(running(&progress)),
    }
}

impl From<Profile> for FileProfile {
    fn from(profile: Profile) -> Self {
        let Profile { rows, rejected_rows, columns, text } = profile;
        Self {
            rows,
            rejected_rows,
            columns: columns.into_iter().map(FileColumnProfile::from).collect(),
            text: text.map(|text| FileTextProfile::of(text, rows)),
        }
    }
}

impl From<ColumnProfile> for FileColumnProfile {
    fn from(column: ColumnProfile) -> Self {
        let ColumnProfile {
            name,
            column_type,
            blank,
            distinct: Distinct { count, is_estimate },
            min,
            max,
            mean,
            lengths,
            histogram,
            top_values,
            top_values_are_estimates,
        } = column;
        Self {
            name,
            kind: column_type.map_or("empty", super::type_word),
            blank,
            distinct: count,
            distinct_is_estimate: is_estimate,
            min,
            max,
            mean,
            lengths: lengths.map(|Lengths { min, max, mean }| FileLengths { min, max, mean }),
            histogram: histogram.into_iter().map(FileHistogramBin::from).collect(),
            top_values: top_values
                .into_iter()
                .map(|FrequentValue { value, count }| FileFrequentValue { value, count })
                .collect(),
            top_values_are_estimates,
        }
    }
}

impl From<HistogramBin> for FileHistogramBin {
    fn from(bin: HistogramBin) -> Self {
        let HistogramBin { from, to, count } = bin;
        Self { from, to, count }
    }
}

impl FileTextProfile {
    fn of(text: TextProfile, rows: u64) -> Self {
        let TextProfile {
            column,
            empty,
            unique: Distinct { count, is_estimate },
            estimated_tokens,
            lengths,
            languages,
            sampled,
        } = text;
        let share = |texts: u64| {
            let part = |count: u64| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
            if sampled == 0 { 0.0 } else { part(texts) / part(sampled) }
        };
        Self {
            column,
            empty,
            unique: count,
            duplicates: rows.saturating_sub(empty).saturating_sub(count),
            unique_is_estimate: is_estimate,
            estimated_tokens,
            lengths: lengths.into_iter().map(FileHistogramBin::from).collect(),
            languages: languages
                .into_iter()
                .map(|LanguageShare { language, texts }| FileLanguageShare { language, texts, share: share(texts) })
                .collect(),
            sampled,
        }
    }
}
