//! What a project expects of a Linux builder: builder-doctor.toml, with a built-in default.

use crate::host::{Host, HostError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The built-in default, which is also the documentation of the format.
pub const DEFAULT: &str = include_str!("expectations.toml");

/// No test build and no look may take longer: a day.
pub const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// The name of the file that is looked for upward from the current folder.
pub const FILE: &str = "builder-doctor.toml";

/// What is expected of Nix, the builder, the caches and the test build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Expectations {
    /// Of Nix itself.
    #[serde(default = "default_nix")]
    pub nix: Nix,
    /// Of the Linux builder.
    #[serde(default = "default_builder")]
    pub builder: Builder,
    /// The binary caches that are to be used.
    #[serde(default = "default_caches")]
    pub cache: Vec<Cache>,
    /// What is built to prove that the builder works.
    #[serde(default = "default_test_build")]
    pub test_build: TestBuild,
}

/// What is expected of Nix itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "ExpectedNix")]
pub struct Nix {
    /// `major.minor`, such as "2.30".
    #[schemars(extend("x-kind" = "public"))]
    pub minimum_version: String,
    /// Experimental features that must be on.
    #[serde(default)]
    #[schemars(extend("x-kind" = "public"))]
    pub experimental_features: Vec<String>,
}

/// What is expected of the Linux builder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "ExpectedBuilder")]
pub struct Builder {
    /// The ssh alias by which the machines file names it.
    #[schemars(extend("x-kind" = "host-name"))]
    pub host: String,
    /// The port on this Mac that leads into the VM.
    pub port: u16,
    /// The launchd job that runs the VM.
    #[schemars(extend("x-kind" = "text"))]
    pub launchd_label: String,
    /// Systems that it must build for.
    #[schemars(extend("x-kind" = "public"))]
    pub systems: Vec<String>,
    /// Systems that it had better build for as well.
    #[serde(default)]
    #[schemars(extend("x-kind" = "public"))]
    pub optional_systems: Vec<String>,
    /// System features that it must offer.
    #[serde(default)]
    #[schemars(extend("x-kind" = "public"))]
    pub features: Vec<String>,
}

/// A binary cache that is to be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "ExpectedCache")]
pub struct Cache {
    /// The substituter's URL.
    #[schemars(extend("x-kind" = "url"))]
    pub url: String,
    /// `name:base64`, as in `trusted-public-keys`.
    #[schemars(extend("x-kind" = "public"))]
    pub public_key: String,
    /// A store path that it has, by which its signatures are looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "text"))]
    pub known_path: Option<String>,
}

/// What is built to prove that the builder works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "ExpectedTestBuild")]
pub struct TestBuild {
    /// What `--deep` builds besides, for each system.
    #[schemars(extend("x-kind" = "text"))]
    pub installable: String,
    /// How long one test build may take, such as "60s".
    #[schemars(extend("x-kind" = "public"))]
    pub timeout: String,
}

fn default_nix() -> Nix {
    Expectations::default().nix
}
fn default_builder() -> Builder {
    Expectations::default().builder
}
fn default_caches() -> Vec<Cache> {
    Expectations::default().cache
}
fn default_test_build() -> TestBuild {
    Expectations::default().test_build
}

impl Default for Expectations {
    fn default() -> Self {
        // A test parses the built-in text; it names every key, so that no default calls for another.
        toml::from_str(DEFAULT).unwrap_or_else(|error| unreachable!("the built-in expectations: {error}"))
    }
}

impl Expectations {
    /// Reads and checks the text of an expectations file.
    pub fn parse(text: &str) -> Result<Self, String> {
        // The error quotes the file.
        let found: Self = toml::from_str(text)
            .map_err(|error| crate::parse::text::clean(&error.to_string()).trim().to_owned())?;
        found.check()?;
        Ok(found)
    }

    /// How long one test build may take.
    pub fn build_deadline(&self) -> Duration {
        humantime::parse_duration(&self.test_build.timeout)
            .map_or(Duration::from_secs(60), |time| time.min(LONGEST))
    }

    /// Every system, the demanded ones first.
    pub fn all_systems(&self) -> impl Iterator<Item = &String> {
        self.builder.systems.iter().chain(&self.builder.optional_systems)
    }

    /// Whether every value is fit to reach a command line; the error names the first that is not.
    pub fn check(&self) -> Result<(), String> {
        // A repository's file reaches command lines: a word may neither be an option nor hold a space.
        let word = |name: &str, value: &str| {
            let odd = |c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c));
            if value.is_empty() || value.starts_with('-') || value.contains(odd) {
                return Err(format!("{name}: {value:?} is no plain word (letters, digits, `-`, `_`, `.`)"));
            }
            Ok(())
        };
        word("builder.host", &self.builder.host)?;
        word("builder.launchd-label", &self.builder.launchd_label)?;
        self.all_systems().try_for_each(|system| word("builder.systems", system))?;
        self.builder.features.iter().try_for_each(|feature| word("builder.features", feature))?;
        self.nix.experimental_features.iter().try_for_each(|it| word("nix.experimental-features", it))?;
        let version = self.nix.minimum_version.split_once('.');
        if !version.is_some_and(|(a, b)| a.parse::<u64>().is_ok() && b.parse::<u64>().is_ok()) {
            return Err(format!("nix.minimum-version: {:?} is no MAJOR.MINOR", self.nix.minimum_version));
        }
        let shown = |value: &str| value.chars().all(|c| c.is_ascii_graphic() && !"'\"`\\<>|;$*".contains(c));
        for cache in &self.cache {
            if cache.url.is_empty() || cache.url.starts_with('-') || !shown(&cache.url) {
                return Err(format!("cache.url: {:?} is no URL", cache.url));
            }
            let authority = cache.url.split_once("://").and_then(|(_, rest)| rest.split('/').next());
            if authority.is_some_and(|it| it.contains('@')) {
                return Err("cache.url: holds a login; leave that to Nix's netrc-file".to_owned());
            }
            if !cache.public_key.contains(':') || !shown(&cache.public_key) {
                return Err(format!("cache.public-key: {:?} is no NAME:BASE64", cache.public_key));
            }
            if let Some(path) = cache.known_path.as_deref().filter(|path| store_path_hash(path).is_none()) {
                return Err(format!("cache.known-path: {path:?} is no /nix/store/HASH-NAME"));
            }
        }
        if self.builder.port == 0 {
            return Err("builder.port: 0 is no port".to_owned());
        }
        if self.test_build.installable.starts_with('-') {
            let installable = &self.test_build.installable;
            return Err(format!("test-build.installable: {installable:?} would be read as an option"));
        }
        if !shown(&self.test_build.installable) || self.test_build.installable.is_empty() {
            return Err(format!(
                "test-build.installable: {:?} is no installable",
                self.test_build.installable
            ));
        }
        match humantime::parse_duration(&self.test_build.timeout) {
            Ok(_) => Ok(()),
            Err(error) => Err(format!("test-build.timeout: {error} (write it as \"60s\")")),
        }
    }
}

