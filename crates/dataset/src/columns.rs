//! Names of columns: made unique, looked up, and guessed to be the text or the id.

use hashbrown::HashSet;

use crate::DatasetError;

/// The columns of a file, each with a name of its own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Header {
    names: Vec<String>,
    /// Names that came more than once.
    repeated: Vec<String>,
    warnings: Vec<String>,
}

impl Header {
    /// Names from the first row: a repeated name becomes `name_2`, an empty one `column_7`.
    pub(crate) fn from_cells<'a>(cells: impl Iterator<Item = &'a str>) -> Self {
        let mut seen = HashSet::new();
        let (mut names, mut repeated, mut warnings) = (Vec::new(), Vec::new(), Vec::new());
        for (index, cell) in cells.enumerate() {
            let name = if cell.trim().is_empty() {
                let name = unused(&seen, &format!("column_{}", index + 1));
                warnings.push(format!("column {} has no name and is called {name:?}", index + 1));
                name
            } else {
                let name = unused(&seen, cell);
                if name != cell {
                    repeated.push(cell.to_owned());
                    warnings.push(format!("column {} is called {name:?}, as {cell:?} is there already", index + 1));
                }
                name
            };
            seen.insert(name.clone());
            names.push(name);
        }
        Self { names, repeated, warnings }
    }

    /// Names `column_1`, `column_2`, … for a file without a header.
    pub(crate) fn generated(columns: usize) -> Self {
        Self {
            names: (1..=columns).map(|number| format!("column_{number}")).collect(),
            repeated: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// The names in order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// What had to be changed, in words for a person.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Whether more than one column was given this name.
    pub(crate) fn repeats(&self, name: &str) -> bool {
        self.repeated.iter().any(|repeated| repeated == name)
    }

    /// Number of columns.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are no columns, which no readable file has.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Place of a column.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|candidate| candidate == name)
    }

    /// Place of a column that has to be there.
    pub fn get(&self, name: &str) -> Result<usize, DatasetError> {
        self.find(name)
            .ok_or_else(|| DatasetError::MissingColumn { name: name.to_owned(), nearest: nearest(name, &self.names) })
    }

    /// The names, with `<name>_original` for those that are about to be added.
    pub(crate) fn beside(&self, added: &[&str]) -> (Vec<String>, Vec<String>) {
        let mut seen: HashSet<String> =
            self.names.iter().cloned().chain(added.iter().map(|&name| name.to_owned())).collect();
        let mut warnings = Vec::new();
        let names = self.names.iter().map(|name| {
            if !added.contains(&name.as_str()) {
                return name.clone();
            }
            let kept = unused(&seen, &format!("{name}_original"));
            seen.insert(kept.clone());
            warnings.push(format!("column {name:?} was there already and is kept as {kept:?}"));
            kept
        });
        (names.collect(), warnings)
    }
}

/// `wanted`, or `wanted_2`, `wanted_3`, … when it is taken.
fn unused(seen: &HashSet<String>, wanted: &str) -> String {
    let mut name = wanted.to_owned();
    let mut number = 2_u32;
    while seen.contains(&name) {
        name = format!("{wanted}_{number}");
        number += 1;
    }
    name
}

/// At most three names, by edit distance without regard to case.
fn nearest(name: &str, names: &[String]) -> Vec<String> {
    let name = name.to_lowercase();
    let mut ranked: Vec<(usize, &String)> =
        names.iter().map(|candidate| (edits(&name, &candidate.trim().to_lowercase()), candidate)).collect();
    ranked.sort_by_key(|&(edits, _)| edits);
    ranked.into_iter().take(3).map(|(_, candidate)| candidate.clone()).collect()
}

