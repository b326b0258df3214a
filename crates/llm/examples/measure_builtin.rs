//! Measures the offline classifier against labelled posts.
//!
//! `cargo run --release -p dallosh-llm --example measure_builtin -- POSTS.csv LABELS.csv`
//!
//! The posts have the columns `id` and `full_text`; the labels `id`, `sentiment`, `priority` and `main_topic`, in the
//! same order.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs::File;
use std::io::{Read, Write};
use std::time::{Duration, Instant};

use dallosh_llm::{Builtin, Label, Provider, TOPICS, check, labelling_request};

const PAGE: usize = 500;

/// One column's wanted and given words.
type Pairs = Vec<(String, String)>;

struct Post {
    id: String,
    text: String,
}

struct Truth {
    id: String,
    words: [String; 3],
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut paths = std::env::args().skip(1);
    let (Some(posts), Some(labels)) = (paths.next(), paths.next()) else {
        return Err("usage: measure_builtin POSTS.csv LABELS.csv".into());
    };
    let posts = read(&posts, ["id", "full_text"])?.map(|[id, text]| Post { id, text }).collect::<Vec<_>>();
    let truths = read(&labels, ["id", "sentiment", "priority", "main_topic"])?
        .map(|[id, sentiment, priority, topic]| Truth { id, words: [sentiment, priority, topic] })
        .collect::<Vec<_>>();
    if posts.len() != truths.len() || posts.iter().zip(&truths).any(|(post, truth)| post.id != truth.id) {
        return Err("posts and labels have different ids".into());
    }

    let (given, took) = label(&posts).await?;
    let mut columns: [Pairs; 3] = Default::default();
    for (truth, label) in truths.into_iter().zip(given) {
        let Some(label) = label else { continue };
        let answers = [label.sentiment.to_string(), label.priority.to_string(), label.main_topic];
        for ((column, wanted), answer) in columns.iter_mut().zip(truth.words).zip(answers) {
            column.push((wanted, answer));
        }
    }
    let mut out = std::io::stdout().lock();
    let labelled = columns.first().map_or(0, Vec::len);
    writeln!(
        out,
        "{labelled} of {} texts labelled, {:.0} texts/s on one core, request and check included",
        posts.len(),
        count(posts.len()) / took.as_secs_f64()
    )?;
    for (name, pairs) in ["sentiment", "priority", "main_topic"].into_iter().zip(&columns) {
        report(&mut out, name, pairs)?;
    }
    Ok(())
}

fn read<const N: usize>(
    path: &str,
    names: [&str; N],
) -> Result<impl Iterator<Item = [String; N]> + use<N>, Box<dyn Error>> {
    let mut bytes = Vec::new();
    File::open(path)?.read_to_end(&mut bytes)?;
    let mut reader = csv::Reader::from_reader(bytes.as_slice());
    let headers = reader.headers()?.clone();
    let mut places = [0; N];
    for (place, name) in places.iter_mut().zip(names) {
        *place =
            headers.iter().position(|header| header == name).ok_or_else(|| format!("{path} has no column {name}"))?;
    }
    let records = reader.records().collect::<Result<Vec<_>, _>>()?;
    Ok(records.into_iter().map(move |record| places.map(|place| record.get(place).unwrap_or_default().to_owned())))
}

async fn label(posts: &[Post]) -> Result<(Vec<Option<Label>>, Duration), Box<dyn Error>> {
    let topics = TOPICS.map(str::to_owned);
    let started = Instant::now();
    let mut labels = Vec::with_capacity(posts.len());
    for page in posts.chunks(PAGE) {
        let texts: Vec<(u32, &str)> = (0..).zip(page).map(|(id, post)| (id, post.text.as_str())).collect();
        let ids: Vec<u32> = texts.iter().map(|(id, _)| *id).collect();
        let completion = Builtin.complete(&labelling_request(&texts, &topics)).await?;
        let mut checked = check(&completion, &ids)?;
        labels.extend(ids.iter().map(|id| checked.labels.remove(id)));
    }
    Ok((labels, started.elapsed()))
}

fn report(out: &mut impl Write, name: &str, pairs: &Pairs) -> std::io::Result<()> {
    let words: BTreeSet<&str> = pairs.iter().flat_map(|(wanted, given)| [wanted.as_str(), given.as_str()]).collect();
    let mut cells: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for (wanted, given) in pairs {
        *cells.entry((wanted, given)).or_default() += 1;
    }
    let cell = |wanted: &str, given: &str| cells.get(&(wanted, given)).copied().unwrap_or(0);
    let right: usize = words.iter().map(|word| cell(word, word)).sum();
    let mut f1_sum = 0.0;
    let mut rows = Vec::new();
    for word in &words {
        let hits = count(cell(word, word));
        let given = count(words.iter().map(|wanted| cell(wanted, word)).sum());
        let wanted = count(words.iter().map(|given| cell(word, given)).sum());
        let f1 = if hits > 0.0 { 2.0 * hits / (given + wanted) } else { 0.0 };
        f1_sum += f1;
        let row: Vec<String> = words.iter().map(|given| format!("{:>7}", cell(word, given))).collect();
        rows.push(format!("{word:>15} {}   F1 {f1:.3}", row.concat()));
    }
    writeln!(
        out,
        "\n{name}: accuracy {:.3}, macro-F1 {:.3}",
        count(right) / count(pairs.len()),
        f1_sum / count(words.len())
    )?;
    let heads: Vec<String> =
        words.iter().map(|word| format!("{:>7}", word.chars().take(6).collect::<String>())).collect();
    writeln!(out, "{:>15} {}", "wanted \\ given", heads.concat())?;
    rows.iter().try_for_each(|row| writeln!(out, "{row}"))
}

fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::INFINITY, f64::from)
}
