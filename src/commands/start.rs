//! `builder-doctor start`: has launchd run the builder, and waits until it answers.

use crate::cli::time;
use crate::control::{Builder, Which};
use crate::{say, terminal};
use builder_doctor::builder::control::{Order, runs};
use builder_doctor::evidence::port::PortAnswer;
use builder_doctor::prose::span;
use clap::Args;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug, Args)]
#[command(after_help = "\
Asks sudo once, for launchd. With --for it stays in the foreground, and stops
the builder when the time is over or at Ctrl-C; builds that run then are ended.

Exit codes: 0 it answers · 1 it could not be started, or does not answer in time
2 wrong usage · 130 interrupted")]
pub struct StartArgs {
    /// Do not wait until it answers
    #[arg(long, conflicts_with = "hold")]
    no_wait: bool,
    /// Wait no longer than this
    #[arg(long, value_name = "TIME", default_value = "3m", value_parser = time)]
    timeout: Duration,
    /// Stay here, and stop it after this time
    #[arg(long = "for", id = "hold", value_name = "TIME", value_parser = time)]
    hold: Option<Duration>,
    #[command(flatten)]
    which: Which,
}

/// Starts it.
pub fn run(args: &StartArgs) -> Result<ExitCode, String> {
    let mut builder = Builder::look(&args.which)?;
    let ended = bring_up(&builder, Order::Start, (!args.no_wait).then_some(args.timeout))?;
    match args.hold {
        Some(time) if ended == ExitCode::SUCCESS => hold(&mut builder, time),
        _ => Ok(ended),
    }
}

/// Starts or restarts it, and waits so long for its banner.
pub fn bring_up(builder: &Builder, order: Order, wait: Option<Duration>) -> Result<ExitCode, String> {
    let e = &builder.e;
    let name = e.builder(&builder.want).ok().flatten().map_or(&builder.want.builder.host, |it| &it.host);
    let answers = e.port_of(name).is_ok_and(|port| matches!(port.answer, PortAnswer::Ssh(_)));
    let marked = e.stopped().is_ok_and(|it| it.mark.is_some());
    let enabled = e.builder_job().is_ok_and(|job| job.disabled != Some(true));
    if order == Order::Start && runs(e) && enabled && !marked {
        if answers {
            return Ok(say("the builder is already running, and answers\n", 0));
        }
        terminal::complain("its process runs already, and does not answer yet");
    } else if let Err(why) = builder.order(order) {
        return Ok(builder.failed(&format!("{} did not work: {why}", order.word())));
    }
    let Some(most) = wait else {
        return Ok(say("launchd was told; `builder-doctor wait` waits for it\n", 0));
    };
    match builder.wait_for_banner(most) {
        Ok(took) => Ok(say(&format!("the builder answers, after {} s\n", took.as_secs()), 0)),
        Err(why) => Ok(builder.failed(&format!("the builder does not answer: {why}"))),
    }
}

fn hold(builder: &mut Builder, time: Duration) -> Result<ExitCode, String> {
    terminal::complain(&format!("it is stopped in {}, or at Ctrl-C", span(time.as_secs())));
    builder.interrupted.wait(time);
    let cut = builder.interrupted.reason().is_some();
    // The signal was meant for the wait, and not for the stop.
    builder.interrupted = Arc::default();
    builder.look_again();
    match builder.order(Order::Stop) {
        Ok(()) => Ok(say("the builder is stopped\n", if cut { terminal::INTERRUPTED } else { 0 })),
        Err(why) => Ok(builder.not_stopped(&why)),
    }
}
