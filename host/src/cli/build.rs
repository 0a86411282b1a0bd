//! `betrace build`: the rules of a folder to components.
//!
//! | folder | step | file |
//! |---|---|---|
//! | a crate | cargo builds its core module | `cargo` |
//! | | the module becomes a component | `component` |
//! | rule files | the compiler makes a component of each | here |
//!
//! Whatever is made is loaded as a server would load it before it is written.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, anyhow};

use super::{
    console::Console,
    exit::{Exit, Failure, Outcome},
    packs,
    source::{self, DenyArgs},
    table::counted,
    target::one_shot_sandbox,
};
use crate::sandbox::{PackPre, Sandbox};

mod cargo;
mod component;

/// Build the rules of a folder, a crate or rule files, to components.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
In the folder of a crate cargo builds it for wasm32-unknown-unknown, and CRATE.wasm is written there.
In a folder of rule files each FILE.btr becomes FILE.wasm. What a server would not load is not written.

Examples:
  betrace new --lang rust my-rules && betrace build my-rules
  betrace build my-rules --test          run the crate's tests natively and against the component
  betrace build rules/                   of rule files
  betrace build my-rules -o out/         write the components somewhere else")]
pub struct Args {
    /// The folder of a crate, or of rule files.
    #[arg(default_value = ".", value_name = "FOLDER")]
    folder: PathBuf,
    /// Write the components to this folder.
    #[arg(short, long, value_name = "FOLDER")]
    output: Option<PathBuf>,
    /// Run a crate's tests too: natively, and each judgement by the component.
    #[arg(long)]
    test: bool,
    #[command(flatten)]
    deny: DenyArgs,
}

/// Builds what is in the folder.
pub fn run(args: &Args, console: &mut Console) -> Outcome {
    let folder = &args.folder;
    let output = args.output.as_ref().unwrap_or(folder);
    let sandbox = one_shot_sandbox()?;
    let building = Building {
        sandbox: &sandbox,
        output,
    };
    if folder.join("Cargo.toml").is_file() {
        return of_crate(args, &building, console);
    }
    let files = rule_files(folder)?;
    if args.test {
        return Err(Failure::usage(anyhow!(
            "`{}` is no crate, and --test runs those of a crate",
            folder.display()
        ))
        .help(format!(
            "run its tests with `betrace test {}`",
            folder.display()
        )));
    }
    let mut failed = 0;
    for file in &files {
        let bytes = packs::read_file(file)?;
        match source::compile(&packs::name(file), &bytes, args.deny, console) {
            Some(component) => {
                building.write(file, &component, console)?;
            }
            None => failed += 1,
        }
    }
    Ok(if failed == 0 { Exit::Fine } else { Exit::Wrong })
}

fn of_crate(args: &Args, building: &Building<'_>, console: &mut Console) -> Outcome {
    let built = cargo::build(&args.folder)?;
    let component = component::encode(&built.module)?;
    let written = building.write(&built.name, &component, console)?;
    if !args.test {
        return Ok(Exit::Fine);
    }
    // The order of what cargo says and what we said is kept.
    console.flush()?;
    Ok(if cargo::test(&args.folder, &written)? {
        Exit::Fine
    } else {
        Exit::Findings
    })
}

/// Returns the rule files of a folder itself, in order of their names.
fn rule_files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = fs::read_dir(folder)
        .with_context(|| format!("failed to read the folder `{}`", folder.display()))
        .map_err(Failure::usage)?;
    let paths = entries.filter_map(Result::ok).map(|entry| entry.path());
    let is_rule = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "btr");
    let mut files: Vec<PathBuf> = paths.filter(is_rule).collect();
    files.sort_unstable();
    if files.is_empty() {
        return Err(Failure::wrong(anyhow!(
            "there is neither a Cargo.toml nor a .btr file in `{}`",
            folder.display()
        ))
        .help("begin with `betrace new --lang rust NAME` or `betrace new --lang dsl NAME`"));
    }
    Ok(files)
}

/// Where components go, and what tries them.
struct Building<'a> {
    sandbox: &'a Sandbox,
    output: &'a Path,
}

impl Building<'_> {
    /// Loads a component as a server would, then writes it under the name of what it was made of; returns where it lies.
    fn write(
        &self,
        of: impl AsRef<Path>,
        component: &[u8],
        console: &mut Console,
    ) -> Result<PathBuf, Failure> {
        let of = of.as_ref();
        let pack = self
            .sandbox
            .load(component)
            .with_context(|| format!("what was built of `{}` would not be loaded", of.display()))
            .map_err(Failure::wrong)?;
        let stem = of.file_stem().unwrap_or_default().to_string_lossy();
        let path = self.output.join(format!("{stem}.wasm"));
        fs::create_dir_all(self.output)
            .and_then(|()| fs::write(&path, component))
            .with_context(|| format!("failed to write `{}`", path.display()))
            .map_err(Failure::usage)?;
        console.line(format_args!(
            "{}  {}",
            path.display(),
            said_of(&pack, component)
        ))?;
        Ok(path)
    }
}

fn said_of(pack: &PackPre, component: &[u8]) -> String {
    /// So many are named.
    const NAMED: usize = 5;
    let n_rules = pack.rules().len();
    let ids = pack
        .rules()
        .iter()
        .take(NAMED)
        .map(|rule| rule.id.to_string());
    let mut ids = ids.collect::<Vec<_>>().join(", ");
    if n_rules > NAMED {
        ids.push_str(", …");
    }
    format!(
        "{} bytes  {}: {ids}",
        component.len(),
        counted(n_rules as u64, "rule")
    )
}
