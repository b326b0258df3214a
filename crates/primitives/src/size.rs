use std::{fmt, str::FromStr};

/// A number of bytes; reads and prints `512 MiB`, `64KiB`, `1000`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

const UNITS: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

impl ByteSize {
    /// `count` binary megabytes.
    pub const fn mib(count: u64) -> Self {
        Self(count << 20)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, factor) = UNITS
            .into_iter()
            .find(|(_, factor)| self.0 >= *factor && self.0.is_multiple_of(*factor))
            .unwrap_or(("B", 1));
        write!(f, "{} {unit}", self.0 / factor)
    }
}

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.trim().trim_end_matches(|c: char| c.is_ascii_alphabetic()).trim_end();
        let unit = text.trim().strip_prefix(digits).unwrap_or_default().trim();
        let factor = match UNITS.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)) {
            Some((_, factor)) => factor,
            None if unit.is_empty() => 1,
            None => return Err(format!("`{unit}` is no unit; use B, KiB, MiB or GiB")),
        };
        let count: u64 =
            digits.parse().map_err(|_| "a size is a whole number and a unit, such as 512 MiB".to_owned())?;
        count.checked_mul(factor).map(Self).ok_or_else(|| "the size is too large".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_read_back_as_it_is_printed() {
        for size in [ByteSize(0), ByteSize(1000), ByteSize(1 << 10), ByteSize::mib(512), ByteSize(3 << 30)] {
            assert_eq!(size.to_string().parse::<ByteSize>(), Ok(size));
        }
        assert_eq!("64kib".parse::<ByteSize>(), Ok(ByteSize(64 << 10)));
        assert!("64 pounds".parse::<ByteSize>().is_err());
    }
}
