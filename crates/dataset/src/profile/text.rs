use std::collections::BTreeMap;

use hashbrown::HashMap;
use xxhash_rust::xxh3::xxh3_64;

use super::{
    Distinct,
    distinct::DistinctValues,
    histogram::{HistogramBin, NumberHistogram},
};
use crate::text::{clean_text_into, text_key};

/// Different texts that are counted exactly.
const EXACT: usize = 65_536;
/// Texts of which the language is told.
const SAMPLE: usize = 2_000;
/// Letters without which a text does not tell its language.
const LETTERS: usize = 8;
/// Characters of them that are read for it.
const READ: usize = 300;
/// Characters that make a token, about.
const CHARACTERS_A_TOKEN: u64 = 4;

/// Tokens that a text of so many characters comes to, about.
pub fn estimated_tokens(characters: u64) -> u64 {
    characters.div_ceil(CHARACTERS_A_TOKEN)
}

/// What the column of the posts holds. A text here is what cleaning leaves of a cell.
#[derive(Clone, PartialEq, Debug)]
pub struct TextProfile {
    /// The column.
    pub column: String,
    /// Rows in which nothing is left.
    pub empty: u64,
    /// Different texts, without regard to case, blanks, punctuation and the handles at the beginning.
    pub unique: Distinct,
    /// Tokens of all the texts together, about.
    pub estimated_tokens: u64,
    /// Texts by their characters.
    pub lengths: Vec<HistogramBin>,
    /// Texts of a random sample by language, the most frequent first.
    pub languages: Vec<LanguageShare>,
    /// Texts of the sample.
    pub sampled: u64,
}

/// A language and how many texts of the sample are in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LanguageShare {
    /// ISO 639-3, the nearest of the 16 that are known, or `und` when there are too few letters to tell.
    pub language: &'static str,
    /// Texts.
    pub texts: u64,
}

/// Gathers a [`TextProfile`] row by row.
pub(super) struct Texts {
    index: usize,
    clean: String,
    rows: u64,
    empty: u64,
    characters: u64,
    unique: DistinctValues,
    lengths: NumberHistogram,
    /// The texts of the rows whose numbers have the smallest hashes: any row is as likely as any other.
    sample: BTreeMap<u64, Box<str>>,
}

impl Texts {
    pub fn new(index: usize) -> Self {
        Self {
            index,
            clean: String::new(),
            rows: 0,
            empty: 0,
            characters: 0,
            unique: DistinctValues::new(EXACT),
            lengths: NumberHistogram::default(),
            sample: BTreeMap::new(),
        }
    }

    pub fn add(&mut self, row: &crate::Row<'_>) {
        clean_text_into(&row.get(self.index).unwrap_or_default(), &mut self.clean);
        self.rows += 1;
        let key = text_key(&self.clean);
        if key == 0 {
            self.empty += 1;
            return;
        }
        let characters = u32::try_from(self.clean.chars().count()).unwrap_or(u32::MAX);
        self.characters += u64::from(characters);
        self.lengths.add(f64::from(characters));
        self.unique.add(xxh3_64(&key.to_le_bytes()));
        let drawn = xxh3_64(&self.rows.to_le_bytes());
        if self.sample.len() < SAMPLE || self.sample.last_key_value().is_some_and(|(last, _)| drawn < *last) {
            let end = self.clean.char_indices().nth(READ).map_or(self.clean.len(), |(end, _)| end);
            self.sample.insert(drawn, self.clean.get(..end).unwrap_or_default().into());
            if self.sample.len() > SAMPLE {
                self.sample.pop_last();
            }
        }
    }

    pub fn finish(self, column: String) -> TextProfile {
        let mut found = HashMap::<&'static str, u64>::new();
        for text in self.sample.values() {
            let tells = text.chars().filter(|sign| sign.is_alphabetic()).nth(LETTERS - 1).is_some();
            let language = if tells { whichlang::detect_language(text).three_letter_code() } else { "und" };
            *found.entry(language).or_default() += 1;
        }
        let mut languages: Vec<_> =
            found.into_iter().map(|(language, texts)| LanguageShare { language, texts }).collect();
        languages.sort_unstable_by(|a, b| b.texts.cmp(&a.texts).then_with(|| a.language.cmp(b.language)));
        TextProfile {
            column,
            empty: self.empty,
            unique: self.unique.finish(),
            estimated_tokens: estimated_tokens(self.characters),
            lengths: self.lengths.finish(true),
            languages,
            sampled: u64::try_from(self.sample.len()).unwrap_or(u64::MAX),
        }
    }
}
