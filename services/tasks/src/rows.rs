//! The rows of a task with what became of them, whatever its state.

use std::{collections::HashMap, io::Read, sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use dallosh_contracts::{Answer, PageAnswers, TaskStatus, key_of};
use dallosh_dataset::{CLEAN_TEXT, DatasetError, EMPTY_TEXT, LabelColumns, TextRow, TextRows};
use dallosh_jobs::{Job, JobError};
use dallosh_primitives::Limit;
use dallosh_service_kit::{ErrorCode, Problem};
use dallosh_storage::{BlockingReader, Key, Stage, StorageError, StorageErrorKind};
use futures::TryStreamExt as _;
use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;

use crate::{error::problem, state::State};

/// Bytes of a file that are read for one page of the list; a page may come out short for it.
const MOST_BYTES: u64 = 128 << 20;
/// How long a list waits until it is its turn to read.
const PATIENCE: Duration = Duration::from_secs(5);

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RowStatus {
    /// The model labelled it.
    Ok,
    /// The model gave no usable answer.
    Failed,
    /// It has no text, so nobody was asked.
    Skipped,
    /// It has no answer yet.
    Pending,
}

impl RowStatus {
    /// The word of the contract.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Pending => "pending",
        }
    }
}

/// A row of the cleaned file with what became of it. Its own columns stand beside these, each cell as it is in the
/// file; one that is called like one of these is called `<name>_original`, as in the analysed file.
#[derive(Debug, Serialize, ToSchema)]
pub struct TaskRow {
    #[serde(flatten)]
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    columns: Cells,
    /// `negative`, `neutral` or `positive`.
    #[schema(example = "negative")]
    sentiment: Option<String>,
    /// 0, 1 or 2.
    #[schema(example = 2)]
    priority: Option<u8>,
    /// The topic.
    #[schema(example = "reseau")]
    main_topic: Option<String>,
    /// What became of it.
    enrichment_status: RowStatus,
    /// Why it has no label.
    enrichment_error: Option<String>,
}

/// Names and cells in the order of the file.
#[derive(Debug)]
struct Cells(Vec<(Arc<str>, String)>);

impl Serialize for Cells {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, cell)| (&**name, cell)))
    }
}

/// One page of rows.
pub struct RowPage {
    pub items: Vec<TaskRow>,
    pub next_cursor: Option<String>,
}

/// Lists the rows of a task in the order of its cleaned file, from the cursor on; none before it is whole.
///
/// The answers are joined to the rows by the key of the text, in every state of the task, so the rows of a running one
/// show what is stored by now. For that the answers of the run are held in memory, some 40 bytes for each different
/// text; of the file only what the page needs is read, from the row on at which the page before ended.
///
/// # Errors
/// `validation` for a cursor of another list or of an earlier version of the file, `not_found` when the dataset is gone,
/// `unavailable`.
pub async fn list(
    state: &State,
    job: &Job,
    wanted: Option<RowStatus>,
    cursor: Option<&str>,
    limit: Limit,
) -> Result<RowPage, Problem> {
    let nothing = RowPage { items: Vec::new(), next_cursor: None };
    let cleaning = TaskStatus::ProcessCleaning.as_str();
    if !job.data.control.completed.iter().any(|step| step == cleaning) {
        return Ok(nothing);
    }
    let key = Key::dataset(job.data.subject, Stage::Cleaned);
    let info = state.storage.head(&key).await.map_err(unreadable)?.ok_or_else(gone)?;
    let offset = cursor.map(|cursor| offset_of(cursor, &info.etag)).transpose()?;
    let answers = Answers::of(state, job).await.map_err(problem)?;
    if matches!(wanted, Some(RowStatus::Ok | RowStatus::Failed)) && !answers.have(wanted) {
        return Ok(nothing);
    }
    let turn = Arc::clone(&state.scans).acquire_owned();
    let turn = tokio::time::timeout(PATIENCE, turn).await;
    let Ok(Ok(turn)) = turn else {
        return Err(Problem::new(ErrorCode::Unavailable, "too many lists are read at once"));
    };
    let head = BlockingReader::new(state.storage.reader(&key, None).await.map_err(unreadable)?);
    let rest = match offset {
        Some(offset) => {
            let rest = state.storage.reader(&key, Some(offset..info.size)).await.map_err(unreadable)?;
            Some((offset, BlockingReader::new(rest)))
        }
        None => None,
    };
    let read = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let rows = TextRows::new(head, CLEAN_TEXT)?;
        match rest {
            None => page(rows, &answers, wanted, limit.get(), MOST_BYTES),
            Some((offset, rest)) => {
                let rows = TextRows::resume(rest, rows.header().clone(), offset, CLEAN_TEXT)?;
                page(rows, &answers, wanted, limit.get(), MOST_BYTES)
            }
        }
    });
    let (items, next) = read.await.map_err(Problem::internal)?.map_err(|error| match error {
        DatasetError::Io(error) => Problem::unavailable("the object store", error),
        error => Problem::internal(error),
    })?;
    Ok(RowPage { items, next_cursor: next.map(|offset| cursor_of(offset, &info.etag)) })
}

