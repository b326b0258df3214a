use actix_web::{HttpRequest, get, web};
use dallosh_contracts::{Links, Permission};
use dallosh_primitives::{Limit, Uid};
use dallosh_service_kit::{Caller, Problem};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    dataset::PostRow,
    request::{AnalysisParams, Question, order_of},
    state::State,
    workflow,
};

/// Which posts, and how they are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct PostParams {
    /// From then on: a time with an offset, or a day or local time in `tz`.
    from: Option<String>,
    /// Before then.
    to: Option<String>,
    /// `negative`, `neutral` or `positive`.
    sentiment: Option<String>,
    /// 0, 1 or 2, which is high.
    priority: Option<String>,
    /// Exactly this topic.
    topic: Option<String>,
    /// Posts that contain this text, without regard to case.
    q: Option<String>,
    /// Posts of the author with exactly this handle.
    user: Option<String>,
    /// Posts written on this day of the week in `tz`: 1 is Monday, 7 is Sunday.
    weekday: Option<String>,
    /// Posts written in this hour of the day in `tz`: 0 to 23.
    hour: Option<String>,
    /// What became of the post: `labelled`, `failed` or `skipped`.
    outcome: Option<String>,
    /// `true`: posts that another author of the dataset answered; `false`: the others.
    answered: Option<String>,
    /// The zone of days and hours, by its IANA name; the settings' own when absent.
    tz: Option<String>,
    /// `-created_at` unless asked, `created_at`, `-engagement`, `-reach`, `-critical` or `row`.
    #[param(example = "-engagement")]
    sort: Option<String>,
    /// How many, 1 to 200; 50 unless asked. Coerced, never refused.
    #[param(value_type = Option<i64>, example = 50)]
    limit: Option<Limit>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// One page of posts.
#[derive(Serialize, ToSchema)]
struct AnalysisPosts {
    /// Each post as an object: column to the exact text of the cell, in the order of the analysed file.
    #[schema(value_type = Vec<std::collections::BTreeMap<String, String>>, example = json!([{"id": "1845708627245756323", "full_text": "No network since this morning", "sentiment": "negative"}]))]
    items: Vec<PostRow>,
    /// Posts that match, on all pages.
    total: u64,
    /// Opaque; send it back as `cursor` for the next page. `null` on the last one.
    next_cursor: Option<String>,
    /// `self` and, when there is one, `next`.
    #[serde(rename = "_links")]
    links: Links,
}

/// List the posts behind a figure
///
/// Takes the filters of the analysis: `total` is the figure. Needs `read_datasets`.
#[utoipa::path(
    tag = "analysis",
    operation_id = "list_analysis_posts",
    params(("file_id" = Uid, Path, description = "The dataset"), PostParams),
    responses((status = 200, description = "One page of posts", body = AnalysisPosts))
)]
#[get("/v1/analysis/{file_id}/posts")]
pub async fn list_analysis_posts(
    state: web::Data<State>,
    caller: Caller,
    request: HttpRequest,
    file_id: web::Path<Uid>,
    params: web::Query<PostParams>,
) -> Result<web::Json<AnalysisPosts>, Problem> {
    caller.require(Permission::ReadDatasets)?;
    let PostParams {
        from,
        to,
        sentiment,
        priority,
        topic,
        q,
        user,
        weekday,
        hour,
        outcome,
        answered,
        tz,
        sort,
        limit,
        cursor,
    } = params.into_inner();
    let filters =
        AnalysisParams { from, to, sentiment, priority, topic, q, user, weekday, hour, outcome, answered, tz };
    let question = Question::of(&state, filters).await?;
    let order = order_of(sort)?;
    let page = workflow::posts(&state, &caller, *file_id, question, order, limit.unwrap_or_default(), cursor).await?;
    let workflow::PostPage { items, total, next_cursor } = page;
    let mut links = Links::from([("self".to_owned(), request.uri().to_string())]);
    if let Some(next) = &next_cursor {
        let others = request.query_string().split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("cursor="));
        let query: Vec<_> = others.map(str::to_owned).chain([format!("cursor={next}")]).collect();
        links.insert("next".to_owned(), format!("{}?{}", request.path(), query.join("&")));
    }
    Ok(web::Json(AnalysisPosts { items, total, next_cursor, links }))
}
