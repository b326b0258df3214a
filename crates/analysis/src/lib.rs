//! What is counted of labelled posts: an index with one small record a post, written beside the table, and the figures
//! that are computed from it for any filter and time zone.
//!
//! Pure: no storage, no clock, no HTTP. Deliberately not here: the texts, which stay in the table. What each figure
//! means is in `docs/kpis.md`.

mod answer;
mod columns;
mod filter;
mod index;
mod over_time;
mod page;
mod post;
mod posts;
mod spikes;
mod zone;

pub use answer::{
    Analysis, EngagementOfSentiment, Kpis, PostsOfHour, PostsOfPriority, PostsOfPriorityAndSentiment, PostsOfSentiment,
    PostsOfTopic, PostsOfTopicAndSentiment, PostsOfUser, Series, Unavailable, analyse,
};
pub use columns::Columns;
pub use filter::{Filter, RowSet};
pub use index::{Index, IndexBuilder, IndexError, Totals};
pub use over_time::{Granularity, Point, SentimentOverTime};
pub use page::{PostOrder, page};
pub use post::{Outcome, Sentiment};
pub use spikes::Spike;
pub use zone::Zone;