/// The rows of a page, and where the next one begins. `most` bytes are read at most, but always a row.
fn page(
    mut rows: TextRows<impl Read>,
    answers: &Answers,
    wanted: Option<RowStatus>,
    limit: usize,
    most: u64,
) -> Result<(Vec<TaskRow>, Option<u64>), DatasetError> {
    let (names, _) = LabelColumns::default().beside(rows.header());
    let names: Vec<Arc<str>> = names.into_iter().map(Arc::from).collect();
    let (mut items, mut first) = (Vec::new(), None);
    while let Some(TextRow { row, key, .. }) = rows.next_row()? {
        let offset = row.offset();
        if items.len() >= limit || offset.saturating_sub(*first.get_or_insert(offset)) >= most {
            return Ok((items, Some(offset)));
        }
        let answer = answers.get(key);
        let status = match answer {
            _ if key == 0 => RowStatus::Skipped,
            Some(Answer::Ok { .. }) => RowStatus::Ok,
            Some(Answer::Failed { .. }) => RowStatus::Failed,
            None => RowStatus::Pending,
        };
        if wanted.is_some_and(|wanted| wanted != status) {
            continue;
        }
        let cells = names.iter().cloned().zip(row.cells().map(Into::into)).collect();
        let mut item = TaskRow {
            columns: Cells(cells),
            sentiment: None,
            priority: None,
            main_topic: None,
            enrichment_status: status,
            enrichment_error: (status == RowStatus::Skipped).then(|| EMPTY_TEXT.to_owned()),
        };
        match answer {
            Some(Answer::Ok { sentiment, priority, main_topic, note }) => {
                item.enrichment_error.clone_from(note);
                item.sentiment = Some(sentiment.clone());
                item.priority = Some(*priority);
                item.main_topic = Some(main_topic.clone());
            }
            Some(Answer::Failed { reason }) => item.enrichment_error = Some(reason.clone()),
            None => {}
        }
        items.push(item);
    }
    Ok((items, None))
}

/// The answers of a run by the key of their text. There are few different ones, so each is held once.
#[derive(Default)]
struct Answers {
    by_text: HashMap<u128, usize>,
    different: Vec<Answer>,
    places: HashMap<Answer, usize>,
}

impl Answers {
    async fn of(state: &State, job: &Job) -> Result<Self, JobError> {
        let mut answers = Self::default();
        let pages = state.engine.pages(job.uid, job.data.control.run);
        let mut pages = std::pin::pin!(pages);
        while let Some(page) = pages.try_next().await? {
            let PageAnswers { answers: found } = serde_json::from_value(page)?;
            for (key, answer) in found {
                if let Some(key) = key_of(&key) {
                    answers.add(key, answer);
                }
            }
        }
        Ok(answers)
    }

    /// Takes an answer in; it replaces an earlier one.
    fn add(&mut self, key: u128, answer: Answer) {
        let place = if let Some(place) = self.places.get(&answer) {
            *place
        } else {
            let place = self.different.len();
            self.different.push(answer.clone());
            self.places.insert(answer, place);
            place
        };
        self.by_text.insert(key, place);
    }

    fn get(&self, key: u128) -> Option<&Answer> {
        self.by_text.get(&key).and_then(|place| self.different.get(*place))
    }

    /// Whether there may be rows with such an answer.
    fn have(&self, wanted: Option<RowStatus>) -> bool {
        self.different.iter().any(|answer| match answer {
            Answer::Ok { .. } => wanted == Some(RowStatus::Ok),
            Answer::Failed { .. } => wanted == Some(RowStatus::Failed),
        })
    }
}

/// A place in this very version of the file.
fn cursor_of(offset: u64, version: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{offset} {version}"))
}

