use hashbrown::HashMap;

/// Characters of a value that are kept to show it.
const SHOWN: usize = 120;
/// How many values are told.
const TOLD: usize = 10;

/// A value and how often it stands in a column.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FrequentValue {
    /// The cell, cut at 120 characters.
    pub value: String,
    /// How many cells hold it, or the least number of them when there are too many different values to count each.
    pub count: u64,
}

/// Counts values in bounded memory (Misra-Gries): exactly while they are few; beyond, every value that more than one cell
/// in `most` holds is still there, with a count that is at most `missed` too low.
pub(crate) struct FrequentValues {
    most: usize,
    counts: HashMap<u64, (u64, Box<str>)>,
    missed: u64,
}

impl FrequentValues {
    pub fn new(most: usize) -> Self {
        Self { most, counts: HashMap::new(), missed: 0 }
    }

    pub fn add(&mut self, hash: u64, value: &str) {
        if let Some((count, _)) = self.counts.get_mut(&hash) {
            *count += 1;
        } else if self.counts.len() < self.most {
            self.counts.insert(hash, (1, shown(value).into()));
        } else {
            self.missed += 1;
            self.counts.retain(|_, (count, _)| {
                *count -= 1;
                *count > 0
            });
        }
    }

    /// The most frequent first, and whether the counts may be too low. Values that are no more frequent than what was
    /// missed are left out.
    pub fn finish(self) -> (Vec<FrequentValue>, bool) {
        let missed = self.missed;
        let mut values: Vec<_> = self
            .counts
            .into_values()
            .filter(|(count, _)| *count > missed)
            .map(|(count, value)| FrequentValue { value: value.into(), count })
            .collect();
        values.sort_unstable_by(|a, b| b.count.cmp(&a.count).then_with(|| a.value.cmp(&b.value)));
        values.truncate(TOLD);
        (values, missed > 0)
    }
}

fn shown(value: &str) -> &str {
    value.char_indices().nth(SHOWN).and_then(|(end, _)| value.get(..end)).unwrap_or(value)
}
