use crate::{Filter, Index, RowSet, Zone, filter::Selector, post::Post};

/// The orders in which posts are listed; equal ones in the order of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PostOrder {
    /// Latest first, posts without a time last.
    Newest,
    /// Earliest first, posts without a time last.
    Oldest,
    /// Most engagement first.
    Engagement,
    /// Seen most first.
    Reach,
    /// High priority first, then negative ones, then engagement; posts without a label last.
    Critical,
    /// As in the table.
    Row,
}

impl PostOrder {
    /// Smaller comes first.
    fn key(self, post: &Post) -> i64 {
        let largest_first = |count: Option<u64>| {
            count.map_or(i64::MAX, |count| i64::try_from(count).unwrap_or(i64::MAX).saturating_neg())
        };
        match self {
            Self::Newest => post.at().map_or(i64::MAX, i64::saturating_neg),
            Self::Oldest => post.at().unwrap_or(i64::MAX),
            Self::Engagement => largest_first(post.engagement()),
            Self::Reach => largest_first(post.reach()),
            Self::Critical => post.criticality().map_or(i64::MAX, i64::saturating_neg),
            Self::Row => 0,
        }
    }
}

/// How many posts match in the hours of `zone`, and the rows of one page of them.
pub fn page(
    index: &Index,
    filter: &Filter,
    rows: Option<&RowSet>,
    zone: &Zone,
    order: PostOrder,
    offset: usize,
    limit: usize,
) -> (usize, Vec<u64>) {
    let selector = Selector::new(index, filter, rows);
    let mut found = Vec::new();
    for (_, places) in selector.hours(&index.posts, selector.places(), &mut index.clock(zone)) {
        let posts = index.posts.at(places).filter(|post| selector.takes(post));
        found.extend(posts.map(|post| (order.key(&post), post.row)));
    }
    let total = found.len();
    let end = offset.saturating_add(limit).min(total);
    if end < total {
        found.select_nth_unstable(end);
        found.truncate(end);
    }
    found.sort_unstable();
    (total, found.into_iter().skip(offset).map(|(_, row)| u64::from(row)).collect())
}
