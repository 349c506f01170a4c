//! One file a subcommand: what can be typed after it, and what it then does.

pub mod check;
pub mod completions;
pub mod diff;
pub mod explain;
pub mod fix;
pub mod fleet;
pub mod list;
pub mod look_as_root;
pub mod man;
pub mod mend_as_root;
pub mod schema;
pub mod tests;
pub mod undo;
pub mod why;
