//! What is done for a request: the dataset is opened in the caller's name, searched when a text is asked for, and
//! computed on the blocking pool.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use bytes::Bytes;
use dallosh_analysis::{Analysis, PostOrder, RowSet, analyse, page};
use dallosh_primitives::{Limit, Uid};
use dallosh_service_kit::{Caller, Problem};

use crate::{
    dataset::{self, Dataset, PostRow},
    request::Question,
    routes::analysis::AnalysisView,
    state::{State, Version, on_pool},
};

/// The whole answer as JSON; the same question about the same result is computed once.
pub async fn analysis(state: &State, caller: &Caller, file: Uid, question: Question) -> Result<Bytes, Problem> {
    let dataset = dataset::open(state, caller, file).await?;
    check_columns(&dataset, &question)?;
    let filters = question.filters();
    let asked = serde_json::to_string(&filters).map_err(Problem::internal)?;
    let compute = async {
        let rows = search(state, &dataset, &question).await?;
        let (index, Question { filter, zone, .. }) = (dataset.index.clone(), question);
        let found = on_pool(&state.pieces, move || Ok(analyse(&index, &filter, rows.as_deref(), &zone))).await?;
        let Analysis { kpis, series, spikes, critical, unavailable } = found;
        let critical_posts = dataset::critical(state, &dataset, critical).await?;
        let view = AnalysisView::new(file, filters, kpis, series, critical_posts, spikes, unavailable);
        Ok(Bytes::from(serde_json::to_vec(&view).map_err(Problem::internal)?))
    };
    let answer = state.answers.try_get_with((dataset.version.clone(), asked), compute).await;
    answer.map_err(|problem: Arc<Problem>| (*problem).clone())
}

/// One page of posts.
pub struct PostPage {
    pub items: Vec<PostRow>,
    pub total: u64,
    pub next_cursor: Option<String>,
}

/// The posts behind a figure.
pub async fn posts(
    state: &State,
    caller: &Caller,
    file: Uid,
    question: Question,
    order: PostOrder,
    limit: Limit,
    cursor: Option<String>,
) -> Result<PostPage, Problem> {
    let dataset = dataset::open(state, caller, file).await?;
    check_columns(&dataset, &question)?;
    let cursors = Cursors::new(&dataset.version, &question, order);
    let offset = match cursor {
        Some(cursor) => cursors.read(&cursor)?,
        None => 0,
    };
    let rows = search(state, &dataset, &question).await?;
    let (index, Question { filter, zone, .. }) = (dataset.index.clone(), question);
    let listed = move || Ok(page(&index, &filter, rows.as_deref(), &zone, order, offset, limit.get()));
    let (total, rows) = on_pool(&state.pieces, listed).await?;
    let end = offset + rows.len();
    let items = dataset::rows(state, file, rows, |_| true).await?;
    let total = u64::try_from(total).unwrap_or(u64::MAX);
    let next_cursor = (u64::try_from(end).is_ok_and(|end| end < total)).then(|| cursors.write(end));
    Ok(PostPage { items, total, next_cursor })
}

async fn search(state: &State, dataset: &Dataset, question: &Question) -> Result<Option<Arc<RowSet>>, Problem> {
    match &question.q {
        Some(text) => Ok(Some(dataset::search(state, dataset, text).await?)),
        None => Ok(None),
    }
}

/// Refuses a filter on something that the dataset does not have: nothing would match, which says nothing.
fn check_columns(dataset: &Dataset, question: &Question) -> Result<(), Problem> {
    let (columns, filter) = (dataset.index.columns(), &question.filter);
    let times = [
        (filter.from.is_some(), "/from"),
        (filter.to.is_some(), "/to"),
        (filter.weekday.is_some(), "/weekday"),
        (filter.hour.is_some(), "/hour"),
    ];
    for (asked, pointer) in times {
        if asked && columns.time.is_none() {
            return Err(Problem::field(pointer, "the dataset has no column of times"));
        }
    }
    if filter.user.is_some() && columns.user.is_none() {
        return Err(Problem::field("/user", "the dataset has no column of authors"));
    }
    if filter.answered.is_some() && !dataset.index.tells_answers() {
        return Err(Problem::field("/answered", "no post of the dataset answers one of another author"));
    }
    Ok(())
}

/// Cursors of one list: places in it, good for the same question about the same result.
struct Cursors(u64);

impl Cursors {
    fn new(version: &Version, question: &Question, order: PostOrder) -> Self {
        let mut hash = DefaultHasher::new();
        version.hash(&mut hash);
        format!("{:?} {:?} {} {order:?}", question.filter, question.q, question.zone.name()).hash(&mut hash);
        Self(hash.finish())
    }

    fn write(&self, offset: usize) -> String {
        format!("{:016x}{offset:x}", self.0)
    }

    fn read(&self, cursor: &str) -> Result<usize, Problem> {
        let place = cursor.strip_prefix(&format!("{:016x}", self.0));
        place.and_then(|place| usize::from_str_radix(place, 16).ok()).ok_or_else(|| {
            Problem::field("/cursor", "not a cursor of this list, or the dataset was analysed again since; begin anew")
        })
    }
}
