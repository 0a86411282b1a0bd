//! `betrace new`: rules to begin with, and a test of them that passes.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, anyhow};
use clap::ValueEnum;

use super::{
    console::Console,
    exit::{Exit, Failure, Outcome},
};

/// The crate for rules in Rust, as its manifest calls it.
const SDK: &str = "betrace-rules";

/// The longest name in bytes: it becomes the id of a rule and the name of files.
const NAME_BYTES_MAX: usize = 64;

const CARGO_TOML: &str = include_str!("new/Cargo.toml.txt");
const LIB_RS: &str = include_str!("new/lib.rs.txt");
const RULE_BTR: &str = include_str!("new/rule.btr.txt");
const TEST_TOML: &str = include_str!("new/test.toml.txt");

/// Begin rules: a crate in Rust, or a file in the rule language, with a test that passes.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  betrace new --lang rust my-rules       a crate: `cargo test` in it, then `betrace build my-rules`
  betrace new --lang dsl my-rules        a rule file: `betrace test my-rules`, then `betrace build my-rules`
  betrace new --lang rust my-rules --sdk ../betrace/rules-sdk    with the SDK of a checkout")]
pub struct Args {
    /// The folder to make; its last part names the rules.
    #[arg(value_name = "NAME")]
    path: PathBuf,
    /// In which language.
    #[arg(long, value_enum, value_name = "LANG")]
    lang: Language,
    /// The folder of the SDK, for rules in Rust; else it comes from the registry, in this program's version.
    #[arg(long, value_name = "PATH")]
    sdk: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Language {
    /// A crate.
    Rust,
    /// The rule language.
    Dsl,
}

/// Makes the folder; one that is there already is left alone.
pub fn run(args: &Args, console: &mut Console) -> Outcome {
    let name = name_of(&args.path)?;
    let files = match args.lang {
        Language::Rust => rust(&name, args.sdk.as_deref())?,
        Language::Dsl if args.sdk.is_some() => {
            return Err(Failure::usage(anyhow!("--sdk is for rules in Rust"))
                .help("leave it out, or write --lang rust"));
        }
        Language::Dsl => dsl(&name),
    };
    if args.path.exists() {
        return Err(
            Failure::usage(anyhow!("`{}` is there already", args.path.display()))
                .help("name a folder that is not"),
        );
    }
    for (file, text) in files {
        let path = args.path.join(file);
        path.parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| fs::write(&path, text))
            .with_context(|| format!("failed to write `{}`", path.display()))
            .map_err(Failure::usage)?;
        console.line(path.display())?;
    }
    let folder = args.path.display();
    console.note(match args.lang {
        Language::Rust => {
            format!("test it with `cargo test` in {folder}, build it with `betrace build {folder}`")
        }
        Language::Dsl => {
            format!("test it with `betrace test {folder}`, build it with `betrace build {folder}`")
        }
    });
    Ok(Exit::Fine)
}

/// Returns the last part of a path, which must do for a crate, a rule's id and a file.
fn name_of(path: &Path) -> Result<String, Failure> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_good = name.len() <= NAME_BYTES_MAX
        && name.bytes().all(is_inner)
        && name
            .bytes()
            .next()
            .is_some_and(|first| first.is_ascii_lowercase());
    if is_good {
        return Ok(name.into_owned());
    }
    Err(Failure::usage(anyhow!(
        "`{name}` is not 1 to {NAME_BYTES_MAX} of `a-z`, `0-9` and `-`, beginning with a letter"
    ))
    .help("as in `betrace new --lang rust order-rules`"))
}

fn rust(name: &str, sdk: Option<&Path>) -> Result<Vec<(PathBuf, String)>, Failure> {
    let dependency = match sdk {
        None => format!("version = \"{}\"", env!("CARGO_PKG_VERSION")),
        Some(sdk) => format!("path = {}", toml::Value::String(sdk_path(sdk)?)),
    };
    let fill = |text: &str| {
        text.replace("NAME", name)
            .replace("DEPENDENCY", &dependency)
    };
    Ok(vec![
        ("Cargo.toml".into(), fill(CARGO_TOML)),
        ("src/lib.rs".into(), fill(LIB_RS)),
        (".gitignore".into(), "/target\n/*.wasm\n".to_owned()),
    ])
}

/// Returns the whole path of the SDK, so that the crate may lie anywhere.
fn sdk_path(sdk: &Path) -> Result<String, Failure> {
    let manifest = fs::read_to_string(sdk.join("Cargo.toml")).unwrap_or_default();
    if !manifest.contains(&format!("name = \"{SDK}\"")) {
        return Err(
            Failure::usage(anyhow!("`{}` is not the crate {SDK}", sdk.display()))
                .help("name the folder `rules-sdk` of a checkout of BeTrace"),
        );
    }
    let path = fs::canonicalize(sdk)
        .with_context(|| format!("failed to read `{}`", sdk.display()))
        .map_err(Failure::usage)?;
    Ok(path.display().to_string())
}

fn dsl(name: &str) -> Vec<(PathBuf, String)> {
    let fill = |text: &str| text.replace("NAME", name);
    vec![
        (format!("{name}.btr").into(), fill(RULE_BTR)),
        (format!("{name}.test.toml").into(), fill(TEST_TOML)),
        (".gitignore".into(), "/*.wasm\n".to_owned()),
    ]
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::name_of;

    #[test]
    fn a_name_does_for_a_crate_a_rule_and_a_file() {
        assert_eq!(name_of(Path::new("a/order-rules")).unwrap(), "order-rules");
        for wrong in ["", "Order", "1st", "a_b", "a b", "..", &"a".repeat(65)] {
            assert!(name_of(Path::new(wrong)).is_err(), "{wrong}");
        }
    }
}
