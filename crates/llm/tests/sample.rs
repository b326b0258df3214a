//! The shipped sample through the offline model: the first thing a new installation does.

use std::collections::BTreeMap;
use std::path::Path;

use dallosh_llm::{Builtin, Provider, RowProblem, TOPICS, check, labelling_request};

const COLUMNS: [&str; 22] = [
    "id",
    "created_at",
    "full_text",
    "media",
    "screen_name",
    "name",
    "profile_image_url",
    "user_id",
    "in_reply_to",
    "retweeted_status",
    "quoted_status",
    "media_tags",
    "favorite_count",
    "retweet_count",
    "bookmark_count",
    "quote_count",
    "reply_count",
    "views_count",
    "favorited",
    "retweeted",
    "bookmarked",
    "url",
];

fn rows(name: &str) -> csv::Result<Vec<csv::StringRecord>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples").join(name);
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_path(path)?;
    reader.records().collect()
}

#[test]
fn the_sample_has_the_columns_of_an_export_and_a_label_for_every_row() {
    let (posts, labels) = (rows("posts.csv").unwrap(), rows("labels.csv").unwrap());
    assert_eq!(posts[0].iter().collect::<Vec<_>>(), COLUMNS);
    assert_eq!(posts.len(), 361);
    assert!(posts.iter().map(|post| &post[0]).eq(labels.iter().map(|label| &label[0])));
}

#[tokio::test]
async fn the_offline_model_labels_every_post_of_the_sample_that_has_words() {
    let posts = rows("posts.csv").unwrap();
    let texts: Vec<(u32, &str)> = (0..).zip(posts.iter().skip(1)).map(|(id, post)| (id, &post[2])).collect();
    let ids: Vec<u32> = texts.iter().map(|(id, _)| *id).collect();
    let topics = TOPICS.map(str::to_owned);
    let completion = Builtin.complete(&labelling_request(&texts, &topics)).await.unwrap();
    let mut checked = check(&completion, &ids).unwrap();
    checked.restrict_topics(&topics);
    let empty = texts.iter().filter(|(_, text)| text.is_empty()).map(|(id, _)| (*id, RowProblem::Missing));
    assert_eq!(checked.problems, empty.collect::<BTreeMap<_, _>>());

    let labels = rows("labels.csv").unwrap();
    let mut right = [0; 3];
    for (id, label) in &checked.labels {
        let wanted = &labels[usize::try_from(*id).unwrap() + 1];
        right[0] += usize::from(label.sentiment.as_str() == &wanted[1]);
        right[1] += usize::from(label.priority.to_string() == wanted[2]);
        right[2] += usize::from(label.main_topic == wanted[3]);
    }
    // A word list that gets worse shows here; the figures themselves are in the crate's README.
    assert!(right.iter().all(|right| right * 10 >= checked.labels.len() * 9), "{right:?} of {}", checked.labels.len());
}
