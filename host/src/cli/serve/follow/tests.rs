//! A folder changes in all the ways that people and machines change one.

use std::{os::unix::fs::symlink, sync::Arc};

use tempfile::TempDir;

use super::*;
use crate::{
    api::{Operations, local::Rooms, wire::ApplyRequest},
    clock::{Clock, ManualClock, UnixNanos},
    rule_id::RuleMode,
    rules::Registry,
    sandbox::{PackCompiler, Sandbox, SandboxLimits},
    signature::{SecretKey, sign},
    store::Store,
    tenant::{KeyName, TenantId, TrustChange},
};

/// A store, and a folder that is followed.
struct Home {
    _dir: TempDir,
    folder: PathBuf,
    rooms: Rooms,
    follower: Follower,
}

impl Home {
    /// Starts with one rule, `a`, of the file `a.btr`.
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(UnixNanos(1)));
        let store = Store::open(&dir.path().join("data"), Arc::clone(&clock)).unwrap();
        let limits = SandboxLimits {
            instances_max: 2,
            ..SandboxLimits::default()
        };
        let sandbox = Arc::new(Sandbox::new(PackCompiler::InProcess, limits).unwrap());
        let registry = Registry::open(store.clone(), Arc::clone(&sandbox)).unwrap();
        let rooms = Rooms {
            store,
            registry: Arc::new(registry),
            sandbox,
            clock,
            open: None,
        };
        let folder = dir.path().join("rules");
        fs::create_dir(&folder).unwrap();
        let follower = Follower::new(folder.clone(), local(&rooms, PUBLISHER));
        let mut home = Self {
            _dir: dir,
            folder,
            rooms,
            follower,
        };
        home.write("a.btr", "rule a { match { x } }");
        home.follower.publish().unwrap();
        assert_eq!(home.live(), ["a 1"]);
        home
    }

    /// Writes a file as careful editors do: another one, renamed.
    fn write(&self, name: &str, text: &str) {
        let written = self.folder.join(format!(".{name}.new"));
        fs::write(&written, text).unwrap();
        fs::rename(written, self.folder.join(name)).unwrap();
    }

    /// Looks until nothing is found to be changing.
    fn look(&mut self) -> Looked {
        match self.follower.look() {
            Looked::Nothing => self.follower.look(),
            looked @ (Looked::Published(_) | Looked::Refused(_)) => looked,
        }
    }

    #[track_caller]
    fn publishes(&mut self, live: &[&str]) {
        let looked = self.look();
        assert!(matches!(looked, Looked::Published(_)), "{looked:?}");
        assert_eq!(self.live(), live);
        assert!(matches!(self.look(), Looked::Nothing));
    }

    #[track_caller]
    fn refuses(&mut self, word: &str) {
        let before = self.live();
        match self.look() {
            Looked::Refused(why) => assert!(why.contains(word), "{why}"),
            looked @ (Looked::Nothing | Looked::Published(_)) => panic!("{looked:?}"),
        }
        assert_eq!(self.live(), before);
        // Said once.
        assert!(matches!(self.look(), Looked::Nothing));
    }

    /// The live rules, each with its version.
    fn live(&self) -> Vec<String> {
        let live = self.rooms.registry.live(&TenantId::default_tenant());
        let live = live.unwrap();
        let rules = live.rules().iter();
        rules
            .map(|rule| format!("{} {}", rule.id, rule.version.0))
            .collect()
    }
}

fn local(rooms: &Rooms, who: &str) -> Local {
    Local::new(rooms.clone(), TenantId::default_tenant(), who.to_owned())
}

#[test]
fn a_file_that_is_replaced_added_or_taken_away_is_followed() {
    let mut home = Home::new();
    assert!(matches!(home.look(), Looked::Nothing));
    home.write("a.btr", "rule a { match { y } }");
    home.publishes(&["a 2"]);
    home.write("b.btr", "rule b { match { x } } rule c { match { x } }");
    home.publishes(&["a 2", "b 1", "c 1"]);
    // A rule moves to another file, and one is gone.
    fs::remove_file(home.folder.join("a.btr")).unwrap();
    home.write("b.btr", "rule b { match { x } } rule a { match { z } }");
    home.publishes(&["a 3", "b 2"]);
}

