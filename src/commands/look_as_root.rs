//! The hidden command that `--sudo` runs: what only root can see, printed as JSON.

use crate::{say, terminal};
use builder_doctor::evidence::root_view::{Errand, look_as_root};
use builder_doctor::host::Cancel;
use builder_doctor::host::live::Live;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// Looks.
pub fn run(request: &str) -> Result<ExitCode, String> {
    let errand: Errand = serde_json::from_str(request).map_err(|error| format!("the request: {error}"))?;
    if !errand.is_sane() {
        return Err("the request holds characters that are not safe to hand to root".to_owned());
    }
    let interrupted = Arc::new(Cancel::default());
    terminal::heed_signals(&interrupted)?;
    terminal::heed_end_of_input(&interrupted);
    let host = Live::new(Duration::from_secs(25), interrupted).on_roots_path();
    let view = look_as_root(&host, &errand);
    let text = serde_json::to_string(&view).map_err(|error| error.to_string())?;
    Ok(say(&text, 0))
}
