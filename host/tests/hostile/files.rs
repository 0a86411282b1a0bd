//! Files that are no component, and components that were damaged.

use std::sync::LazyLock;

use betrace::sandbox::{LoadError, PackCompiler, Sandbox};
use proptest::prelude::*;

use crate::{
    Refused, check_refused,
    guest::{Guest, HAS_NAME, named_rule},
    limits, make, refused,
};

fn good() -> Guest {
    Guest {
        rules: vec![named_rule("a", "A")],
        evaluate: HAS_NAME.into(),
        ..Guest::default()
    }
}

/// A sandbox without a child: thousands of components are quick, and a child could only hide a panic.
fn in_process() -> &'static Sandbox {
    static SANDBOX: LazyLock<Sandbox> =
        LazyLock::new(|| Sandbox::new(PackCompiler::InProcess, limits()).unwrap());
    &SANDBOX
}

pub(crate) fn cases() -> Vec<Refused> {
    let whole = good().build();
    let half = whole[..whole.len() / 2].to_vec();
    let all_but_one = whole[..whole.len() - 1].to_vec();
    let mut too_large = whole.clone();
    too_large.resize((4 << 20) + 1, 0);
    let mut trailing = whole.clone();
    trailing.push(0x7f);
    let mut version = whole.clone();
    version[4] = 0x0e;
    let mut layer = whole;
    layer[6] = 2;
    let end = make::component(&[(11, b"\x01".to_vec())]);
    vec![
        refused("an empty file", Vec::new(), "truncated"),
        refused("three bytes", b"\0as".to_vec(), "truncated"),
        refused("a header cut short", b"\0asm\x0d\0".to_vec(), "truncated"),
        refused(
            "a rule as text",
            b"rule x { match { a } }".to_vec(),
            "`.btr`",
        ),
        refused("a short text", b"rule".to_vec(), "`.btr`"),
        refused(
            "an ELF file",
            b"\x7fELF\x02\x01\x01\x00\x00".to_vec(),
            "ELF",
        ),
        refused(
            "gzip",
            b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00".to_vec(),
            "compressed",
        ),
        refused(
            "zstd",
            b"\x28\xb5\x2f\xfd\x00\x00\x00\x00\x00".to_vec(),
            "compressed",
        ),
        refused(
            "a zip archive",
            b"PK\x03\x04\x14\x00\x00\x00\x08".to_vec(),
            "zip",
        ),
        refused("bytes of no kind", vec![0xff; 64], "does not begin with"),
        refused(
            "a core module",
            make::text("(module)"),
            "a core module, not a component",
        ),
        refused(
            "another version of the binary",
            version,
            "unknown binary version",
        ),
        refused(
            "another layer of the binary",
            layer,
            "unknown binary version",
        ),
        refused("a component cut in half", half, "truncated"),
        refused(
            "a component without its last byte",
            all_but_one,
            "truncated",
        ),
        refused("a byte after the end", trailing, "truncated"),
        refused(
            "a section that promises more than it has",
            end,
            "not a valid component",
        ),
        refused(
            "more bytes than a pack may have",
            too_large,
            "at most 4194304",
        ),
    ]
}

#[test]
fn what_is_no_component_is_refused_with_what_it_is() {
    check_refused(cases());
}

/// Damaged at any place, a pack is refused or judges; it never brings the host down, nor is the host blamed.
#[test]
fn a_pack_that_was_cut_or_flipped_anywhere_has_an_answer() {
    let sandbox = in_process();
    let whole = good().build();
    for end in (0..whole.len()).step_by(7) {
        // Between two sections a component may end, and then lacks what a pack has.
        let error = sandbox.load(&whole[..end]).unwrap_err();
        let is_right = matches!(
            error,
            LoadError::Truncated { .. } | LoadError::OtherWorld { .. }
        );
        assert!(is_right, "{end}: {error}");
    }
    let mut loaded = 0;
    let mut refused = 0;
    // Every second place, in one of its bits: which one moves on.
    for at in (0..whole.len()).step_by(2) {
        let mut damaged = whole.clone();
        damaged[at] ^= 1 << (at * 5 % 8);
        match sandbox.load(&damaged) {
            Ok(_) => loaded += 1,
            Err(LoadError::Host { what }) => panic!("byte {at}: the host is blamed: {what}"),
            Err(_) => refused += 1,
        }
    }
    println!("of those with a flipped bit {loaded} load and {refused} are refused");
    // Names, and constants that nothing checks, may change unseen.
    assert!(refused > loaded, "{refused} {loaded}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Sections of any kind, with anything in them, are looked through without harm.
    #[test]
    fn any_sections_have_an_answer(
        sections in prop::collection::vec((0_u8..13, prop::collection::vec(any::<u8>(), 0..40)), 0..12),
        is_module in any::<bool>(),
    ) {
        let bytes = if is_module { make::with_sections(&sections) } else { make::component(&sections) };
        let loaded = in_process().load(&bytes);
        let is_blamed = matches!(loaded, Err(LoadError::Host { .. }));
        prop_assert!(!is_blamed, "the host is blamed");
    }

    /// A good pack with a piece of it somewhere else has an answer.
    #[test]
    fn a_pack_whose_pieces_were_exchanged_has_an_answer(
        from in any::<prop::sample::Index>(),
        to in any::<prop::sample::Index>(),
        len in 1_usize..200,
    ) {
        let mut bytes = good().build();
        let (from, to) = (from.index(bytes.len()), to.index(bytes.len()));
        let piece = bytes[from..(from + len).min(bytes.len())].to_vec();
        let end = (to + piece.len()).min(bytes.len());
        bytes[to..end].copy_from_slice(&piece[..end - to]);
        let loaded = in_process().load(&bytes);
        let is_blamed = matches!(loaded, Err(LoadError::Host { .. }));
        prop_assert!(!is_blamed, "the host is blamed");
    }
}
