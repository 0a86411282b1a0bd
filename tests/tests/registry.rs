//! Scenario: components go to a registry and come back, by a real registry server.
//!
//! Guarantees: what is pushed has the media types of the Wasm OCI convention and is what comes back, by tag and by digest;
//! what is applied from a tag is pinned in the history; what is altered, absent, no component or not allowed is said.
//!
//! Skipped, and said so, where there is no `docker-registry`.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::{
    fs,
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
};

use betrace_tests::{registry::Registry, server::binary};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

/// A registry, and a folder with the components `a.wasm` and `b.wasm`.
struct World {
    registry: Registry,
    folder: TempDir,
}

/// What an invocation printed, and how it ended.
struct Run {
    status: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Run {
    #[track_caller]
    fn exits(self, status: i32, words: &[&str]) -> String {
        let all = format!("{}{}", self.stdout, self.stderr);
        assert_eq!(self.status, Some(status), "{all}");
        for word in words {
            assert!(all.contains(word), "`{word}` is not in:\n{all}");
        }
        self.stdout.trim().to_owned()
    }
}

impl World {
    fn start(asks: bool) -> Option<Self> {
        let registry = Registry::start(asks).unwrap()?;
        let folder = tempfile::tempdir().unwrap();
        let world = Self { registry, folder };
        for (name, span) in [("a", "x"), ("b", "y")] {
            let rule = format!("rule audit {{ match {{ {span} }} }}\n");
            fs::write(world.path(&format!("{name}.btr")), rule).unwrap();
            let compile = format!("compile {name}.btr -o {name}.wasm");
            world.run(&compile).exits(0, &[]);
        }
        Some(world)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn place(&self, rest: &str) -> String {
        format!("oci://{}/acme/{rest}", self.registry.address)
    }

    fn run(&self, args: &str) -> Run {
        self.run_with(args, "", None)
    }

    /// Runs the binary without an environment but a folder of docker's.
    fn run_with(&self, args: &str, stdin: &str, docker: Option<&str>) -> Run {
        let mut command = Command::new(binary().unwrap());
        // At home there is nothing of docker's.
        command.env_clear().env("HOME", self.folder.path());
        if let Some(folder) = docker {
            command.env("DOCKER_CONFIG", self.path(folder));
        }
        let mut child = command
            .args(args.split(' '))
            .current_dir(self.folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let _unread = child.stdin.take().unwrap().write_all(stdin.as_bytes());
        let output = child.wait_with_output().unwrap();
        Run {
            status: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    fn push(&self, file: &str, place: &str) -> String {
        let push = format!("push {file} {}", self.place(place));
        self.run(&push).exits(0, &[])
    }

    fn get(&self, path: &str) -> Value {
        let url = format!("http://{}/v2/acme/{path}", self.registry.address);
        let manifest = "application/vnd.oci.image.manifest.v1+json";
        let mut answer = ureq::get(url).header("accept", manifest).call().unwrap();
        answer.body_mut().read_json().unwrap()
    }
}

fn digest(bytes: &[u8]) -> String {
    let hex: Vec<String> = Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("sha256:{}", hex.concat())
}

#[test]
fn what_is_pushed_comes_back_by_tag_and_by_digest() {
    let Some(world) = World::start(false) else {
        return;
    };
    world.run("keys new release.key").exits(0, &[]);
    world.run("sign a.wasm --key release.key").exits(0, &[]);
    let component = fs::read(world.path("a.wasm")).unwrap();
    let pinned = world.push("a.wasm", "audit:1.0");
    assert_eq!(world.push("a.wasm", "audit:1.0"), pinned);
    let (repository, manifest_digest) = pinned.split_once('@').unwrap();
    assert_eq!(repository, world.place("audit"));

    let manifest = world.get("audit/manifests/1.0");
    assert_eq!(
        manifest["config"]["mediaType"],
        "application/vnd.wasm.config.v0+json"
    );
    assert_eq!(
        manifest["layers"],
        json!([{
            "mediaType": "application/wasm",
            "digest": digest(&component),
            "size": component.len(),
        }])
    );
    let config = manifest["config"]["digest"].as_str().unwrap();
    let config = world.get(&format!("audit/blobs/{config}"));
    assert_eq!(
        config["component"]["exports"],
        json!(["betrace:rules/pack@1.0.0"])
    );
    assert_eq!(config["layerDigests"], json!([digest(&component)]));

    for (place, output) in [
        (world.place("audit:1.0"), ""),
        (pinned.clone(), " -o by-digest.wasm"),
        (
            world.place(&format!("audit:1.0@{manifest_digest}")),
            " -o both.wasm",
        ),
    ] {
        let pull = format!("pull {place}{output}");
        world.run(&pull).exits(0, &[&pinned]);
    }
    for file in ["audit.wasm", "by-digest.wasm", "both.wasm"] {
        assert_eq!(fs::read(world.path(file)).unwrap(), component, "{file}");
    }
    // The signature has come along.
    world
        .run("verify audit.wasm --key release.key.pub")
        .exits(0, &["signed by"]);
    // A tag may be moved, a digest stays.
    let other = world.push("b.wasm", "audit:1.0");
    assert_ne!(other, pinned);
    let pull = format!("pull {pinned} -o again.wasm");
    world.run(&pull).exits(0, &[]);
    assert_eq!(fs::read(world.path("again.wasm")).unwrap(), component);
}

#[test]
fn what_is_applied_from_a_tag_is_pinned_in_the_history() {
    let Some(world) = World::start(false) else {
        return;
    };
    let place = world.place("audit:stable");
    let apply = format!("rules apply {place} --data data");
    let mut pinned = Vec::new();
    for file in ["a.wasm", "b.wasm"] {
        let is = world.push(file, "audit:stable");
        let said = format!("{place} is {is}");
        world.run(&apply).exits(0, &[&said]);
        // What has not changed keeps its version.
        world.run(&apply).exits(0, &["unchanged"]);
        pinned.push(is);
    }
    let history = world.run("rules history audit --data data -o json");
    let history: Value = serde_json::from_str(&history.exits(0, &[])).unwrap();
    let references: Vec<&str> = history
        .as_array()
        .unwrap()
        .iter()
        .map(|version| version["reference"].as_str().unwrap())
        .collect();
    assert_eq!(references, pinned);
    world
        .run("rules show audit --data data")
        .exits(0, &[&format!("from       {}", pinned[1])]);
    // A file of the same rule is another's.
    world
        .run("rules apply a.wasm --data data")
        .exits(2, &["is published by `oci://", "--take-over"]);
    // Signatures are asked for whatever the way.
    world.run("keys new release.key").exits(0, &[]);
    world
        .run("tenants trust default --key release.key.pub --require-signatures --data data")
        .exits(0, &[]);
    world.push("a.wasm", "audit:stable");
    world
        .run(&apply)
        .exits(2, &["it is not signed", "`release`"]);
    world.run("sign a.wasm --key release.key").exits(0, &[]);
    world.push("a.wasm", "audit:stable");
    world.run(&apply).exits(0, &["updated"]);
    world
        .run("rules show audit --data data")
        .exits(0, &["signed by  release"]);
}

#[test]
fn what_is_absent_altered_or_no_component_is_said() {
    let Some(world) = World::start(false) else {
        return;
    };
    let pull = |place: &str| world.run(&format!("pull {place} -o x.wasm"));
    pull(&world.place("audit:1.0")).exits(2, &["there is no `oci://"]);
    let push = format!("push a.btr {}", world.place("audit:1.0"));
    world.run(&push).exits(2, &["`a.btr` would not be loaded"]);
    let pinned = world.push("a.wasm", "audit:1.0");
    let absent = pinned.replace("sha256:", "sha256:0").replace("0@", "@");
    let absent = absent.get(..pinned.len()).unwrap();
    pull(absent).exits(2, &["there is no `oci://"]);
    let other = format!("push b.wasm {pinned}");
    world
        .run(&other)
        .exits(2, &["what would be pushed is sha256:"]);

    let component = digest(&fs::read(world.path("a.wasm")).unwrap());
    let file = world.registry.blob_file(&component).unwrap();
    let mut bytes = fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&file, &bytes).unwrap();
    pull(&pinned).exits(2, &["failed to pull"]);
    assert!(!world.path("x.wasm").exists());

    let config = b"{}";
    let url = format!("http://{}/v2/acme/image", world.registry.address);
    let uploads = ureq::post(format!("{url}/blobs/uploads/"))
        .send_empty()
        .unwrap();
    let location = uploads.headers()["location"].to_str().unwrap();
    let upload = format!("{location}&digest={}", digest(config));
    ureq::put(upload).send(&config[..]).unwrap();
    let media_type = "application/vnd.oci.image.config.v1+json";
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": { "mediaType": media_type, "digest": digest(config), "size": config.len() },
        "layers": [],
    });
    ureq::put(format!("{url}/manifests/latest"))
        .header("content-type", "application/vnd.oci.image.manifest.v1+json")
        .send(manifest.to_string())
        .unwrap();
    pull(&world.place("image")).exits(2, &["it is no component", media_type]);
    pull("oci://127.0.0.1:1/x:1").exits(5, &["failed to pull", "--plain-http"]);
    pull("oci://acme/x").exits(2, &["names no registry"]);
}

#[test]
fn a_registry_that_asks_for_a_name_is_told_it() {
    let Some(world) = World::start(true) else {
        return;
    };
    let push = format!("push a.wasm {}", world.place("audit:1"));
    world
        .run(&push)
        .exits(3, &["docker login", "--password-stdin"]);
    let named = format!("{push} --username acme --password-stdin");
    world
        .run_with(&named, "wrong\n", None)
        .exits(3, &["docker login"]);
    world.run_with(&named, "", None).exits(3, &["no password"]);
    world
        .run_with(&named, "secret\n", None)
        .exits(0, &["oci://"]);
    // As docker writes it: base64 of `acme:secret`.
    let auths = json!({ "auths": { &world.registry.address: { "auth": "YWNtZTpzZWNyZXQ=" } } });
    fs::create_dir(world.path("docker")).unwrap();
    fs::write(world.path("docker/config.json"), auths.to_string()).unwrap();
    let pull = format!("pull {}", world.place("audit:1"));
    world
        .run_with(&pull, "", Some("docker"))
        .exits(0, &["audit.wasm"]);
    world.run(&pull).exits(3, &["docker login"]);
}
