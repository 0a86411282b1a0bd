//! `betrace explain`: why a rule gives a trace its verdict.
//!
//! The compiler takes the rule apart into rules, and the sandbox judges those as it judges all others: nothing here
//! evaluates anything.

use std::path::Path;

use anyhow::anyhow;
use betrace_dsl::Source;

use super::{
    console::Console,
    exit::{Exit, Failure, Outcome},
    packs,
    source::{self, DenyArgs},
    target::{Format, Target, TargetArgs},
};
use crate::{
    api::error::ApiError,
    rule_id::RuleId,
    sandbox::{PackCompiler, Sandbox, SandboxLimits},
};

mod judged;
mod print;
mod report;
mod trace;

/// Say why a rule gives a trace its verdict: each part of the rule, whether it is true, and the spans that decide it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
RULE is a rule file (.btr, .wasm) or the id of a published rule. TRACE is the id of a stored trace;
a file of OTLP/JSON, as FILE#TRACE_ID where it holds several traces; or a case of rule tests, as
FILE.test.toml#CASE.

Of each part of the rule is shown whether it is true (\u{2713}), false (\u{2717}), or cannot be told since
something is missing (?), and which spans make it so. Of what is false the nearest miss is shown: the
span that came closest, and what it fails. Of a component only its verdict is known, not its parts.

Examples:
  betrace explain hipaa.btr 5b8efff798038103d269b633813fc60c
  betrace explain hipaa-phi-audit 5b8efff798038103d269b633813fc60c --data ./betrace-data
  betrace explain rules.btr --rule phi-audit trace.json -o json
  betrace explain hipaa.btr \"hipaa.test.toml#PHI read with no audit record\"")]
pub struct Args {
    /// The rule: a file, or the id of a published rule.
    #[arg(value_name = "RULE")]
    rule: String,
    /// The trace: an id, a file, a trace of a file, or a case of rule tests.
    #[arg(value_name = "TRACE")]
    trace: String,
    /// Which rule, where the file has several.
    #[arg(long = "rule", value_name = "ID")]
    id: Option<String>,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    output: Format,
    #[command(flatten)]
    target: TargetArgs,
}

/// A rule, as far as it is at hand.
#[derive(Debug)]
struct Rule {
    /// For messages, and for the id of a rule that names none.
    name: String,
    /// Its pack; `None` of a published one whose source was not kept.
    component: Option<Vec<u8>>,
    /// The text of its pack; `None` of a component.
    source: Option<String>,
    /// Its id, where that is known.
    id: Option<String>,
}

/// Explains the rule.
pub fn run(args: &Args, console: &mut Console) -> Outcome {
    let mut target = None;
    let Some(rule) = rule(args, &mut target, console)? else {
        return Ok(Exit::Wrong);
    };
    let found = trace::find(args, &rule, &mut target)?;
    // The user's own rule, once: a child process would cost more than it guards.
    let sandbox =
        Sandbox::new(PackCompiler::InProcess, SandboxLimits::default()).map_err(Failure::usage)?;
    let report = judged::explain(&sandbox, &rule, &found)?;
    match args.output {
        Format::Human => print::print(&report, console)?,
        Format::Json => console.json(&report)?,
        Format::Ndjson => console.json_line(&report)?,
    }
    Ok(Exit::Fine)
}

/// Opens the server or store when it is first needed.
fn opened<'t>(args: &Args, target: &'t mut Option<Target>) -> Result<&'t Target, Failure> {
    match target {
        Some(target) => Ok(target),
        None => Ok(target.insert(args.target.open()?)),
    }
}

/// Finds the rule; `None` where its source does not compile, which has then been said.
fn rule(
    args: &Args,
    target: &mut Option<Target>,
    console: &Console,
) -> Result<Option<Rule>, Failure> {
    let path = Path::new(&args.rule);
    let endings = packs::RULE_ENDINGS;
    let spelled = args.rule.contains('/') || endings.iter().any(|end| args.rule.ends_with(end));
    if spelled || args.rule == "-" || path.exists() {
        packs::check_ending(path, &endings)?;
        let bytes = packs::read_file(path)?;
        let name = packs::name(path);
        if packs::is_component(path, &bytes) {
            return Ok(Some(Rule {
                name,
                component: Some(bytes),
                source: None,
                id: args.id.clone(),
            }));
        }
        let component = source::compile(&name, &bytes, DenyArgs::default(), console);
        return Ok(component.map(|component| Rule {
            name,
            component: Some(component),
            // The compiler has found it to be UTF-8.
            source: String::from_utf8(bytes).ok(),
            id: args.id.clone(),
        }));
    }
    let unknown = || Failure::from(ApiError::not_found("rule", &args.rule));
    let id = RuleId::try_new(&args.rule).ok_or_else(unknown)?;
    let detail = opened(args, target)?.operations().rule(&id)?;
    // A bare rule without a signal takes its id from its file's name.
    let name = format!("{id}.btr");
    let component = detail.source.as_ref().and_then(|text| {
        let source = Source {
            name: &name,
            text: text.as_bytes(),
        };
        Some(betrace_dsl::compile(&source).0?.component)
    });
    Ok(Some(Rule {
        name,
        source: detail.source.filter(|_| component.is_some()),
        component,
        id: Some(args.id.clone().unwrap_or_else(|| id.to_string())),
    }))
}

/// A trace or a rule that is not there, with those that are.
fn one_of(what: &str, known: &[String]) -> Failure {
    const SHOWN_MAX: usize = 20;
    let mut list: Vec<&str> = known.iter().map(String::as_str).take(SHOWN_MAX).collect();
    if known.len() > SHOWN_MAX {
        list.push("...");
    }
    Failure::wrong(anyhow!("{what}")).help(format!("it has {}", list.join(", ")))
}