/// The hash of a store path, by which a cache files it.
pub fn store_path_hash(path: &str) -> Option<&str> {
    let (hash, name) = path.strip_prefix("/nix/store/")?.split_once('-')?;
    let is_hash = hash.len() == 32 && hash.chars().all(|c| c.is_ascii_digit() || c.is_ascii_lowercase());
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "+-._?=".contains(c));
    (is_hash && is_name).then_some(hash)
}

/// Finds the expectations: `named` (from `--expect`), `BUILDER_DOCTOR_EXPECT`, then the file upward from
/// the current folder, then /etc, then the built-in ones. Errors name the file.
pub fn find(host: &dyn Host, named: Option<&Path>) -> Result<Expectations, String> {
    let demanded = named
        .map(Path::to_path_buf)
        .or_else(|| host.env("BUILDER_DOCTOR_EXPECT").filter(|path| !path.is_empty()).map(PathBuf::from));
    if let Some(path) = demanded {
        let shown = crate::prose::line(&path.display().to_string());
        return read(host, &path)?.ok_or_else(|| format!("{shown}: not found"));
    }
    let here = host.current_folder();
    let upward = here.iter().flat_map(|here| here.ancestors()).map(|folder| folder.join(FILE));
    for path in upward.chain([Path::new("/etc").join(FILE)]) {
        if let Some(found) = read(host, &path)? {
            return Ok(found);
        }
    }
    Ok(Expectations::default())
}

fn read(host: &dyn Host, path: &Path) -> Result<Option<Expectations>, String> {
    let shown = crate::prose::line(&path.display().to_string());
    let bytes = match host.read(path) {
        Ok(bytes) => bytes,
        Err(HostError::NotFound) => return Ok(None),
        Err(error) => return Err(format!("{shown}: {error}")),
    };
    let text = String::from_utf8(bytes).map_err(|_| format!("{shown}: not UTF-8"))?;
    Expectations::parse(&text).map(Some).map_err(|error| format!("{shown}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_expectations_are_sound() {
        let built_in = Expectations::parse(DEFAULT).unwrap();
        assert_eq!(built_in, Expectations::default());
        assert_eq!(built_in.build_deadline(), Duration::from_secs(60));
        assert_eq!(built_in.cache.len(), 2);
    }

    #[test]
    fn what_a_file_leaves_out_is_as_built_in() {
        let own = Expectations::parse("[nix]\nminimum-version = \"2.31\"\n").unwrap();
        assert_eq!(own.nix.minimum_version, "2.31");
        assert_eq!(own.builder, Expectations::default().builder);
    }

    #[test]
    fn a_known_path_is_a_store_path() {
        let with = |path: &str| {
            let key = "[[cache]]\nurl = \"https://cache.example\"\npublic-key = \"k:AAAA\"\n";
            Expectations::parse(&format!("{key}known-path = \"{path}\"\n"))
        };
        let path = "/nix/store/65ghpdw6n9vawhzx8bzqym2zmzrz4dmc-nix-2.34.8";
        assert_eq!(with(path).unwrap().cache[0].known_path.as_deref(), Some(path));
        for odd in
            ["", "/nix/store/x-y", "/nix/store/65ghpdw6n9vawhzx8bzqym2zmzrz4dmc-", &format!("{path}/bin/nix")]
        {
            assert!(with(odd).unwrap_err().starts_with("cache.known-path: "), "{odd}");
        }
    }

    #[test]
    fn a_file_cannot_smuggle_in_an_option() {
        let swap = |from: &str, to: &str| Expectations::parse(&DEFAULT.replace(from, to)).unwrap_err();
        let error = swap("host = \"linux-builder\"", "host = \"-oProxyCommand=x\"");
        assert!(error.starts_with("builder.host: "), "{error}");
        assert!(swap("\"nixos-test\"", "\"a b\"").starts_with("builder.features: "));
        assert!(swap("nixpkgs#hello", "--impure").starts_with("test-build.installable: "));
        assert!(swap("\"2.30\"", "\"new\"").starts_with("nix.minimum-version: "));
        assert!(swap("60s", "soon").starts_with("test-build.timeout: "));
        assert!(swap("[nix]", "[nyx]").contains("unknown field `nyx`"));
    }
}
