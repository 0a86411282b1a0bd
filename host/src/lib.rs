//! `BeTrace` judges OpenTelemetry traces by rules that run as WebAssembly components.
//!
//! | room | what it does |
//! |---|---|
//! | [`clock`] [`tenant`] [`rule_id`] [`trace`] [`verdict`] | the words that the rooms share |

pub mod clock;
pub mod rule_id;
pub mod tenant;
pub mod trace;
pub mod verdict;
