//! Help, and command lines that are wrong.

use std::{
    fmt::Write,
    net::TcpListener,
    process::{Command, Stdio},
};

use super::run::betrace;

#[test]
fn every_command_has_help_with_examples() {
    let mut pages = String::new();
    let commands: [&[&str]; 47] = [
        &[],
        &["serve"],
        &["demo"],
        &["import"],
        &["new"],
        &["build"],
        &["check"],
        &["fmt"],
        &["compile"],
        &["inspect"],
        &["keys"],
        &["keys", "new"],
        &["keys", "show"],
        &["sign"],
        &["verify"],
        &["push"],
        &["pull"],
        &["test"],
        &["explain"],
        &["replay"],
        &["rules"],
        &["rules", "apply"],
        &["rules", "list"],
        &["rules", "show"],
        &["rules", "history"],
        &["rules", "rollback"],
        &["rules", "enable"],
        &["rules", "disable"],
        &["rules", "remove"],
        &["signals"],
        &["signals", "list"],
        &["signals", "show"],
        &["signals", "watch"],
        &["traces"],
        &["traces", "show"],
        &["traces", "list"],
        &["tenants"],
        &["tenants", "create"],
        &["tenants", "list"],
        &["tenants", "rotate-token"],
        &["tenants", "limit"],
        &["tenants", "trust"],
        &["tenants", "distrust"],
        &["tenants", "remove"],
        &["tenants", "admin-token"],
        &["bench"],
        &["lsp"],
    ];
    for command in commands {
        let mut args = command.to_vec();
        args.push("--help");
        let run = betrace(&args).exits(0);
        assert_eq!(run.stderr, "");
        assert!(run.stdout.contains("Examples:\n  betrace "), "{command:?}");
        writeln!(pages, "$ betrace {}\n\n{}", args.join(" "), run.stdout).unwrap();
    }
    insta::assert_snapshot!(pages);
}

#[test]
fn a_wrong_command_line_exits_with_3() {
    for args in [
        &[][..],
        &["frobnicate"],
        &["serve"],
        &["serve", "--data", "x", "--grpc", "nowhere"],
        &["serve", "--data", "x", "--settle", "7"],
        &["new"],
        &["check"],
        &["fmt"],
        &["rules"],
        &["rules", "apply"],
        &["signals", "list", "--status", "closed"],
        &["signals", "list", "--from", "yesterday"],
        &["replay", "x", "--fail-on", "held"],
        &["check", "x.btr", "-o", "xml"],
    ] {
        betrace(args).exits(3);
    }
}

#[test]
fn a_wrong_time_says_what_a_time_is() {
    betrace(&["signals", "list", "--from", "yesterday"])
        .exits(3)
        .says(&["'yesterday'", "--from", "2026-03-01T19:30:00Z", "24h"]);
}

#[test]
fn a_server_that_is_not_there_exits_with_5_and_says_what_to_do() {
    // A port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let server = format!("http://127.0.0.1:{port}");
    for command in [
        &["rules", "list"][..],
        &["rules", "show", "some-rule"],
        &["signals", "list"],
        &["signals", "watch"],
        &["traces", "list"],
        &["replay", "some-rule"],
    ] {
        let mut args = command.to_vec();
        args.extend(["--server", &server]);
        betrace(&args).exits(5).says(&[
            "error: failed to reach the server at",
            &server,
            "help:",
            "betrace serve",
        ]);
    }
}

#[test]
fn an_address_that_is_none_exits_with_3() {
    betrace(&["rules", "list", "--server", "ftp://example.com"])
        .exits(3)
        .says(&["is not the address of a server"]);
    betrace(&["rules", "list", "--server", "not an address"])
        .exits(3)
        .says(&["is not the address of a server", "http://127.0.0.1:4320"]);
}

#[test]
fn what_cannot_be_an_id_is_an_unknown_id() {
    for (args, says) in [
        (
            ["rules", "show", "No Such Rule"],
            "there is no rule `No Such Rule`",
        ),
        (["signals", "show", "xyz"], "there is no signal `xyz`"),
        (["traces", "show", "123"], "there is no trace `123`"),
    ] {
        betrace(&args).exits(2).says(&[says]);
    }
    betrace(&["traces", "show", "123"]).says(&["32 hexadecimal digits"]);
}

#[test]
fn an_empty_environment_variable_is_not_set() {
    let run = Command::new(env!("CARGO_BIN_EXE_betrace"))
        .args(["rules", "list"])
        .envs([("BETRACE_SERVER", ""), ("BETRACE_TOKEN", "")])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(!said.contains("is not the address of a server"), "{said}");
    betrace(&["rules", "list", "--server", ""])
        .exits(3)
        .says(&["is not the address of a server"]);
}

#[test]
fn an_address_to_listen_on_says_what_an_address_is() {
    betrace(&["serve", "--data", "x", "--api", "localhost:4320"])
        .exits(3)
        .says(&[
            "localhost:4320",
            "an IP address and a port, like 127.0.0.1:4317",
        ]);
}

#[test]
fn completions_are_for_the_shell_named() {
    let bash = betrace(&["completions", "bash"]).exits(0);
    assert!(bash.stdout.contains("_betrace"));
    betrace(&["completions", "cmd"]).exits(3);
}

#[test]
fn a_reader_that_goes_away_ends_the_command_quietly() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_betrace"))
        .args(["completions", "zsh"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn a_server_shows_what_holds_of_its_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("betrace.toml");
    std::fs::write(&file, "memory = \"400MiB\"\nsettle = \"2s\"\n").unwrap();
    let check = |more: &[&str]| {
        let file = file.to_str().unwrap();
        let args = [
            "serve",
            "--data",
            "none",
            "--check-config",
            "--config",
            file,
        ];
        betrace(&[&args[..], more].concat()).exits(0).stdout
    };
    let shown = check(&["--idle", "3s"]);
    for line in [
        "settle = \"2s\"\n",
        "idle = \"3s\"\n",
        "memory = \"400MiB\"  # 400 MiB: 41 for requests in flight (one tenant 31), \
         124 for open traces (one tenant 93)\n",
    ] {
        assert!(shown.contains(line), "{shown}");
    }
    // It is a configuration itself.
    std::fs::write(&file, &shown).unwrap();
    assert_eq!(check(&[]), shown);
    let little = [
        "serve",
        "--data",
        "none",
        "--check-config",
        "--memory",
        "1MiB",
    ];
    betrace(&little)
        .exits(3)
        .says(&["a server needs 256MiB at least"]);
}
