//! The fuzz targets on random input: bytes, choices, and sources of which a few bytes are changed.

use std::{fs, path::Path};

use betrace_tests::{
    fuzz::{compile_and_validate, decode_otlp, format_round_trip, oracle_agreement, parse},
    generated::{Choices, Oddity, pack, request, rule},
};

fn bytes(c: &mut Choices) -> Vec<u8> {
    let len = c.below(400);
    (0..len).map(|_| c.below(256) as u8).collect()
}

/// A generated source in which a few bytes are changed, doubled or left out.
fn damaged(c: &mut Choices) -> Vec<u8> {
    let mut text = pack(&[rule(c), rule(c)]).into_bytes();
    for _ in 0..=c.below(4) {
        let at = c.below(text.len());
        let byte = *c.pick(b"(){}\"\\.,:<>=!-+*/~ \n0azZ_\xc3\xff");
        match c.below(3) {
            0 => {
                text.remove(at);
            }
            1 => text.insert(at, byte),
            _ => {
                let again = text.clone().into_iter().skip(at).take(20);
                text.splice(at..at, again).for_each(drop);
            }
        }
    }
    text
}

#[test]
fn any_bytes_are_answered() {
    let c = &mut Choices::seeded(1);
    for _ in 0..300 {
        parse(&bytes(c));
        parse(&damaged(c));
    }
}

#[test]
fn what_compiles_is_a_valid_component() {
    let c = &mut Choices::seeded(2);
    for _ in 0..200 {
        compile_and_validate(&bytes(c));
        compile_and_validate(&damaged(c));
    }
}

#[test]
fn component_and_oracle_agree_on_what_is_made_of_bytes() {
    let c = &mut Choices::seeded(3);
    for _ in 0..200 {
        oracle_agreement(&bytes(c));
    }
}

#[test]
fn what_is_laid_out_says_the_same() {
    let c = &mut Choices::seeded(4);
    for _ in 0..200 {
        format_round_trip(&bytes(c));
        format_round_trip(&damaged(c));
    }
}

/// Scenario: requests as encoders write them, valid ones as no encoder writes them, wrong ones, and ones of which a few
/// bytes are changed.
#[test]
fn requests_are_read_as_opentelemetry_proto_reads_them() {
    let c = &mut Choices::seeded(5);
    let mut n_spans = [0; 3];
    for _ in 0..2_000 {
        for (oddity, n_spans) in [Oddity::None, Oddity::Unusual, Oddity::Wrong]
            .into_iter()
            .zip(&mut n_spans)
        {
            let mut otlp = request(c, oddity);
            *n_spans += decode_otlp(&otlp);
            for _ in 0..=c.below(3) {
                if !otlp.is_empty() {
                    let at = c.below(otlp.len());
                    let with = bytes(c).into_iter().take(c.below(3));
                    otlp.splice(at..(at + c.below(3)).min(otlp.len()), with)
                        .for_each(drop);
                }
            }
            decode_otlp(&otlp);
        }
        decode_otlp(&bytes(c));
    }
    // Most of what is valid was taken, and not all of what is made to be wrong.
    let [plain, unusual, wrong] = n_spans;
    assert!(plain > 4_000 && unusual > 4_000, "{n_spans:?}");
    assert!(wrong > 1_000 && wrong < unusual, "{n_spans:?}");
}

#[test]
fn every_target_has_its_file() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    let runner = fs::read_to_string(folder.join("../../xtask/src/fuzz.rs")).unwrap();
    let mut n_targets = 0;
    for entry in fs::read_dir(folder.join("targets")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
        assert!(runner.contains(&format!("\"{name}\"")), "{name}");
        n_targets += 1;
    }
    assert_eq!(n_targets, 5);
}
