//! Scenario: files that nobody wishes to get are uploaded to a running server, by the command line.
//!
//! Guarantees: each is refused with a sentence, within the time that an upload may take; the server lives on, and a
//! rule that is one is published as if nothing had been. What a component may do is tried in `host/tests/hostile`.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use betrace_tests::server::{self, Server};

/// A component's header.
const HEADER: &[u8] = b"\0asm\x0d\0\x01\0";

/// How a command ends whose input is wrong.
const WRONG: i32 = 2;

/// Types in each other, a million deep: three bytes a level. Whoever reads them by recursion has no stack left.
fn nested() -> Vec<u8> {
    let mut section = vec![1];
    for _ in 0..1_000_000 {
        section.extend([0x41, 1, 1]);
    }
    section.extend([0x42, 0]);
    let mut bytes = HEADER.to_vec();
    bytes.push(7);
    let mut len = section.len();
    while len > 0x7f {
        bytes.push((len & 0x7f) as u8 | 0x80);
        len >>= 7;
    }
    bytes.push(len as u8);
    bytes.extend(section);
    bytes
}

/// A component that imports sockets.
fn importing() -> Vec<u8> {
    let name = b"wasi:sockets/tcp@0.2.0";
    let mut bytes = HEADER.to_vec();
    bytes.extend([10, name.len() as u8 + 5, 1, 0, name.len() as u8]);
    bytes.extend(name);
    bytes.extend([5, 0]);
    bytes
}

fn apply(server: &Server, file: &Path) -> Result<(Option<i32>, String)> {
    let url = format!("http://{}", server.api);
    let file = file.to_str().context("a path of letters")?;
    let output = server::run(&["rules", "apply", file, "--server", &url])?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Ok((output.status.code(), said))
}

#[test]
fn a_server_refuses_what_would_end_it_and_goes_on() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = Server::start(&folder.path().join("data"), &[])?;
    let binary = fs::read(server::binary()?)?;
    let cases: [(&str, Vec<u8>, &str); 5] = [
        ("nested", nested(), "types of components or instances"),
        (
            "importing",
            importing(),
            "imports wasi:sockets/tcp@0.2.0: rules have no imports",
        ),
        (
            "elf",
            binary.into_iter().take(10_000).collect(),
            "an ELF executable",
        ),
        (
            "text",
            b"rule or no rule".to_vec(),
            "text; rules in the rule language",
        ),
        ("zeros", vec![0; 5 << 20], "a pack at most 4194304"),
    ];
    for (name, bytes, expected) in cases {
        let file = folder.path().join(format!("{name}.wasm"));
        fs::write(&file, bytes)?;
        let (status, said) = apply(&server, &file)?;
        assert_eq!(status, Some(WRONG), "{name}: {said}");
        assert!(said.contains(expected), "{name}: {said}");
    }
    let good = folder.path().join("good.btr");
    fs::write(&good, "rule answers { match { phi.access } }")?;
    let (status, said) = apply(&server, &good)?;
    assert_eq!(status, Some(0), "{said}");
    assert!(server.terminate()?.success());
    Ok(())
}
