//! Keys, and what is signed with them: keys, sign, verify, inspect.

use std::{fs, path::Path, process::Command};

use super::run::{Run, betrace_in};

/// A folder with `a.wasm`, and the keys `one.key` and `two.key`.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        fs::write(folder.path("a.btr"), "rule a { match { b } }\n").unwrap();
        folder.run("compile a.btr -o a.wasm").exits(0);
        folder.run("keys new one.key").exits(0);
        folder.run("keys new two.key").exits(0);
        folder
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, args: &str) -> Run {
        let args: Vec<&str> = args.split(' ').collect();
        betrace_in(self.0.path(), &args, b"")
    }
}

#[test]
fn a_component_is_signed_by_several_and_each_is_told() {
    let folder = Folder::new();
    folder
        .run("verify a.wasm --key one.key.pub")
        .exits(2)
        .says(&["it is not signed", "betrace sign FILE --key"]);
    let shown = folder.run("inspect a.wasm").exits(0).stdout;
    assert!(shown.contains("\nnot signed\n"), "{shown}");
    folder.run("sign a.wasm --key one.key -o b.wasm").exits(0);
    folder.run("sign b.wasm --key two.key").exits(0);
    for key in ["one", "two"] {
        let verified = folder.run(&format!("verify b.wasm --key {key}.key.pub"));
        let verified = verified.exits(0).stdout;
        assert!(
            verified.ends_with(&format!("({key}.key.pub)\n")),
            "{verified}"
        );
    }
    let both = folder.run("verify b.wasm --key one.key.pub --key two.key.pub");
    assert_eq!(both.exits(0).stdout.lines().count(), 2);
    let shown = folder.run("inspect b.wasm -o json").exits(0).stdout;
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["signatures"]["fit"], true);
    assert_eq!(shown["signatures"]["keys"].as_array().unwrap().len(), 2);
    assert_eq!(shown["producers"].as_array().unwrap().len(), 1);
    // Signed, it judges as before.
    let test = "rules = [\"b.wasm\"]\n[[case]]\nname = \"b\"\nexpect = { a = \"violated\" }\nspans = [{ name = \"b\" }]\n";
    fs::write(folder.path("b.test.toml"), test).unwrap();
    folder.run("test b.test.toml").exits(0);
}

#[test]
fn what_was_altered_or_signed_by_others_is_refused() {
    let folder = Folder::new();
    folder.run("sign a.wasm --key one.key").exits(0);
    folder
        .run("verify a.wasm --key two.key.pub")
        .exits(2)
        .says(&["it is signed by the key ", " alone"]);
    let mut bytes = fs::read(folder.path("a.wasm")).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(folder.path("a.wasm"), bytes).unwrap();
    for command in [
        "verify a.wasm --key one.key.pub",
        "sign a.wasm --key one.key",
    ] {
        folder
            .run(command)
            .exits(2)
            .says(&["it was altered after it was signed", "build it again"]);
    }
    folder
        .run("sign a.btr --key one.key")
        .exits(2)
        .says(&["it is no WebAssembly", "betrace compile"]);
}

#[test]
fn a_key_is_its_owners_alone_and_is_never_overwritten() {
    let folder = Folder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |name| {
            fs::metadata(folder.path(name))
                .unwrap()
                .permissions()
                .mode()
                & 0o777
        };
        assert_eq!(mode("one.key"), 0o600);
    }
    let before = fs::read(folder.path("one.key")).unwrap();
    folder
        .run("keys new one.key")
        .exits(3)
        .says(&["failed to write `one.key`"]);
    assert_eq!(fs::read(folder.path("one.key")).unwrap(), before);
    folder
        .run("verify a.wasm --key one.key")
        .exits(2)
        .says(&["it is a private key", "betrace keys show"]);
    folder
        .run("sign a.wasm --key one.key.pub")
        .exits(2)
        .says(&["no Ed25519 private key", "betrace keys new"]);
    let shown = folder.run("keys show one.key").exits(0).stdout;
    assert_eq!(
        shown,
        fs::read_to_string(folder.path("one.key.pub")).unwrap()
    );
}

#[test]
fn openssl_knows_the_keys_and_makes_some() {
    let folder = Folder::new();
    let openssl = |args: &str| {
        let mut command = Command::new("openssl");
        command
            .args(args.split(' '))
            .current_dir(folder.path(""))
            .output()
    };
    let Ok(public) = openssl("pkey -in one.key -pubout") else {
        println!("skipped: there is no openssl");
        return;
    };
    assert_eq!(public.stdout, fs::read(folder.path("one.key.pub")).unwrap());
    let made = openssl("genpkey -algorithm ed25519 -out three.key").unwrap();
    assert!(made.status.success(), "{made:?}");
    let public = openssl("pkey -in three.key -pubout -out three.pub").unwrap();
    assert!(public.status.success(), "{public:?}");
    assert!(Path::new(&folder.path("three.pub")).exists());
    folder.run("sign a.wasm --key three.key").exits(0);
    folder.run("verify a.wasm --key three.pub").exits(0);
}

#[test]
fn a_tenant_that_requires_signatures_takes_nothing_else() {
    let folder = Folder::new();
    let none = folder.run("tenants trust default --require-signatures --data data");
    none.exits(2).says(&["would trust no key"]);
    folder
        .run("tenants trust default --key one.key --data data")
        .exits(2)
        .says(&["it is a private key"]);
    let trust = "tenants trust default --key one.key.pub --require-signatures --data data";
    let trusts = folder
        .run(trust)
        .exits(0)
        .says(&["takes only what is signed"]);
    assert!(trusts.stdout.contains("\none  "), "{}", trusts.stdout);
    for (what, word) in [
        ("a.btr", "`a.btr`: it is rule text"),
        ("a.wasm", "`a.wasm`: it is not signed"),
    ] {
        let apply = folder.run(&format!("rules apply {what} --data data"));
        apply.exits(2).says(&[word, "`betrace sign`", "`one`"]);
    }
    folder.run("sign a.wasm --key one.key").exits(0);
    folder.run("rules apply a.wasm --data data").exits(0);
    let history = folder.run("rules history a --data data -o json").exits(0);
    let history: serde_json::Value = serde_json::from_str(&history.stdout).unwrap();
    assert_eq!(history[0]["signed_by"], serde_json::json!(["one"]));
    let shown = folder.run("rules show a --data data").exits(0).stdout;
    assert!(shown.contains("  signed by  one\n"), "{shown}");
    folder
        .run("tenants distrust default one --data data")
        .exits(2)
        .says(&["would trust no key"]);
    let other = "tenants trust default --key two.key.pub --name second --data data";
    folder.run(other).exits(0);
    folder
        .run("tenants distrust default one --data data")
        .exits(0);
    folder
        .run("rules apply a.wasm --data data --take-over")
        .exits(2)
        .says(&["it is signed by the key", "alone", "`second`"]);
    let left = folder
        .run("tenants trust default --data data -o json")
        .exits(0);
    let left: serde_json::Value = serde_json::from_str(&left.stdout).unwrap();
    assert_eq!(left["requires_signatures"], true);
    assert_eq!(left["keys"][0]["name"], "second");
}
