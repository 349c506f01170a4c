//! From a Mac with Nix to a verified builder: looked at, planned, agreed to, built, switched to, proven; and back again
//! from wherever it fails.

use crate::commands::check::host_name;
use crate::commands::fix::{listed, with_menders};
use crate::commands::setup::SetupArgs;
use crate::judged::Machine;
use crate::mending::Menders;
use crate::{USAGE, say, terminal, watched};
use builder_doctor::builder::setup::Order;
use builder_doctor::builder::setup::flake::{Flake, bootstrap, names, needs_a_linux_builder};
use builder_doctor::builder::setup::ground::CURRENT;
use builder_doctor::check::Proof;
use builder_doctor::checks;
use builder_doctor::diagnosis::{Role, Selection, diagnose};
use builder_doctor::evidence::setup::PLACED;
use builder_doctor::evidence::{Evidence, Wanted, nix};
use builder_doctor::expectations::{self, Expectations};
use builder_doctor::fix::mend::{Ask, Outcome};
use builder_doctor::host::live::Live;
use builder_doctor::host::stream::watch;
use builder_doctor::host::{Cancel, Host, Kind, Stopped};
use builder_doctor::nixos_tests::{BUILD, Watched, shown};
use builder_doctor::prose::line;
use builder_doctor::redact::without_any_secret;
use builder_doctor::report::Timings;
use builder_doctor::report::format::{Format, render};
use builder_doctor::report::human::Detail;
use builder_doctor::report::mended::{Ending, Mended, ended, step};
use builder_doctor::report::purpose::Purpose;
use builder_doctor::report::setup::{Words, done};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// What one look may take.
const LOOK: Duration = Duration::from_secs(90);
/// What an evaluation may take; a flake's inputs are fetched for it.
const EVALUATION: Duration = Duration::from_secs(600);
/// The commands that the module installs.
const COMMANDS: [&str; 5] = [
    "builder-doctor",
    "setup-darwin-linux-builder",
    "verify-darwin-linux-builder",
    "start-linux-builder",
    "stop-linux-builder",
];

/// Why it ends before its end.
enum End {
    /// Somebody pressed Ctrl-C, or closed the terminal.
    Interrupted,
    /// This is why.
    Because(String),
}

struct SetUp<'a> {
    args: &'a SetupArgs,
    interrupted: &'a Arc<Cancel>,
}

/// Sets this Mac up.
pub fn run(args: &SetupArgs) -> Result<ExitCode, String> {
    let flake = Flake::parse(args.flake.as_deref())?;
    let interrupted = Arc::new(Cancel::default());
    terminal::heed_signals(&interrupted)?;
    let it = SetUp { args, interrupted: &interrupted };
    match it.run(&flake) {
        Ok(code) => Ok(code),
        Err(End::Interrupted) => {
            terminal::complain("interrupted: nothing was changed");
            Ok(ExitCode::from(terminal::INTERRUPTED))
        }
        Err(End::Because(why)) => Err(why),
    }
}

