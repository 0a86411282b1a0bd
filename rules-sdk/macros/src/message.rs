//! The text of a message: what stands as it is, and what the host fills in.

/// A part of a message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Text(String),
    Value { name: String, key: String },
}

/// Reads a message. Of a placeholder the longest of `names` that it begins with is the span's; without one it is a key of
/// the first witness.
pub(crate) fn parts(text: &str, names: &[String]) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut standing = String::new();
    let mut rest = text.chars().peekable();
    while let Some(char) = rest.next() {
        match char {
            '{' | '}' if rest.peek() == Some(&char) => {
                rest.next();
                standing.push(char);
            }
            '}' => return Err("a `}` closes nothing: write `}}` for a brace".into()),
            '{' => {
                let mut inner = String::new();
                loop {
                    match rest.next() {
                        Some('}') => break,
                        Some(char) => inner.push(char),
                        None => return Err("a `{` is not closed: write `{{` for a brace".into()),
                    }
                }
                if !standing.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut standing)));
                }
                parts.push(placeholder(&inner, names)?);
            }
            _ => standing.push(char),
        }
    }
    if !standing.is_empty() {
        parts.push(Part::Text(standing));
    }
    Ok(parts)
}

fn placeholder(inner: &str, names: &[String]) -> Result<Part, String> {
    if inner.is_empty() {
        return Err("`{}` names no attribute: write the name of a span and a key, as `{phi.access.user.id}`".into());
    }
    let key_of = |name: &String| inner.strip_prefix(name.as_str())?.strip_prefix('.');
    let named = names.iter().filter_map(|name| Some((name, key_of(name)?)));
    let longest = named
        .filter(|(_, key)| !key.is_empty())
        .max_by_key(|(name, _)| name.len());
    Ok(match longest {
        Some((name, key)) => Part::Value {
            name: name.clone(),
            key: key.to_owned(),
        },
        None => Part::Value {
            name: String::new(),
            key: inner.to_owned(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::{Part, parts};

    #[test]
    fn a_placeholder_is_a_name_and_a_key_or_a_key() {
        let names = [
            "phi".to_owned(),
            "phi.access".to_owned(),
            "HTTP GET".to_owned(),
        ];
        let value = |name: &str, key: &str| Part::Value {
            name: name.into(),
            key: key.into(),
        };
        let text = |text: &str| Part::Text(text.into());
        let found = parts(
            "{phi.access.user.id} {{read}} {HTTP GET.http.route}, {user.id}",
            &names,
        );
        let expected = [
            value("phi.access", "user.id"),
            text(" {read} "),
            value("HTTP GET", "http.route"),
            text(", "),
            value("", "user.id"),
        ];
        assert_eq!(found.unwrap(), expected);
        assert_eq!(
            parts("{phi.access}", &names).unwrap(),
            [value("phi", "access")]
        );
        for wrong in ["{", "}", "a {b", "{}"] {
            assert!(parts(wrong, &names).is_err(), "{wrong}");
        }
    }
}
