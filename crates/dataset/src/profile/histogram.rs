//! Histograms in one pass over values whose range is not known: bins of equal width that begin at multiples of it, and
//! that grow to the next width, of which theirs is a part, when there are too many. So the counts are exact and the same
//! whatever the order.

use std::collections::BTreeMap;

use chrono::DateTime;

/// The most bins.
const BINS: i64 = 20;

/// One bin of a histogram: from `from`, to below `to`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HistogramBin {
    /// A number in decimals, or a time in RFC 3339.
    pub from: String,
    /// The same.
    pub to: String,
    /// Cells in it.
    pub count: u64,
}

#[derive(Default)]
struct Bins(BTreeMap<i64, u64>);

impl Bins {
    fn is_too_wide(&self) -> bool {
        match (self.0.first_key_value(), self.0.last_key_value()) {
            (Some((first, _)), Some((last, _))) => last.saturating_sub(*first) >= BINS,
            _ => false,
        }
    }

    fn merge(&mut self, ratio: i64) {
        for (index, count) in std::mem::take(&mut self.0) {
            *self.0.entry(index.div_euclid(ratio)).or_default() += count;
        }
    }

    /// The bins from the first to the last, with the empty ones between them.
    fn told(&self, edge: impl Fn(i64) -> Option<String>) -> Vec<HistogramBin> {
        let (Some((first, _)), Some((last, _))) = (self.0.first_key_value(), self.0.last_key_value()) else {
            return Vec::new();
        };
        let bin = |index: i64| {
            let count = self.0.get(&index).copied().unwrap_or_default();
            Some(HistogramBin { from: edge(index)?, to: edge(index + 1)?, count })
        };
        (*first..=*last).filter_map(bin).collect()
    }
}

/// Numbers, in bins whose width is a power of two: those can be told exactly.
pub(crate) struct NumberHistogram {
    exponent: i32,
    bins: Bins,
}

/// Powers of two that are numbers in both directions.
const LEAST_EXPONENT: i32 = -1_000;
/// Binary digits that an index has at most.
const INDEX_DIGITS: i32 = 40;

impl Default for NumberHistogram {
    fn default() -> Self {
        Self { exponent: LEAST_EXPONENT, bins: Bins::default() }
    }
}

impl NumberHistogram {
    pub fn add(&mut self, value: f64) {
        while self.exponent < exponent_of(value) - INDEX_DIGITS {
            self.widen();
        }
        #[expect(clippy::cast_possible_truncation, reason = "the exponent was chosen for it to be of 40 digits")]
        let index = (value / 2_f64.powi(self.exponent)).floor() as i64;
        *self.bins.0.entry(index).or_default() += 1;
        while self.bins.is_too_wide() {
            self.widen();
        }
    }

    /// Bins of whole numbers when `is_whole`.
    pub fn finish(mut self, is_whole: bool) -> Vec<HistogramBin> {
        while is_whole && self.exponent < 0 {
            self.widen();
        }
        let width = 2_f64.powi(self.exponent);
        #[expect(clippy::cast_precision_loss, reason = "an index has 40 digits at most")]
        self.bins.told(|index| Some((index as f64 * width).to_string()))
    }

    fn widen(&mut self) {
        self.exponent += 1;
        self.bins.merge(2);
    }
}

/// The power of two that a number is at least as large as; the least one for nought.
fn exponent_of(value: f64) -> i32 {
    i32::try_from((value.to_bits() >> 52) & 0x7FF).unwrap_or_default() - 1_023
}

const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3_600 * SECOND;
const DAY: i64 = 24 * HOUR;

/// Widths of bins of times in microseconds, each a part of the next: from a second to a thousand years of days.
const WIDTHS: [i64; 13] = [
    SECOND,
    10 * SECOND,
    60 * SECOND,
    600 * SECOND,
    HOUR,
    6 * HOUR,
    DAY,
    7 * DAY,
    28 * DAY,
    364 * DAY,
    3_640 * DAY,
    36_400 * DAY,
    364_000 * DAY,
];

/// Times in microseconds since 1970.
#[derive(Default)]
pub(crate) struct TimeHistogram {
    level: usize,
    bins: Bins,
}

impl TimeHistogram {
    pub fn add(&mut self, micros: i64) {
        *self.bins.0.entry(micros.div_euclid(self.width())).or_default() += 1;
        while self.bins.is_too_wide() {
            let before = self.width();
            self.level += 1;
            match WIDTHS.get(self.level) {
                Some(width) => self.bins.merge(width / before),
                None => break,
            }
        }
    }

    pub fn finish(self) -> Vec<HistogramBin> {
        let width = self.width();
        self.bins.told(|index| time_text(index.checked_mul(width)?))
    }

    fn width(&self) -> i64 {
        WIDTHS.get(self.level).or(WIDTHS.last()).copied().unwrap_or(SECOND)
    }
}

/// A time as text.
pub(crate) fn time_text(micros: i64) -> Option<String> {
    Some(DateTime::from_timestamp_micros(micros)?.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn counted(values: &[f64], is_whole: bool) -> Vec<HistogramBin> {
        let mut histogram = NumberHistogram::default();
        for value in values {
            histogram.add(*value);
        }
        histogram.finish(is_whole)
    }

    proptest! {
        #[test]
        fn every_number_is_in_the_one_bin_that_spans_it_whatever_the_order(
            mut values in prop::collection::vec(prop_oneof![-1e6..1e6_f64, any::<i32>().prop_map(f64::from), Just(0.0)], 1..200),
        ) {
            let bins = counted(&values, false);
            prop_assert!((1..=20).contains(&bins.len()), "{} bins", bins.len());
            for bin in &bins {
                let (from, to): (f64, f64) = (bin.from.parse().unwrap(), bin.to.parse().unwrap());
                let inside = values.iter().filter(|value| (from..to).contains(*value)).count();
                prop_assert_eq!(u64::try_from(inside).unwrap(), bin.count);
            }
            values.reverse();
            prop_assert_eq!(counted(&values, false), bins);
        }
    }

    #[test]
    fn numbers_of_any_size_are_told_in_bins_that_are_few() {
        for values in [&[1e300, -1e300, 0.0][..], &[5e-324], &[0.0], &[1e-300, 1e300], &[f64::MAX, f64::MIN]] {
            let bins = counted(values, false);
            assert_eq!(bins.iter().map(|bin| bin.count).sum::<u64>(), values.len() as u64, "{values:?}");
            assert!(bins.len() <= 20);
        }
    }

    #[test]
    fn whole_numbers_get_bins_of_whole_numbers() {
        let told: Vec<_> =
            counted(&[1.0, 2.0, 2.0, 4.0], true).into_iter().map(|bin| (bin.from, bin.to, bin.count)).collect();
        let bin = |from: &str, to: &str, count| (from.to_owned(), to.to_owned(), count);
        assert_eq!(told, [bin("1", "2", 1), bin("2", "3", 2), bin("3", "4", 0), bin("4", "5", 1)]);
    }

    #[test]
    fn times_get_bins_of_seconds_hours_or_days() {
        let mut histogram = TimeHistogram::default();
        for micros in [0, DAY - 1, DAY, 15 * DAY] {
            histogram.add(micros);
        }
        let bins = histogram.finish();
        assert_eq!(bins.len(), 16);
        assert_eq!((bins[0].from.as_str(), bins[0].to.as_str()), ("1970-01-01T00:00:00Z", "1970-01-02T00:00:00Z"));
        assert_eq!((bins[0].count, bins[1].count, bins[2].count, bins[15].count), (2, 1, 0, 1));
    }
}
