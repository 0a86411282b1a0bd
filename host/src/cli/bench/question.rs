//! What the bench asks of its traces: each question as a rule, and as [`super::native`] answers it.

/// A question of the bench.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// Its anchor is in one trace of a thousand.
    Rare,
    /// Its anchor is in every trace.
    Common,
    /// Asks for parents.
    Structure,
    /// Asks what came first.
    Order,
    /// Adds up an attribute.
    Aggregate,
    /// Searches texts.
    Regex,
    /// Counts, and rules out no trace.
    Count,
    /// Asks for durations.
    Slow,
    /// Asks for ancestors.
    Under,
    /// Sees every span.
    Any,
}

impl Question {
    /// All of them: the ten rules of the bench.
    pub(super) const ALL: [Self; 10] = [
        Self::Rare,
        Self::Common,
        Self::Structure,
        Self::Order,
        Self::Aggregate,
        Self::Regex,
        Self::Count,
        Self::Slow,
        Self::Under,
        Self::Any,
    ];

    /// Those that are also measured alone.
    pub(super) const ALONE: [Self; 6] = [
        Self::Rare,
        Self::Common,
        Self::Structure,
        Self::Order,
        Self::Aggregate,
        Self::Regex,
    ];

    /// Returns its name, which is the rule's id too.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Rare => "rare",
            Self::Common => "common",
            Self::Structure => "structure",
            Self::Order => "order",
            Self::Aggregate => "aggregate",
            Self::Regex => "regex",
            Self::Count => "count",
            Self::Slow => "slow",
            Self::Under => "under",
            Self::Any => "any",
        }
    }

    /// Returns what the rule says between its braces.
    pub(super) fn rule(self) -> &'static str {
        match self {
            Self::Rare => "match { records.export.where(db.rows >= 100) and not audit.log }",
            Self::Common => "match { phi.access.where(user.role == intern) and not audit.log }",
            Self::Structure => {
                "when { phi.access } always { every phi.access child_of http.server }"
            }
            Self::Order => "when { phi.access } always { every phi.access after auth.check }",
            Self::Aggregate => "match { sum(db.query, db.rows) > 3000 }",
            Self::Regex => {
                r#"when { http.server } never { http.server.where(http.route matches "^/api/v[0-9]+/admin/[789]$") }"#
            }
            Self::Count => "match { count(db.query) < 4 }",
            Self::Slow => "match { http.server.where(span:duration > 19ms) and not cache.get }",
            Self::Under => {
                "when { queue.publish } always { every queue.publish under http.client }"
            }
            Self::Any => "match { any.where(db.rows > 995) }",
        }
    }

    /// Returns the rules of some questions as one file.
    pub(super) fn source(questions: &[Self]) -> String {
        let rule =
            |question: &Self| format!("rule {} {{ {} }}\n", question.name(), question.rule());
        questions.iter().map(rule).collect()
    }
}

/// A question of which there are as many as one likes, no two alike: for rule sets of any size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Variant {
    /// Who read records that nobody wrote down: by the number of the role.
    Role(usize),
    /// At least so many rows were read, and nobody wrote it down.
    Rows(u64),
}

impl Variant {
    /// Returns the variant of a number.
    pub(super) fn of(number: u64) -> Self {
        let roles = super::traces::ROLES.len() as u64;
        if number < roles {
            Self::Role(number as usize)
        } else {
            Self::Rows(number)
        }
    }

    /// Returns the rule with the id `rule-NUMBER`.
    pub(super) fn source(number: u64) -> String {
        let filter = match Self::of(number) {
            Self::Role(role) => {
                let role = super::traces::ROLES.get(role).copied();
                format!("user.role == {}", role.unwrap_or_default())
            }
            Self::Rows(rows) => format!("db.rows >= {rows}"),
        };
        format!(
            "rule rule-{number} {{ match {{ phi.access.where({filter}) and not audit.log }} }}\n"
        )
    }
}