fn offset_of(cursor: &str, version: &str) -> Result<u64, Problem> {
    let text = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    let place = text.split_once(' ').and_then(|(offset, of)| Some((offset.parse().ok()?, of)));
    match place {
        Some((offset, of)) if of == version => Ok(offset),
        Some(_) => Err(Problem::field("/cursor", "the rows were written anew since; begin again without a cursor")),
        None => Err(Problem::field("/cursor", "the cursor was not made by this list")),
    }
}

fn unreadable(error: StorageError) -> Problem {
    if error.kind == StorageErrorKind::NotFound { gone() } else { Problem::unavailable("the object store", error) }
}

fn gone() -> Problem {
    Problem::new(ErrorCode::NotFound, "the task's rows are gone; its dataset was deleted")
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLEANED: &str = "id,sentiment,clean_text\n007,x,good\n008,,bad\n009,,\n010,,new\n011,,good\n";

    fn answers() -> Answers {
        let mut answers = Answers::default();
        let good = Answer::Ok { sentiment: "positive".into(), priority: 0, main_topic: "tv".into(), note: None };
        answers.add(dallosh_dataset::text_key("good"), Answer::Failed { reason: "first round".into() });
        answers.add(dallosh_dataset::text_key("good"), good);
        answers.add(dallosh_dataset::text_key("bad"), Answer::Failed { reason: "no usable answer".into() });
        answers
    }

    fn ids(items: &[TaskRow]) -> Vec<&str> {
        items.iter().map(|item| item.columns.0[0].1.as_str()).collect()
    }

    fn rows() -> TextRows<&'static [u8]> {
        TextRows::new(CLEANED.as_bytes(), CLEAN_TEXT).unwrap()
    }

    #[test]
    fn each_row_has_what_became_of_its_text_and_the_later_answer_counts() {
        let (items, next) = page(rows(), &answers(), None, 50, MOST_BYTES).unwrap();
        let found: Vec<_> = items.iter().map(|item| item.enrichment_status).collect();
        assert_eq!(
            (found, next),
            (vec![RowStatus::Ok, RowStatus::Failed, RowStatus::Skipped, RowStatus::Pending, RowStatus::Ok], None)
        );
        assert_eq!(
            serde_json::to_string(&items[0]).unwrap(),
            r#"{"id":"007","sentiment_original":"x","clean_text":"good","sentiment":"positive","priority":0,"main_topic":"tv","enrichment_status":"ok","enrichment_error":null}"#
        );
        assert_eq!(items[1].enrichment_error.as_deref(), Some("no usable answer"));
    }

    #[test]
    fn a_status_lists_its_rows_alone() {
        for (wanted, found) in [
            (RowStatus::Ok, vec!["007", "011"]),
            (RowStatus::Failed, vec!["008"]),
            (RowStatus::Skipped, vec!["009"]),
            (RowStatus::Pending, vec!["010"]),
        ] {
            let (items, _) = page(rows(), &answers(), Some(wanted), 50, MOST_BYTES).unwrap();
            assert_eq!(ids(&items), found, "{wanted:?}");
        }
    }

    #[test]
    fn pages_of_any_size_and_any_bound_of_bytes_make_up_the_whole_list() {
        for (limit, most) in [(1, MOST_BYTES), (2, MOST_BYTES), (50, 1), (2, 20)] {
            let (mut all, mut from) = (Vec::new(), 0);
            loop {
                let header = rows().header().clone();
                let rest = match from {
                    0 => rows(),
                    from => {
                        let behind = &CLEANED.as_bytes()[usize::try_from(from).unwrap()..];
                        TextRows::resume(behind, header, from, CLEAN_TEXT).unwrap()
                    }
                };
                let (items, next) = page(rest, &answers(), None, limit, most).unwrap();
                assert!(items.len() <= limit);
                all.extend(ids(&items).into_iter().map(str::to_owned));
                let Some(next) = next else { break };
                assert!(next > from, "no progress");
                from = next;
            }
            assert_eq!(all, ["007", "008", "009", "010", "011"], "{limit} rows, {most} bytes");
        }
    }

    #[test]
    fn a_cursor_is_good_for_the_version_of_the_file_that_it_was_made_for() {
        let cursor = cursor_of(4711, "a-b.c");
        assert_eq!(offset_of(&cursor, "a-b.c").unwrap(), 4711);
        for (cursor, version) in [(cursor.as_str(), "other"), ("4711", "a-b.c"), ("", ""), ("%%", "")] {
            assert_eq!(offset_of(cursor, version).unwrap_err().code, ErrorCode::Validation, "{cursor}");
        }
    }
}
