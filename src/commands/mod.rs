//! One file a subcommand: what can be typed after it, and what it then does.

pub mod check;
pub mod completions;
pub mod control_as_root;
pub mod diff;
pub mod explain;
pub mod fix;
pub mod fleet;
pub mod list;
pub mod look_as_root;
pub mod man;
pub mod mend_as_root;
pub mod preflight;
pub mod restart;
pub mod schema;
pub mod setup;
pub mod start;
pub mod status;
pub mod stop;
pub mod tests;
pub mod undo;
pub mod wait;
pub mod why;