fn edits(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.chars().count()).collect();
    for (line, a) in left.chars().enumerate() {
        let (mut diagonal, mut last) = (line, line + 1);
        for (cell, b) in row.iter_mut().skip(1).zip(right.chars()) {
            let cost = (diagonal + usize::from(a != b)).min(last + 1).min(*cell + 1);
            diagonal = *cell;
            *cell = cost;
            last = cost;
        }
        if let Some(first) = row.first_mut() {
            *first = line + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

/// Names of text columns, the surest first.
const TEXT_NAMES: [&str; 32] = [
    "full_text",
    "text",
    "tweet_text",
    "tweet",
    "post_text",
    "message",
    "content",
    "contenu",
    "texte",
    "body",
    "comment",
    "comments",
    "commentaire",
    "commentaires",
    "review",
    "review_text",
    "avis",
    "verbatim",
    "feedback",
    "post",
    "publication",
    "description",
    "caption",
    "reponse",
    "answer",
    "question",
    "utterance",
    "sentence",
    "phrase",
    "snippet",
    "corps",
    "remarque",
];

/// Names of the column that tells rows apart.
const ID_NAMES: [&str; 10] =
    ["id", "id_str", "tweet_id", "status_id", "post_id", "message_id", "comment_id", "review_id", "uuid", "uid"];

/// How a name is compared: without case, accents of French, blanks and dashes.
pub(crate) fn plain_name(name: &str) -> String {
    let letters = name.trim().chars().flat_map(char::to_lowercase).map(|letter| match letter {
        'é' | 'è' | 'ê' => 'e',
        'à' | 'â' => 'a',
        ' ' | '-' | '.' => '_',
        other => other,
    });
    letters.collect()
}

/// Place of the name that comes first in a list of known ones.
fn known(names: &[String], known: &[&str]) -> Option<usize> {
    let plain: Vec<String> = names.iter().map(|name| plain_name(name)).collect();
    known.iter().find_map(|wanted| plain.iter().position(|name| name == wanted))
}

/// The id column by its name.
pub(crate) fn id_by_name(names: &[String]) -> Option<usize> {
    known(names, &ID_NAMES)
}

/// Whether a column holds ids, by its name: such a column is never a number.
pub(crate) fn is_id_name(name: &str) -> bool {
    let plain = plain_name(name);
    plain.ends_with("_id") || plain.ends_with("_id_str") || ID_NAMES.contains(&&*plain)
}

/// What the first rows say about the contents of one column.
#[derive(Clone, Default, Debug)]
pub(crate) struct ColumnSample {
    filled: u64,
    characters: u64,
    blanks: u64,
    spoken: u64,
}

impl ColumnSample {
    pub(crate) fn add(&mut self, cell: &str) {
        if cell.trim().is_empty() {
            return;
        }
        let blanks = cell.bytes().filter(|byte| *byte == b' ').count() as u64;
        self.filled += 1;
        self.characters += cell.chars().count() as u64;
        self.blanks += blanks;
        self.spoken += u64::from(blanks >= 2 && !cell.starts_with("http") && !cell.starts_with(['[', '{']));
    }

    /// Mean characters of the cells that read like prose, or nothing when most don't.
    fn prose(&self) -> Option<u64> {
        let mean = self.characters.checked_div(self.filled)?;
        let spoken = self.spoken * 2 > self.filled && self.blanks * 20 > self.characters;
        (spoken && mean >= 15).then_some(mean)
    }
}

/// The text column: by name, else the one column of prose that stands out.
pub(crate) fn text_column(names: &[String], samples: &[ColumnSample]) -> Option<usize> {
    let text_names = |index: usize| {
        samples.get(index).is_none_or(|sample| sample.filled == 0 || sample.characters > sample.filled * 2)
    };
    if let Some(index) = known(names, &TEXT_NAMES).filter(|&index| text_names(index)) {
        return Some(index);
    }
    if names.len() == 1 {
        return Some(0).filter(|_| samples.first().is_some_and(|sample| sample.prose().is_some()));
    }
    let mut prose: Vec<(u64, usize)> =
        samples.iter().enumerate().filter_map(|(index, sample)| sample.prose().map(|mean| (mean, index))).collect();
    prose.sort_unstable_by(|left, right| right.cmp(left));
    match prose.as_slice() {
        [(_, index)] => Some(*index),
        // Two columns of prose are told apart only when one is clearly the longer.
        [(longest, index), (second, _), ..] if *longest >= second * 2 => Some(*index),
        _ => None,
    }
}
