//! Sizes as people write them: `1GiB`, `400MiB`, or a number of bytes.

use std::str::FromStr;

use crate::memory::MemoryBudget;

/// Reads a number, as it is or in KiB, MiB, GiB or TiB.
pub(crate) fn parse(text: &str) -> Option<u64> {
    let at = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let unit: u64 = match unit {
        "" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

/// Writes a number of bytes in the largest unit of which it is a whole number.
pub(crate) fn display(bytes: u64) -> String {
    let units = [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];
    let unit = units
        .iter()
        .find(|(shift, _)| bytes > 0 && bytes.trailing_zeros() >= *shift);
    unit.map_or_else(
        || bytes.to_string(),
        |(shift, unit)| format!("{}{unit}", bytes >> shift),
    )
}

impl FromStr for MemoryBudget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bytes = parse(text).ok_or("expected a size, like 1GiB or 400MiB")?;
        Self::try_new(bytes).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_they_are_written() {
        for (text, bytes) in [
            ("0", 0),
            ("1000", 1_000),
            ("3KiB", 3 << 10),
            ("400MiB", 400 << 20),
            ("1GiB", 1 << 30),
            ("16777215TiB", 0xff_ffff << 40),
        ] {
            assert_eq!(parse(text), Some(bytes), "{text}");
            assert_eq!(display(bytes), text);
        }
        for text in ["", "GiB", "1GB", "1 GiB", "-1", "1.5GiB", "16777216TiB"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn too_little_memory_is_an_error_that_says_how_much_is_needed() {
        assert!("1GiB".parse::<MemoryBudget>().is_ok());
        let error = "1MiB".parse::<MemoryBudget>().unwrap_err();
        assert!(error.contains("at least"), "{error}");
        let error = "much".parse::<MemoryBudget>().unwrap_err();
        assert!(error.contains("400MiB"), "{error}");
    }
}
