//! The table, by where the fault is. Its order is the order of the answer: errors along the way of a build,
//! then warnings, then what is said only where nothing else is.

use super::Row;

mod cache;
mod dispatch;
mod guest;
mod host;
mod mild;
mod nix;
mod service;
mod ssh;

/// In order.
pub const FILES: &[&[Row]] =
    &[host::ROWS, nix::ROWS, service::ROWS, ssh::ROWS, dispatch::ROWS, guest::ROWS, cache::ROWS, mild::ROWS];

/// What every file of rows needs.
mod prelude {
    pub use super::super::paste::{Lack, Paste};
    pub use super::super::{ROW, Row, Sample, Seen, sample};
}
