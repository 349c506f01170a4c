//! Where reports go: standard output, and files, each whole or not at all.

use crate::terminal;
use builder_doctor::host::files;
use builder_doctor::prose::line;
use builder_doctor::report::format::Format;
use std::path::{Path, PathBuf};

/// For what is made to be handed on, and read by a collector that is another user.
pub const PUBLIC: u32 = 0o644;
/// For what holds names.
pub const OWN: u32 = 0o600;

/// A place for a report, and the format that it is to have there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    pub format: Option<Format>,
    pub place: Place,
}

/// A place for a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Standard output.
    Out,
    /// A file.
    File(PathBuf),
}

/// `FILE`, `FORMAT=FILE`, or `-` for standard output.
pub fn parse(typed: &str) -> Result<Output, String> {
    let (format, file) = match typed.split_once('=') {
        Some((name, file)) if Format::named(name).is_some() => (Format::named(name), file),
        _ => (None, typed),
    };
    if file.is_empty() {
        return Err("it names no file".to_owned());
    }
    if file == "-" {
        return Ok(Output { format, place: Place::Out });
    }
    let path = PathBuf::from(file);
    let extension = path.extension().and_then(|it| it.to_str());
    Ok(Output {
        format: format.or_else(|| extension.and_then(Format::of_extension)),
        place: Place::File(path),
    })
}

/// Each place takes one report: two would be no report of either format, or one would be lost.
pub fn each_place_once(outputs: &[Output]) -> Result<(), String> {
    let twice =
        outputs.iter().enumerate().find(|(i, it)| outputs[..*i].iter().any(|at| at.place == it.place));
    match twice.map(|(_, it)| &it.place) {
        None => Ok(()),
        Some(Place::Out) => Err("--output names standard output twice".to_owned()),
        Some(Place::File(path)) => Err(format!("--output names {} twice", shown(path))),
    }
}

/// Writes a report to its place. Whether it is there is for the caller to end with.
pub fn write(place: &Place, text: &str, mode: u32) -> bool {
    let written = match place {
        Place::Out => terminal::print(text).map_err(|error| error.to_string()),
        Place::File(path) => {
            files::replace(path, text.as_bytes(), mode).map_err(|error| format!("{}: {error}", shown(path)))
        }
    };
    if let Err(error) = &written {
        terminal::complain(&format!("the report cannot be written: {error}"));
    }
    written.is_ok()
}

fn shown(path: &Path) -> String {
    line(&path.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(format: Option<Format>, path: &str) -> Output {
        Output { format, place: Place::File(path.into()) }
    }

    #[test]
    fn no_place_takes_two_reports() {
        let twice =
            |typed: &[&str]| each_place_once(&typed.iter().map(|it| parse(it).unwrap()).collect::<Vec<_>>());
        twice(&["a.json", "b.json", "-"]).unwrap();
        assert_eq!(twice(&["a.json", "short=a.json"]).unwrap_err(), "--output names a.json twice");
        assert_eq!(twice(&["json=-", "-"]).unwrap_err(), "--output names standard output twice");
    }

    #[test]
    fn the_format_is_named_or_that_of_the_extension() {
        assert_eq!(parse("a/report.json").unwrap(), file(Some(Format::Json), "a/report.json"));
        assert_eq!(parse("junit=r.xml").unwrap(), file(Some(Format::Junit), "r.xml"));
        assert_eq!(parse("github=log").unwrap(), file(Some(Format::Github), "log"));
        assert_eq!(
            parse("markdown=-").unwrap(),
            Output { format: Some(Format::Markdown), place: Place::Out }
        );
        assert_eq!(parse("x=y.md").unwrap(), file(Some(Format::Markdown), "x=y.md"));
        assert_eq!(parse("report").unwrap(), file(None, "report"));
        parse("json=").unwrap_err();
    }
}
