//! One file a subcommand: what can be typed after it, and what it then does.

pub mod check;
pub mod explain;
pub mod fix;
pub mod list;
pub mod look_as_root;
pub mod why;