#[test]
fn a_file_that_is_being_written_is_not_read_before_it_rests() {
    let mut home = Home::new();
    for text in [
        "rule a {",
        "rule a { match {",
        "rule a { match { longer } }",
    ] {
        fs::write(home.folder.join("a.btr"), text).unwrap();
        assert!(matches!(home.follower.look(), Looked::Nothing), "{text}");
    }
    home.publishes(&["a 2"]);
}

#[test]
fn a_mistake_leaves_the_last_good_rules_and_is_said_once() {
    let mut home = Home::new();
    home.write("b.btr", "rule b { match { } }");
    home.refuses("b.btr");
    // All or nothing: the good file waits for the bad one.
    home.write("a.btr", "rule a { match { y } }");
    home.refuses("b.btr");
    home.write("b.btr", "rule a { match { x } }");
    home.refuses("both in");
    home.write("b.btr", "rule b { match { x } }");
    home.publishes(&["a 2", "b 1"]);
}

#[test]
fn a_folder_that_is_empty_or_gone_takes_nothing_out() {
    let mut home = Home::new();
    let aside = home.folder.with_extension("aside");
    fs::rename(&home.folder, &aside).unwrap();
    home.refuses("rules");
    fs::create_dir(&home.folder).unwrap();
    home.refuses("there are no .btr or .wasm files");
    fs::remove_dir(&home.folder).unwrap();
    fs::rename(&aside, &home.folder).unwrap();
    home.publishes(&["a 1"]);
}

#[test]
fn links_that_are_swapped_are_followed() {
    let mut home = Home::new();
    // As Kubernetes mounts a ConfigMap.
    for (edition, event) in [("..1", "x"), ("..2", "y")] {
        let folder = home.folder.join(edition);
        fs::create_dir(&folder).unwrap();
        fs::write(
            folder.join("a.btr"),
            format!("rule a {{ match {{ {event} }} }}"),
        )
        .unwrap();
    }
    symlink("..1", home.folder.join("..data")).unwrap();
    fs::remove_file(home.folder.join("a.btr")).unwrap();
    symlink("..data/a.btr", home.folder.join("a.btr")).unwrap();
    home.publishes(&["a 1"]);
    symlink("..2", home.folder.join("..data_tmp")).unwrap();
    fs::rename(home.folder.join("..data_tmp"), home.folder.join("..data")).unwrap();
    home.publishes(&["a 2"]);
}

#[test]
fn what_others_publish_is_not_the_folders_to_take_out() {
    let mut home = Home::new();
    let theirs = ApplyRequest {
        packs: vec![PackUpload {
            name: "theirs.btr".into(),
            component: None,
            source: Some("rule theirs { match { x } }".into()),
            reference: None,
        }],
        dry_run: false,
        take_over: false,
        mode: RuleMode::Live,
    };
    local(&home.rooms, "api").apply(&theirs).unwrap();
    home.write("a.btr", "rule b { match { x } }");
    home.publishes(&["b 1", "theirs 1"]);
    assert!(has_published(&local(&home.rooms, "any")).unwrap());
}

#[test]
fn a_folder_of_a_tenant_that_requires_signatures_is_held_to_them() {
    let mut home = Home::new();
    let (key, _) = SecretKey::generate().unwrap();
    let change = TrustChange {
        add: vec![(KeyName::try_new("release").unwrap(), key.public())],
        remove: Vec::new(),
        requires_signatures: Some(true),
    };
    let tenant = TenantId::default_tenant();
    home.rooms.store.change_trust(&tenant, &change).unwrap();
    home.write("a.btr", "rule a { match { y } }");
    home.refuses("it is rule text");
    let source = betrace_dsl::Source {
        name: "a.btr",
        text: b"rule a { match { y } }",
    };
    let component = betrace_dsl::compile(&source).0.unwrap().component;
    fs::remove_file(home.folder.join("a.btr")).unwrap();
    fs::write(home.folder.join("a.wasm"), &component).unwrap();
    home.refuses("it is not signed");
    fs::write(home.folder.join("a.wasm"), sign(&component, &key).unwrap()).unwrap();
    home.publishes(&["a 2"]);
}
