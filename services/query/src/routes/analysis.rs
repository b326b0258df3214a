use actix_web::{HttpResponse, get, web};
use dallosh_analysis::{Kpis, Series, Spike, Unavailable};
use dallosh_contracts::{Links, Permission};
use dallosh_primitives::Uid;
use dallosh_service_kit::{Caller, Problem};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    dataset::PostRow,
    request::{AnalysisFilters, AnalysisParams, Question},
    state::State,
    workflow,
};

/// The chart series, and the posts that matter most.
#[derive(Serialize, ToSchema)]
struct SeriesView {
    #[serde(flatten)]
    series: Series,
    /// The ten most critical posts, of those that have high priority or are negative: high priority first, then negative
    /// ones, then engagement. Column to the exact text of the cell.
    #[schema(value_type = Vec<std::collections::BTreeMap<String, String>>)]
    critical_posts: Vec<PostRow>,
}

/// Every figure and chart series of a dataset. Definitions are in docs/kpis.md.
#[derive(Serialize, ToSchema)]
#[schema(as = Analysis)]
pub struct AnalysisView {
    /// The dataset.
    file_id: Uid,
    /// The filters, as they were understood.
    filters: AnalysisFilters,
    /// The figures.
    kpis: Kpis,
    /// The chart series.
    series: SeriesView,
    /// Topics that came up far more often on a day than on the same weekday of the weeks before, the highest score first.
    spikes: Vec<Spike>,
    /// Figures and series that the dataset does not allow.
    unavailable: Vec<Unavailable>,
    /// `self` and `posts`.
    #[serde(rename = "_links")]
    links: Links,
}

impl AnalysisView {
    pub fn new(
        file_id: Uid,
        filters: AnalysisFilters,
        kpis: Kpis,
        series: Series,
        critical_posts: Vec<PostRow>,
        spikes: Vec<Spike>,
        unavailable: Vec<Unavailable>,
    ) -> Self {
        let own = format!("/v1/analysis/{file_id}");
        let links = Links::from([
            ("posts".to_owned(), format!("{own}/posts")),
            ("file".to_owned(), format!("/v1/files/{file_id}")),
            ("self".to_owned(), own),
        ]);
        Self { file_id, filters, kpis, series: SeriesView { series, critical_posts }, spikes, unavailable, links }
    }
}

/// Analyse a dataset
///
/// Every figure and chart series in one answer, computed on the server. `from` is inclusive, `to` exclusive; days and
/// hours are those of `tz`. Shares are of labelled posts and not rounded; a share of nothing is `null`. Needs
/// `read_datasets`; a dataset that was never analysed is 409 `not_analysed`.
#[utoipa::path(
    tag = "analysis",
    operation_id = "get_analysis",
    params(("file_id" = Uid, Path, description = "The dataset"), AnalysisParams),
    responses((status = 200, description = "All figures and series", body = AnalysisView))
)]
#[get("/v1/analysis/{file_id}")]
pub async fn get_analysis(
    state: web::Data<State>,
    caller: Caller,
    file_id: web::Path<Uid>,
    params: web::Query<AnalysisParams>,
) -> Result<HttpResponse, Problem> {
    caller.require(Permission::ReadDatasets)?;
    let question = Question::of(&state, params.into_inner()).await?;
    let answer = workflow::analysis(&state, &caller, *file_id, question).await?;
    Ok(HttpResponse::Ok().content_type("application/json").body(answer))
}
