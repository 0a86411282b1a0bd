//! Every limit of the compiler, with its unit in its name.

/// The longest source that is read, 256 KiB.
pub const SOURCE_BYTES_MAX: usize = 256 * 1024;
/// How deep parentheses, `not` and `.where( )` may nest in one rule.
pub const NESTING_MAX: u32 = 128;
/// How many comparisons, selectors and operators a rule may have.
pub const RULE_NODES_MAX: usize = 65_536;
/// How many different span sets a rule may have: each costs a test per span.
pub const RULE_SETS_MAX: usize = 1_024;
/// How many rules a file, and so a pack, may hold (the contract's limit).
pub const PACK_RULES_MAX: usize = 4_096;
/// How many span names a pack may speak of: they are numbered in 16 bits, and 0 stands for none.
pub const PACK_NAMES_MAX: usize = 65_535;
/// How much code and data one rule may bring to its component, 4 MiB.
pub const COMPONENT_BYTES_PER_RULE_MAX: usize = 4 * 1024 * 1024;
/// How many errors a run reports before it stops looking.
pub const DIAGNOSTICS_MAX: usize = 100;
/// How many diagnostics are shown; the rest are counted.
pub const DIAGNOSTICS_SHOWN_MAX: usize = 20;
/// The longest rule id, in bytes (the contract's limit).
pub const RULE_ID_BYTES_MAX: usize = 128;
/// How many witnesses a violation names.
pub const WITNESSES_MAX: u32 = 100;
/// How large the table of a regular expression may be in the component, 1 MiB.
pub const PATTERN_TABLE_BYTES_MAX: usize = 1024 * 1024;
/// How large an automaton may grow on the way to that table, 4 MiB: what bounds the time that a pattern takes.
pub const PATTERN_AUTOMATON_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How much all tables of a pack may take, 8 MiB of the 64 that a component has.
pub const PACK_TABLES_BYTES_MAX: usize = 8 * 1024 * 1024;
/// How large the automata of a pack may grow, one after another, 16 MiB: what bounds the time that a file takes.
pub const PACK_AUTOMATON_BYTES_MAX: usize = 16 * 1024 * 1024;
