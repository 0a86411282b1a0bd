//! The escapes of strings, and the way back from a string's text to where it was written.

/// What a backslash begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Escape {
    /// A character, written in so many bytes behind the backslash.
    Character(char, usize),
    /// `\u{`, and no character of that number.
    Bad,
    /// Nothing: it stands for itself, so that `"\d+"` is a pattern.
    Nothing,
}

/// Reads what stands behind a backslash.
pub(super) fn escape(rest: &str) -> Escape {
    match rest.as_bytes().first() {
        Some(b'"') => return Escape::Character('"', 1),
        Some(b'\\') => return Escape::Character('\\', 1),
        Some(b'n') => return Escape::Character('\n', 1),
        Some(b't') => return Escape::Character('\t', 1),
        Some(b'r') => return Escape::Character('\r', 1),
        Some(_) | None => {}
    }
    let Some(braced) = rest.strip_prefix("u{") else {
        return Escape::Nothing;
    };
    let digits = braced
        .split_once('}')
        .map(|(digits, _)| digits)
        .filter(|digits| {
            (1..=6).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit())
        });
    let read = digits.and_then(|digits| {
        let c = char::from_u32(u32::from_str_radix(digits, 16).ok()?)?;
        Some(Escape::Character(c, digits.len() + "u{}".len()))
    });
    read.unwrap_or(Escape::Bad)
}

/// The place in a string as it was written, quotes included, of the byte at `offset` of what it says.
pub(crate) fn literal_offset(literal: &str, offset: usize) -> u32 {
    let mut rest = literal.strip_prefix('"').unwrap_or(literal);
    let mut said = 0;
    while said < offset {
        let mut chars = rest.chars();
        let Some(c) = chars.next() else { break };
        rest = chars.as_str();
        let (c, skipped) = match (c, escape(rest)) {
            ('\\', Escape::Character(c, bytes)) => (c, bytes),
            (c, _) => (c, 0),
        };
        rest = rest.get(skipped..).unwrap_or_default();
        said += c.len_utf8();
    }
    (literal.len() - rest.len()) as u32
}

#[cfg(test)]
mod tests {
    use super::literal_offset;

    #[test]
    fn a_place_in_a_text_is_found_where_it_was_written() {
        for (literal, offset, expected) in [
            ("\"abc\"", 0, 1),
            ("\"abc\"", 2, 3),
            (r#""\\d\"x""#, 1, 3),
            (r#""\\d\"x""#, 3, 6),
            (r#""\d("#, 2, 3),
            (r#""\u{e9}x""#, 2, 7),
            ("\"\u{e9}x\"", 2, 3),
            ("\"a\"", 9, 3),
        ] {
            assert_eq!(
                literal_offset(literal, offset),
                expected,
                "{literal} {offset}"
            );
        }
    }
}
