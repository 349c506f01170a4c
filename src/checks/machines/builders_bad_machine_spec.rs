//! A line of the machines file that Nix refuses, and with it every line.

use super::machines_file_missing;
use crate::checks::prelude::*;
use crate::evidence::builds::Ended;
use crate::parse::build_log::Outcome;

/// See the module.
pub static CHECK: Check = Check {
    id: "builders-bad-machine-spec",
    title: "Nix can read every line of the machines file",
    layer: Layer::Machines,
    severity: Severity::Error,
    needs: &[&machines_file_missing::CHECK],
    disproved_by: Proof::ABuild,
    why: "One bad line breaks every build that looks for a machine, builds for macOS included. The columns are \
          separated by spaces: URI, systems, key, jobs, speed, features, mandatory features, host key; a list takes \
          commas without spaces, and `-` stands for a default.",
    remedy: Remedy {
        nix_darwin: Some(Advice::manual(
            &["sudo darwin-rebuild switch"],
            "",
        )
        .after_edit(
            "/etc/nix/machines is made from nix.linux-builder and nix.buildMachines of your nix-darwin configuration: \
             mend it there. If the file is no link, move it away: nix-darwin does not replace it.",
        )),
        determinate: None,
        otherwise: Advice::manual(&["sudo -e {file}"], "Mend the marked column. No restart is needed."),
    },
    fixes: &[],
    references: &["https://nix.dev/manual/nix/latest/command-ref/conf-file#conf-builders"],
    judge,
    examples: &[
        Example {
            name: "a placeholder where the number of jobs should be",
            given: |e| {
                healthy::set_machines(e, &healthy::MACHINES.replace(" 4 1 ", " ${MAX_JOBS} 1 "));
                healthy::hide_builds(e);
            },
            expect: Expect::Fail,
        },
        Example {
            name: "only the build log shows it",
            given: |e| {
                healthy::set_builds(
                    e,
                    &Ended::Code(1),
                    "error: bad machine specification: failed to convert column #3 in a row: 'x y z four' to 'unsigned int'\n",
                );
            },
            expect: Expect::Fail,
        },
        Example { name: "nix-darwin's own line", given: |_| {}, expect: Expect::Pass },
    ],
};

fn judge(e: &Evidence, _: &Expectations) -> Result<Verdict, Missing> {
    let all = e.machines()?;
    let expected = "lines that Nix can read";
    if let Some(problem) = all.refused() {
        let seen = format!("Nix refuses the machines file: {}", without_row(&problem.nix_says));
        return fail(seen, expected)
            .at(Some(&problem.place))
            .word("file", super::file_of(e, &problem.place))
            .verdict();
    }
    if let Some(build) = e.build_that_says(|outcome| matches!(outcome, Outcome::BadMachineSpec(_)))
        && let Outcome::BadMachineSpec(words) = &build.log.outcome
    {
        let file = crate::evidence::machines::FILE;
        return fail(format!("Nix refuses the machines file: {}", without_row(words)), expected)
            .word("file", file)
            .verdict();
    }
    pass(crate::prose::count(all.machines.len(), "machine"))
}

/// Nix quotes the whole row, which is long, and shown anyway.
fn without_row(words: &str) -> String {
    match words.split_once("in a row: '") {
        Some((before, row)) => match row.rsplit_once("' to '") {
            Some((_, after)) => format!("{before}in a row to '{after}"),
            None => before.trim_end().to_owned(),
        },
        None => words.to_owned(),
    }
    .trim_start_matches("bad machine specification: ")
    .to_owned()
}
