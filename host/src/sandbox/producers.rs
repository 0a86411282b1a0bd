//! What the tools that made a component say of themselves: the custom sections `producers` of the component and of its
//! module (`ProducersSection.md` of the tool conventions).

use std::collections::BTreeSet;

use wasmparser::{KnownCustom, Parser, Payload};

/// The most tools that are named; whatever names more is no tool's work.
const PRODUCERS_MAX: usize = 32;
/// As long as a name or a version may be.
const WORD_BYTES_MAX: usize = 64;

/// Returns the tools, as `rustc 1.95.0`, each once, in order of their names. They say it themselves, and anybody can say
/// anything; what is not plain text is left out.
pub fn producers(component: &[u8]) -> Vec<String> {
    let mut tools = BTreeSet::new();
    // What cannot be read has no producer that could be believed.
    for payload in Parser::new(0).parse_all(component).map_while(Result::ok) {
        let Payload::CustomSection(section) = payload else {
            continue;
        };
        let KnownCustom::Producers(fields) = section.as_known() else {
            continue;
        };
        for field in fields.into_iter().map_while(Result::ok) {
            for value in field.values.into_iter().map_while(Result::ok) {
                if tools.len() < PRODUCERS_MAX && is_plain(value.name) && is_plain(value.version) {
                    let tool = format!("{} {}", value.name, value.version);
                    tools.insert(tool.trim_end().to_owned());
                }
            }
        }
    }
    tools.into_iter().collect()
}

fn is_plain(word: &str) -> bool {
    let printed = |b: u8| b == b' ' || b.is_ascii_graphic();
    word.len() <= WORD_BYTES_MAX && word.bytes().all(printed)
}

#[cfg(test)]
mod tests {
    use super::producers;

    /// A component with one section `producers`, of one field.
    fn component(values: &[(&str, &str)]) -> Vec<u8> {
        let text = |text: &str| [&[text.len() as u8], text.as_bytes()].concat();
        let mut data = [vec![1], text("processed-by"), vec![values.len() as u8]].concat();
        for (name, version) in values {
            data.extend([text(name), text(version)].concat());
        }
        let section = [text("producers"), data].concat();
        [b"\0asm\x0d\0\x01\0\0", &[section.len() as u8][..], &section].concat()
    }

    #[test]
    fn tools_are_named_once_and_only_in_plain_text() {
        let said = component(&[
            ("rustc", "1.95.0 (59807616e 2026-04-14)"),
            ("Rust", ""),
            ("\u{1b}[2J", "1"),
            ("rustc", "1.95.0 (59807616e 2026-04-14)"),
        ]);
        assert_eq!(
            producers(&said),
            ["Rust", "rustc 1.95.0 (59807616e 2026-04-14)"]
        );
        assert!(producers(b"no component").is_empty());
    }
}
