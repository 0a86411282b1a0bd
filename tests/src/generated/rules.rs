//! Whole rules.

use super::{
    Choices,
    conditions::{Names, condition},
};

const ZONES: [&str; 4] = [
    "America/New_York",
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
];

/// A rule, and the definitions that it needs.
#[derive(Debug, Clone)]
pub struct Rule {
    lets: String,
    /// What stands between the braces.
    body: String,
}

/// A file of rules.
pub fn pack(rules: &[Rule]) -> String {
    let lets = rules.iter().enumerate().map(|(index, rule)| {
        let names = Names::of(index);
        rule.lets
            .replace("SET", &names.set)
            .replace("NUMBER", &names.number)
    });
    let rules = rules.iter().enumerate().map(|(index, rule)| {
        let names = Names::of(index);
        let body = rule.body.replace("SET", &names.set);
        format!(
            "rule r{index} {{ {} }}\n",
            body.replace("NUMBER", &names.number)
        )
    });
    lets.chain(rules).collect()
}

impl Names {
    fn of(index: usize) -> Self {
        Self {
            set: format!("set{index}"),
            number: format!("number{index}"),
        }
    }
}

/// Makes a rule.
pub fn rule(c: &mut Choices) -> Rule {
    let (mut names, mut lets) = (Names::default(), String::new());
    if c.chance(15) {
        let sets = [
            "a.where(k == 42)",
            "any.where(x)",
            "trace.has(\"f g\")",
            "b.c",
        ];
        "SET".clone_into(&mut names.set);
        lets = format!("let SET = {}\n", c.pick(&sets));
        if c.chance(50) {
            "NUMBER".clone_into(&mut names.number);
            lets = format!("{lets}let NUMBER = {}\n", c.pick(&["1", "2", "0.5"]));
        }
    }
    let zone = if c.chance(25) {
        format!("timezone \"{}\" ", c.pick(&ZONES))
    } else {
        String::new()
    };
    let part = |c: &mut Choices| {
        let depth = c.weighted(&[4, 3, 1]);
        condition(c, &names, depth)
    };
    let body = match c.weighted(&[3, 3, 1, 1]) {
        0 => format!("match {{ {} }}", part(c)),
        1 => format!("when {{ {} }} always {{ {} }}", part(c), part(c)),
        2 => format!("never {{ {} }} when {{ {} }}", part(c), part(c)),
        _ => {
            let (when, always, never) = (part(c), part(c), part(c));
            format!("when {{ {when} }} always {{ {always} }} never {{ {never} }}")
        }
    };
    // What was named must be used.
    let has = |name: &str| !name.is_empty() && body.contains(name);
    let lets = lets
        .split_inclusive('\n')
        .filter(|line| {
            (line.contains("SET") && has(&names.set))
                || (line.contains("NUMBER") && has(&names.number))
        })
        .collect();
    Rule {
        lets,
        body: zone + &body,
    }
}
