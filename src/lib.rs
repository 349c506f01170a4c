//! builder-doctor says why a Mac's Nix cannot build for Linux, and which command mends it.
//!
//! ```text
//!  the Mac ──gather──▶ Evidence ──judge──▶ Verdicts ──diagnose──▶ Diagnosis ──report──▶ human · json · markdown · junit · …
//!         (host/)   (evidence/, parse/)   (checks/)        (diagnosis.rs)        (report/)
//!                        ▲
//!                        └── report.json, read back by --from
//!
//!  Diagnosis ──plan──▶ Steps ──confirm──▶ carry out ──▶ look again ──▶ keep, or take back      (fix/, host/change/)
//! ```
//!
//! Left of `Evidence` is the world. Right of it nothing fails, blocks, or differs between two runs. So all
//! but the live host runs and is tested on Linux, and the report of a Mac can be judged again anywhere.
//!
//! # Invariants, each held by a test or a lint
//!
//! 1. The world enters through one door. Only `host` touches files, processes, sockets, the clock and the
//!    environment; `clippy.toml` forbids them elsewhere, each with what to use instead.
//! 2. Looking takes `&dyn Host`, which cannot write. The complete list of commands that looking runs is
//!    snapshots/commands.snap. All that a look leaves behind is one file of our own, by `history`: the report
//!    of the last healthy run.
//! 3. What platform this is is evidence (`uname -sm`, `sw_vers`), not `cfg(target_os)`: the same code runs
//!    on Linux with other commands on PATH.
//! 4. `gather` cannot fail: a probe that fails is evidence. Every run, `nix: command not found` included,
//!    ends in a full report, and valid JSON.
//! 5. Pass, fail, unknown and moot are never merged. A fact is reached only by an accessor that returns
//!    `Result<&T, Missing>`; on empty evidence every check answers unknown.
//! 6. Every probe has a deadline, every child its own process group, which is killed whole. What a probe
//!    prints is read to a bound and as bytes: no output can break the doctor.
//! 7. Facts are a whitelist. `access-tokens`, netrc, the environment as a whole and private keys are never
//!    read into evidence. The host layer alone reads them when a report is written, into a type that nothing
//!    can print or save, to see that the report holds none of them. Each string of the evidence says in the
//!    schema what kind of thing it holds, and a report for others holds tokens in place of names (`redact`).
//! 8. Renderers decide nothing. Every format carries the same ids and verdicts, and the exit code is the
//!    same in all of them.
//! 9. Derived, never copied: README's table of checks, `list`, `explain`, `schema`, completions and the man
//!    page are loops over the registry, the types and the command line, with a test that fails (and says how
//!    to update) where they drift.
//!
//! 10. Mending goes back the other way, and by another door: `host::change`. No step without its way back, found
//!     and journalled before the step; never through a link, never into the Nix store; kept only if looking again
//!     shows that it helped (docs/mending.md).
//!
//! Beside this line of thought: `topics` explains what no machine can be judged on, and `symptoms` names the
//! faults that pasted output speaks of, from a table.
//!
//! The modules, in the order in which to read them.

pub mod host;

pub mod parse;

pub mod evidence;

pub mod expectations;

pub mod dated;

pub mod check;

pub mod checks;

pub mod means;

pub mod topics;

pub mod symptoms;

pub mod diagnosis;

pub mod advice;

pub mod fix;

pub mod builder;

pub mod nixos_tests;

pub mod why;

pub mod drift;
pub mod fleet;
pub mod redact;

pub mod report;

pub mod history;
pub mod wait;

pub mod prose;
