//! `builder-doctor man`: the manual page, made from the command line itself.

use crate::cli::{self, Cli};
use crate::say;
use clap::{Args, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use std::io;
use std::process::ExitCode;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  builder-doctor man > /usr/local/share/man/man1/builder-doctor.1
  builder-doctor man | mandoc -a")]
pub struct ManArgs {}

/// Prints it.
pub fn run(_: &ManArgs) -> Result<ExitCode, String> {
    let page = page().map_err(|error| format!("the manual page: {error}"))?;
    // Not every formatter reads UTF-8; each knows this.
    let plain = String::from_utf8_lossy(&page).chars().fold(String::new(), |mut text, c| {
        match c {
            '·' => text.push_str("\\(bu"),
            _ if c.is_ascii() => text.push(c),
            _ => text.push_str(&format!("\\[u{:04X}]", u32::from(c))),
        }
        text
    });
    Ok(say(&plain, 0))
}

/// The whole page, each subcommand's part included.
fn page() -> io::Result<Vec<u8>> {
    // What the short help leaves out would lose its text here.
    let mut all = Cli::command().mut_args(|arg| arg.hide_short_help(false));
    all.build();
    let name = all.get_name().to_owned();
    let man = Man::new(all.clone())
        .title(name.to_uppercase())
        .manual("General Commands Manual")
        .source(format!("{name} {}", env!("CARGO_PKG_VERSION")));
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    heading(&mut page, "DESCRIPTION")?;
    prose(&mut page, cli::ABOUT)?;
    man.render_options_section(&mut page)?;
    heading(&mut page, "COMMANDS")?;
    for command in all.get_subcommands().filter(|it| !it.is_hide_set() && it.get_name() != "help") {
        part(&mut page, &name, command)?;
    }
    for (title, rows) in
        [("EXIT STATUS", cli::EXIT_CODES), ("ENVIRONMENT", cli::ENVIRONMENT), ("FILES", cli::FILES)]
    {
        heading(&mut page, title)?;
        for (what, meaning) in rows {
            let mut roff = Roff::new();
            roff.control("TP", []).text([bold(*what)]).text([roman(*meaning)]);
            roff.to_writer(&mut page)?;
        }
    }
    heading(&mut page, "EXAMPLES")?;
    for (command, meaning) in cli::EXAMPLES {
        let mut roff = Roff::new();
        roff.control("TP", []).text([bold(*command)]).text([roman(*meaning)]);
        roff.to_writer(&mut page)?;
    }
    heading(&mut page, "SEE ALSO")?;
    prose(&mut page, "nix(1), nix.conf(5), ssh_config(5), launchctl(1)")?;
    Ok(page)
}

/// A subcommand: what it is for, how it is called, its options, its examples.
fn part(page: &mut Vec<u8>, name: &str, command: &clap::Command) -> io::Result<()> {
    let title = format!("{name} {}", command.get_name());
    let mut roff = Roff::new();
    roff.control("SS", [title.as_str()]);
    roff.to_writer(page)?;
    let whole = command.clone().mut_args(|arg| arg.hide_short_help(false));
    let man = Man::new(whole.bin_name(&title));
    let mut body = Vec::new();
    man.render_description_section(&mut body)?;
    // What `check` takes is told above.
    if command.get_name() != "check" {
        man.render_synopsis_section(&mut body)?;
        man.render_options_section(&mut body)?;
        if let Some(after) = command.get_after_long_help().or_else(|| command.get_after_help()) {
            let mut roff = Roff::new();
            roff.control("PP", []).control("nf", []);
            after.to_string().lines().for_each(|line| {
                roff.text([roman(line)]);
            });
            roff.control("fi", []);
            roff.to_writer(&mut body)?;
        }
    }
    // They are parts of a part: their own headings would stand beside the page's.
    for line in String::from_utf8_lossy(&body).lines() {
        match line.strip_prefix(".SH ") {
            Some(_) => page.extend(b".PP\n"),
            None => page.extend(format!("{line}\n").bytes()),
        }
    }
    Ok(())
}

fn heading(page: &mut Vec<u8>, title: &str) -> io::Result<()> {
    let mut roff = Roff::new();
    roff.control("SH", [title]);
    roff.to_writer(page)
}

fn prose(page: &mut Vec<u8>, text: &str) -> io::Result<()> {
    let mut roff = Roff::new();
    for paragraph in text.split("\n\n") {
        roff.control("PP", []).text([roman(paragraph.replace('\n', " "))]);
    }
    roff.to_writer(page)
}
