//! `builder-doctor completions SHELL`: what a shell completes, made from the command line itself.

use crate::cli::Cli;
use crate::say;
use clap::{Args, Command, CommandFactory, ValueEnum};
use clap_complete::aot::{Generator, Shell as Known};
use clap_complete_nushell::Nushell;
use std::process::ExitCode;

#[derive(Debug, Args)]
#[command(after_help = "\
To install:
  builder-doctor completions SHELL > FILE, where FILE is for

  bash     ~/.local/share/bash-completion/completions/builder-doctor
  zsh      \"${fpath[1]}/_builder-doctor\"
  fish     ~/.config/fish/completions/builder-doctor.fish
  elvish   ~/.config/elvish/lib/builder-doctor.elv
           (then in rc.elv: use builder-doctor)
  nushell  builder-doctor.nu
           (then in config.nu: use builder-doctor.nu *)")]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
    Elvish,
    Nushell,
}

/// Prints them.
pub fn run(args: &CompletionsArgs) -> Result<ExitCode, String> {
    let text = match args.shell {
        // Its generator calls a program with a dash in its name by two names (4.6), so that no subcommand is completed.
        Shell::Bash => {
            script(&Known::Bash).map(|it| it.replace("builder__subcmd__doctor", "builder__doctor"))
        }
        Shell::Zsh => script(&Known::Zsh),
        Shell::Fish => script(&Known::Fish),
        Shell::Elvish => script(&Known::Elvish),
        Shell::Nushell => script(&Nushell),
    };
    Ok(say(&text?, 0))
}

fn script(shell: &impl Generator) -> Result<String, String> {
    let mut command = shown();
    command.set_bin_name(command.get_name().to_owned());
    command.build();
    let mut script = Vec::new();
    shell.try_generate(&command, &mut script).map_err(|error| error.to_string())?;
    String::from_utf8(script).map_err(|error| error.to_string())
}

/// The command line without what is hidden, which the generators would offer.
fn shown() -> Command {
    let all = Cli::command();
    let offered = all.get_subcommands().filter(|it| !it.is_hide_set()).cloned().collect::<Vec<_>>();
    let about = all.get_about().cloned().unwrap_or_default();
    Command::new("builder-doctor")
        .version(env!("CARGO_PKG_VERSION"))
        .about(about)
        .args(all.get_arguments().cloned().collect::<Vec<_>>())
        .subcommands(offered)
}
