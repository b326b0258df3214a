use std::collections::BTreeSet;

/// How many different values there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Distinct {
    /// The number.
    pub count: u64,
    /// Whether it was estimated from the values kept, and not counted.
    pub is_estimate: bool,
}

/// Counts different values by their hashes: exactly up to a number of them, beyond by how densely the smallest hashes lie
/// (k minimum values). The order of the values makes no difference.
pub(crate) struct DistinctValues {
    most: usize,
    smallest: BTreeSet<u64>,
    is_full: bool,
}

impl DistinctValues {
    /// Exact up to `most` values; beyond, the estimate is off by a share of `1 / sqrt(most)`, usually.
    pub fn new(most: usize) -> Self {
        Self { most, smallest: BTreeSet::new(), is_full: false }
    }

    pub fn add(&mut self, hash: u64) {
        if self.is_full && self.smallest.last().is_some_and(|last| hash > *last) {
            return;
        }
        if self.smallest.insert(hash) && self.smallest.len() > self.most {
            self.smallest.pop_last();
            self.is_full = true;
        }
    }

    pub fn finish(&self) -> Distinct {
        let kept = u64::try_from(self.smallest.len()).unwrap_or(u64::MAX);
        match self.smallest.last() {
            Some(last) if self.is_full => {
                let estimate = (u128::from(kept.saturating_sub(1)) << 64) / u128::from((*last).max(1));
                Distinct { count: u64::try_from(estimate).unwrap_or(u64::MAX), is_estimate: true }
            }
            _ => Distinct { count: kept, is_estimate: false },
        }
    }
}
