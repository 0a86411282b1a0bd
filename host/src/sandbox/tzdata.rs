//! What the compiler notes in a component beside its rules.

use wasmparser::{Parser, Payload};

/// The custom section that names the version of the timezone database, where a rule has a timezone.
const TZ_SECTION: &str = "betrace:tzdata";
/// As long as a version may be, which is as `2026a`; whatever is longer is none.
const TZ_VERSION_BYTES_MAX: usize = 32;

/// Returns the version of the timezone database that a component's rules were compiled with; `None` where none of them
/// has a timezone, or where something else than the compiler made the component.
pub fn tz_version(component: &[u8]) -> Option<String> {
    for payload in Parser::new(0).parse_all(component) {
        let Payload::CustomSection(section) = payload.ok()? else {
            continue;
        };
        if section.name() != TZ_SECTION {
            continue;
        }
        let version = std::str::from_utf8(section.data()).ok()?;
        let is_plain =
            version.len() <= TZ_VERSION_BYTES_MAX && version.bytes().all(|b| b.is_ascii_graphic());
        return is_plain.then(|| version.to_owned());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::tz_version;

    /// A component of nothing but custom sections.
    fn component(sections: &[(&str, &[u8])]) -> Vec<u8> {
        let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
        for (name, data) in sections {
            bytes.push(0);
            bytes.push((1 + name.len() + data.len()) as u8);
            bytes.push(name.len() as u8);
            bytes.extend(name.as_bytes());
            bytes.extend(*data);
        }
        bytes
    }

    #[test]
    fn only_a_plain_version_in_the_section_of_that_name_is_one() {
        let long = [b'2'; 33];
        for (sections, expected) in [
            (
                &[("betrace:tzdata", b"2026a".as_slice())][..],
                Some("2026a"),
            ),
            (
                &[("name", b"x".as_slice()), ("betrace:tzdata", b"2026a")],
                Some("2026a"),
            ),
            (&[("tzdata", b"2026a")], None),
            (&[("betrace:tzdata", b"\x1b[2J")], None),
            (&[("betrace:tzdata", &long)], None),
            (&[], None),
        ] {
            assert_eq!(tz_version(&component(sections)).as_deref(), expected);
        }
        assert_eq!(tz_version(b"no component"), None);
    }
}
