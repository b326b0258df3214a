use dallosh_dataset::{ColumnType, TableColumn};
use serde::{Deserialize, Serialize};

/// Names of the authors' handles, the usual one first.
const USERS: [&str; 3] = ["screen_name", "username", "author"];
/// Reactions that anybody can see, the parts of engagement.
const ENGAGEMENT: [&str; 4] = ["favorite_count", "retweet_count", "quote_count", "reply_count"];

/// The columns of a table that the figures need, each where there is one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Columns {
    /// The posts themselves.
    pub text: Option<String>,
    /// When they were written: `created_at`, else the first column of times.
    pub time: Option<String>,
    /// Who wrote them.
    pub user: Option<String>,
    /// What they are called.
    pub id: Option<String>,
    /// Which post they answer.
    pub reply: Option<String>,
    /// What readers did with them.
    pub engagement: Vec<String>,
    /// How often they were seen.
    pub reach: Option<String>,
}

impl Columns {
    /// Finds them by their names, without regard to case. `text` is the column of the posts.
    pub fn find(columns: &[TableColumn], text: Option<&str>) -> Self {
        let named = |name: &str| {
            let found = columns.iter().find(|column| column.source.trim().eq_ignore_ascii_case(name));
            found.map(|column| column.source.clone())
        };
        let first_time = || columns.iter().find(|column| column.column_type == ColumnType::Time);
        Self {
            text: text.filter(|text| columns.iter().any(|column| column.source == *text)).map(str::to_owned),
            time: named("created_at").or_else(|| first_time().map(|column| column.source.clone())),
            user: USERS.into_iter().find_map(named),
            id: named("id"),
            reply: named("in_reply_to"),
            engagement: ENGAGEMENT.into_iter().filter_map(named).collect(),
            reach: named("views_count"),
        }
    }

    /// All that have to be read to build an index.
    pub fn names(&self) -> Vec<&str> {
        let Self { text: _, time, user, id, reply, engagement, reach } = self;
        let found = [time, user, id, reply, reach].into_iter().flatten().chain(engagement).map(String::as_str);
        found.chain(["enrichment_status", "sentiment", "priority", "main_topic"]).collect()
    }
}