impl SetUp<'_> {
    fn host(&self, most: Duration) -> Live {
        Live::new(most, Arc::clone(self.interrupted))
    }

    fn want(&self) -> Result<Expectations, End> {
        expectations::find(&self.host(LOOK), self.args.expect.as_deref()).map_err(End::Because)
    }

    fn run(&self, flake: &Flake) -> Result<ExitCode, End> {
        let (seen, clear) = self.preflight()?;
        if !clear {
            return Ok(ExitCode::from(1));
        }
        let all = names(&self.asked(&flake.question())?).map_err(End::Because)?;
        let name = flake.chosen(&all, host_name().as_deref()).map_err(End::Because)?;
        let (installable, flake_shown) = (flake.system(&name), line(&flake.shown(&name)));
        terminal::note(&format!("evaluate {flake_shown}"));
        let path = format!("{installable}.outPath");
        let system = self.asked(&["eval", "--raw", "--", &path].map(str::to_owned))?.trim().to_owned();
        if self.is_current(&system) {
            return self.already(&flake_shown);
        }
        let first = bootstrap(&all, &name);
        let first_shown = first.as_deref().map(|name| line(&flake.shown(name)));
        let words = Words {
            flake: &flake_shown,
            bootstrap: first_shown.as_deref(),
            files: &self.in_the_way(),
            wait_seconds: self.args.timeout.as_secs(),
        };
        let _ = terminal::print(&words.render(self.args.look.paint()));
        if self.args.dry_run {
            return Ok(say("\nThis is a plan: nothing was changed.\n", 0));
        }
        if !self.consent()? {
            return Ok(say("Nothing was changed.\n", 1));
        }
        let _ = terminal::print("\n");
        if self.build(&installable)? {
            return with_menders(&seen.platform, self.interrupted, |menders| {
                self.stages(&[(flake_shown.as_str(), system.as_str())], None, menders)
            })
            .map_err(End::Because);
        }
        let Some(first) = first else {
            return Err(End::Because(format!(
                "nothing was changed: the VM of {flake_shown} can only be built by a Linux builder, and there is none yet; \
                 give the flake a darwinConfigurations.{name}-bootstrap with the stock VM (nix.linux-builder.enable, and no \
                 nix.linux-builder.config): it is set up first then"
            )));
        };
        let (first_system, first_shown) = (flake.system(&first), line(&flake.shown(&first)));
        terminal::note(&format!("a Linux builder has to build that VM, so {first_shown} comes first"));
        if !self.build(&first_system)? {
            return Err(End::Because(format!(
                "nothing was changed: {first_shown} needs a Linux builder to be built as well, so its VM is in no binary \
                 cache: update the flake's nixpkgs to a revision whose VM is there"
            )));
        }
        let path = format!("{first_system}.outPath");
        let first_path = self.asked(&["eval", "--raw", "--", &path].map(str::to_owned))?.trim().to_owned();
        with_menders(&seen.platform, self.interrupted, |menders| {
            let both = [(first_shown.as_str(), first_path.as_str()), (flake_shown.as_str(), system.as_str())];
            self.stages(&both, Some(&installable), menders)
        })
        .map_err(End::Because)
    }

    /// What stands in the way before anything is touched; the report is printed where something does.
    fn preflight(&self) -> Result<(Evidence, bool), End> {
        let want = self.want()?;
        let offline = self.args.offline.then(|| "--offline: no cache was asked".to_owned());
        let wanted = Wanted { offline, ..Wanted::only(checks::preflight::FACTS) };
        let host = self.host(LOOK);
        let (evidence, probes) = watched(&host, &want, &wanted);
        self.go_on()?;
        let selection = Selection::default();
        let timings = Timings { total_ms: 0, probes };
        let machine = Machine {
            purpose: Purpose::Preflight,
            want: &want,
            selection: &selection,
            timings: &timings,
            saved: None,
            interrupted: false,
            offers_fixes: false,
        };
        let view = machine.judged(without_any_secret(&evidence).map_err(End::Because)?);
        let report = machine.report(&view);
        let clear = report.verdict != "broken";
        if report.causes().next().is_some() {
            let _ =
                terminal::print(&render(&report, Format::Human, self.args.look.paint(), Detail::Findings));
            let _ = terminal::print(if clear { "\n" } else { "\nNothing was changed.\n" });
        }
        Ok((evidence, clear))
    }

    fn go_on(&self) -> Result<(), End> {
        if self.interrupted.reason().is_some() { Err(End::Interrupted) } else { Ok(()) }
    }

    /// What Nix answers.
    fn asked(&self, words: &[String]) -> Result<String, End> {
        let host = self.host(EVALUATION);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let command = nix::command(&host, &words);
        let command = command.ok_or_else(|| End::Because("there is no Nix on this machine".to_owned()))?;
        let output = host.run(&command.within(EVALUATION));
        self.go_on()?;
        match output {
            Ok(output) if output.ok() => Ok(output.stdout),
            Ok(output) if matches!(output.stopped, Some(Stopped::Abandoned(_))) => Err(End::Interrupted),
            Ok(output) => {
                Err(End::Because(format!("nothing was changed: `nix eval`: {}", output.complaint())))
            }
            Err(error) => Err(End::Because(format!("nothing was changed: `nix eval`: {error}"))),
        }
    }

    /// Whether this system is the present one.
    fn is_current(&self, system: &str) -> bool {
        self.host(LOOK).canonical(Path::new(CURRENT)).is_ok_and(|it| it == Path::new(system))
    }

    fn in_the_way(&self) -> Vec<String> {
        let host = self.host(LOOK);
        let is_file = |path: &&str| host.lstat(Path::new(path)).is_ok_and(|it| it.kind == Kind::File);
        PLACED.iter().copied().filter(is_file).map(str::to_owned).collect()
    }

    fn consent(&self) -> Result<bool, End> {
        if self.args.yes {
            return Ok(true);
        }
        if !terminal::can_ask() {
            return Err(End::Because(
                "nothing was changed: there is nobody to ask; --yes says so beforehand".to_owned(),
            ));
        }
        let answer = terminal::answer("\nSet it up? [y/N] ", self.interrupted).ok_or(End::Interrupted)?;
        Ok(["y", "yes"].contains(&answer.to_ascii_lowercase().as_str()))
    }

    /// Builds; false where only a Linux builder could.
    fn build(&self, installable: &str) -> Result<bool, End> {
        let host = self.host(LOOK);
        let words = [BUILD, &["--", installable]].concat();
        let command = nix::command(&host, &words);
        let command = command.ok_or_else(|| End::Because("there is no Nix on this machine".to_owned()))?;
        terminal::note(&format!("nix build {}", builder_doctor::host::quoted(installable)));
        let mut heard = Watched::new("");
        let ended = watch(&command, self.interrupted, &mut |text| {
            for text in text.split('\r') {
                let text = shown(text);
                heard.hear(&text);
                terminal::pass_on(&text);
            }
        });
        self.go_on()?;
        match ended {
            Ok(true) => Ok(true),
            Ok(false) if needs_a_linux_builder(heard.text()) => Ok(false),
            Ok(false) => Err(End::Because(format!(
                "nothing was changed: {} could not be built; `nix build 2>&1 | builder-doctor explain -` says what its output means",
                line(installable)
            ))),
            Err(error) => Err(End::Because(format!("nothing was changed: `nix build`: {error}"))),
        }
    }

    /// One system after the other; where one fails, those before it are taken back, too.
    fn stages(
        &self,
        stages: &[(&str, &str)],
        then_build: Option<&str>,
        menders: &mut Menders,
    ) -> Result<ExitCode, String> {
        let paint = self.args.look.paint();
        let mut numbers: Vec<u32> = Vec::new();
        for (i, (flake, system)) in stages.iter().enumerate() {
            if let Some(installable) = then_build.filter(|_| i > 0) {
                let built = self.build(installable);
                let why = match built {
                    Ok(true) => None,
                    Ok(false) => Some("the new builder does not build its own VM".to_owned()),
                    Err(End::Interrupted) => Some("interrupted".to_owned()),
                    Err(End::Because(why)) => Some(why.replace("nothing was changed: ", "")),
                };
                if let Some(why) = why {
                    terminal::complain(&why);
                    return Ok(self.all_back(&numbers, menders));
                }
            }
            let fix = match self.stage(flake, system, menders) {
                Err(why) if !numbers.is_empty() => {
                    terminal::complain(&why);
                    return Ok(self.all_back(&numbers, menders));
                }
                fix => fix?,
            };
            numbers.extend(fix.number.filter(|_| fix.ending == Ending::Fixed));
            if fix.ending == Ending::Fixed {
                if i + 1 < stages.len() {
                    terminal::note(&format!("{flake} works; now for {}", stages[i + 1].0));
                    continue;
                }
                let host = self.host(LOOK);
                let is_there = |name: &&str| host.stat(&Path::new(CURRENT).join("sw/bin").join(name)).is_ok();
                let commands: Vec<&str> = COMMANDS.iter().copied().filter(is_there).collect();
                let text = done(flake, &fix.because, &commands, &numbers, paint);
                return Ok(say(&format!("\n{text}"), 0));
            }
            let _ = terminal::print(&ended(&fix, paint));
            let code = fix.ending.exit_code(0);
            if !numbers.is_empty() && self.all_back(&numbers, menders) == ExitCode::from(4) {
                return Ok(ExitCode::from(4));
            }
            return Ok(ExitCode::from(code));
        }
        Ok(ExitCode::from(USAGE))
    }

    /// Switches to one system, and proves that the builder builds.
    fn stage(&self, flake: &str, system: &str, menders: &mut Menders) -> Result<Mended, String> {
        let host = self.host(LOOK);
        let want = expectations::find(&host, self.args.expect.as_deref())?;
        let order = Order {
            system: system.to_owned(),
            flake: flake.to_owned(),
            address: "127.0.0.1".to_owned(),
            port: want.builder.port,
            at_most_seconds: self.args.timeout.as_secs(),
            after: listed(&host)?.all().last().map_or(0, |it| it.number),
        };
        let mut fix = Mended { fix: "nix-darwin".to_owned(), ..Mended::new("setup") };
        self.ask(Ask::SetUp(Box::new(order)), &mut fix, menders);
        if fix.number.is_none() || fix.ending != Ending::NotBegun || !fix.because.is_empty() {
            return Ok(fix);
        }
        terminal::note("make a test build on the builder");
        let word = match self.proven() {
            _ if self.interrupted.reason().is_some() => Ask::TakeBack("interrupted".to_owned()),
            Ok(proof) => {
                fix.because = proof;
                Ask::Keep
            }
            Err(why) => Ask::TakeBack(why),
        };
        self.ask(word, &mut fix, menders);
        Ok(fix)
    }

    fn ask(&self, ask: Ask, fix: &mut Mended, menders: &mut Menders) {
        let paint = self.args.look.paint();
        let mut begun = fix.number.is_some();
        let outcome = menders.for_root(true).ask(ask, &mut |told| {
            begun = true;
            let _ = terminal::print(&step(&told, paint).unwrap_or_default());
        });
        fix.end(outcome.unwrap_or_else(|because| match begun {
            // Whoever acted is gone in the middle of it, and takes back what it can; its journal knows.
            true => Outcome::Stuck {
                number: fix.number.unwrap_or_default(),
                because: format!("{because}; `builder-doctor undo` takes back what still stands"),
                left: Vec::new(),
            },
            false => Outcome::NotBegun { because },
        }));
        if self.interrupted.reason().is_some() && fix.ending == Ending::RolledBack {
            fix.ending = Ending::Interrupted;
        }
    }

    /// Takes back what was set up before, the last first.
    fn all_back(&self, numbers: &[u32], menders: &mut Menders) -> ExitCode {
        let paint = self.args.look.paint();
        let mut code = if self.interrupted.reason().is_some() { terminal::INTERRUPTED } else { 4 };
        for number in numbers.iter().rev() {
            let mut fix = Mended { number: Some(*number), ..Mended::new("setup") };
            self.ask(Ask::Undo { number: *number, anyway: true }, &mut fix, menders);
            if matches!(fix.ending, Ending::RolledBack | Ending::Interrupted) {
                fix.ending = Ending::Undone;
            }
            let _ = terminal::print(&ended(&fix, paint));
            if fix.ending == Ending::Stuck || fix.ending == Ending::NotBegun {
                code = 4;
            }
        }
        ExitCode::from(code)
    }

    /// What shows that the builder builds; else why it does not.
    fn proven(&self) -> Result<String, String> {
        let host = self.host(LOOK);
        let want = expectations::find(&host, self.args.expect.as_deref())?;
        let evidence = watched(&host, &want, &Wanted::default()).0;
        let proof = Proof::EveryBuild.given(&evidence, &want);
        if let Some(proof) = proof {
            return Ok(proof);
        }
        let found = diagnose(&checks::all(), &evidence, &want, &Selection::default());
        let cause = found.findings().find(|(.., role)| *role == Role::Cause);
        Err(match cause {
            Some((judged, finding, _)) => {
                format!("no test build runs there, by {}: {}", judged.check.id, finding.seen)
            }
            None => "no test build ran on the builder, and no cause was seen".to_owned(),
        })
    }

    /// The configuration is the present one: nothing is changed.
    fn already(&self, flake: &str) -> Result<ExitCode, End> {
        let proof = self.proven();
        self.go_on()?;
        Ok(match proof {
            Ok(proof) => say(&format!("Set up already with {flake}: nothing was changed; {proof}.\n"), 0),
            Err(why) => {
                let text = format!(
                    "Set up already with {flake}: nothing was changed. But the builder does not build:\n{why}\n\nNext: builder-doctor says what mends it.\n"
                );
                say(&text, 1)
            }
        })
    }
}
