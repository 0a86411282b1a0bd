//! Builds components byte by byte, section by section, and from text.

/// A binary's header: `\0asm` and the version of a component.
const HEADER: [u8; 8] = [0, b'a', b's', b'm', 0x0d, 0, 1, 0];

/// What makes a component look like a pack from outside.
pub(crate) const EXPORTED: &str =
    r#"(instance $pack) (export "betrace:rules/pack@1.0.0" (instance $pack))"#;

/// A component of sections, each a number and its contents.
pub(crate) fn component(sections: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = HEADER.to_vec();
    for (id, contents) in sections {
        bytes.push(*id);
        bytes.extend(number(contents.len()));
        bytes.extend(contents);
    }
    bytes
}

/// An unsigned LEB128.
pub(crate) fn number(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let byte = (number & 0x7f) as u8;
        number >>= 7;
        if number == 0 {
            bytes.push(byte);
            return bytes;
        }
        bytes.push(byte | 0x80);
    }
}

pub(crate) fn text(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error}\n{}", &text[..text.len().min(500)]))
}

/// A component in text that exports what a pack exports.
pub(crate) fn with(items: &str) -> Vec<u8> {
    text(&format!("(component {items} {EXPORTED})"))
}

/// A component that has a core module of these items.
pub(crate) fn with_module(items: &str) -> Vec<u8> {
    with(&format!("(core module {items})"))
}

/// The same where the text's grammar does not have the items: sections of a core module.
pub(crate) fn with_sections(sections: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut module = vec![0, b'a', b's', b'm', 1, 0, 0, 0];
    module.extend(&component(sections)[HEADER.len()..]);
    let pack = with("");
    let mut bytes = component(&[(1, module)]);
    bytes.extend(&pack[HEADER.len()..]);
    bytes
}
