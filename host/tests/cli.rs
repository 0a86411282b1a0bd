//! The command line as its users meet it: whole invocations of the binary, what they print and how they end.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails where it stands"
)]

mod cli {
    pub(crate) mod bench;
    pub(crate) mod doctor;
    pub(crate) mod explain;
    pub(crate) mod files;
    pub(crate) mod fmt;
    pub(crate) mod holds;
    pub(crate) mod rollout;
    pub(crate) mod run;
    pub(crate) mod server;
    pub(crate) mod signing;
    pub(crate) mod store;
    pub(crate) mod tenants;
    pub(crate) mod test_files;
    pub(crate) mod unloadable;
    pub(crate) mod usage;
}
