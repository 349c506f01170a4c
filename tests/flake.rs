//! flake.nix and the nix-darwin module, evaluated by the lab's real Nix with stand-ins for nixpkgs and nix-darwin.
//!
//! What that proves, and what it cannot, is in tests/flake/README.md. Where docs/module.md is out of date:
//! `UPDATE_MODULE=1 cargo test --test flake`, and read the difference.

#![allow(clippy::disallowed_methods, reason = "makes the world in which Nix runs")]

use builder_doctor::expectations::Expectations;
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use serde_json::{Value, json};
use std::fs;
use std::process::{Command, ExitCode, Stdio};
use std::sync::LazyLock;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Where the page is.
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/module.md");

/// Every system for which something can be had.
const SYSTEMS: [&str; 4] = ["aarch64-darwin", "aarch64-linux", "x86_64-darwin", "x86_64-linux"];

/// The names by which the commands were known before.
const COMMANDS: [&str; 4] = [
    "setup-darwin-linux-builder",
    "start-linux-builder",
    "stop-linux-builder",
    "verify-darwin-linux-builder",
];

/// The commands of the shell snippets: `of CONFIGURATION.ATTRIBUTE`, and `with 'SETTINGS' 'ATTRIBUTE'`.
const SHELL: &str = r#"
of() { nix eval --json "${stand_ins[@]}" "path:/flake#darwinConfigurations.$1"; }
with() {
  nix eval --json "${stand_ins[@]}" path:/flake#darwinConfigurations.darwin-nixostest --apply \
    "it: let config = (it.extendModules { modules = [ ({ lib, ... }: { $1 }) ]; }).config; in $2"
}
"#;

type Test = fn() -> Result<(), Failed>;

fn main() -> ExitCode {
    let trials: [(&str, Test); 11] = [
        ("the_flake_shows_what_it_has", shows),
        ("the_flake_passes_nix_flake_check", passes),
        ("the_package_is_made_of_what_it_needs", sources),
        ("the_package_has_the_commands", commands),
        ("the_configuration_writes_the_known_files", files),
        ("the_configuration_runs_the_known_vm", vm),
        ("the_first_stage_is_the_stock_vm", bootstrap),
        ("each_option_counts", options),
        ("each_bad_setting_gets_one_clear_line", bad_settings),
        ("a_custom_conf_stays", custom_conf),
        ("the_page_names_each_option", page),
    ];
    let trials = trials.into_iter().map(|(name, run)| {
        Trial::ignorable_test(name, move || match needs_the_lab()? {
            Some(ignored) => Ok(ignored),
            None => run().map(|()| Completion::Completed),
        })
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}

/// Why there is no lab; exit code 77 says that this machine is of the wrong kind.
static LAB: LazyLock<Result<(), (bool, String)>> = LazyLock::new(|| {
    let output = Command::new(format!("{ROOT}/tests/lab/provision"))
        .stdin(Stdio::null())
        .stdout(Stdio::inherit())
        .output()
        .map_err(|error| (true, format!("tests/lab/provision does not start: {error}")))?;
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    match output.status.code() {
        Some(0) => Ok(()),
        code => Err((code == Some(77), said)),
    }
});

fn needs_the_lab() -> Result<Option<Completion>, Failed> {
    match &*LAB {
        Ok(()) => Ok(None),
        // In CI a lab that cannot run is a failure: else nobody would notice that it never does.
        Err((true, why)) if std::env::var("CI").is_ok_and(|ci| ci == "true") => Err(why.into()),
        Err((true, why)) => Ok(Some(Completion::ignored_with(why))),
        Err((false, why)) => Err(why.into()),
    }
}

/// What a script prints on standard output and, where it fails, on standard error.
fn in_nix(script: &str) -> Result<String, Failed> {
    let output = Command::new(format!("{ROOT}/tests/flake/in-nix"))
        .arg(format!("{SHELL}\n{script}"))
        .stdin(Stdio::null())
        .output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{script}\n{}\n{said}", output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// The JSON that each line of a script prints.
fn values(script: &str) -> Result<Vec<Value>, Failed> {
    let said = in_nix(script)?;
    Ok(serde_json::Deserializer::from_str(&said).into_iter().collect::<Result<_, _>>()?)
}

fn same(found: &Value, wanted: &Value) -> Result<(), Failed> {
    if found == wanted { Ok(()) } else { Err(format!("found  {found:#}\nwanted {wanted:#}").into()) }
}

fn holds(text: &str, wanted: &str) -> Result<(), Failed> {
    if text.contains(wanted) { Ok(()) } else { Err(format!("{wanted:?} is not in {text}").into()) }
}

fn names(of: &Value) -> Vec<&str> {
    of.as_object().map(|it| it.keys().map(String::as_str).collect()).unwrap_or_default()
}

fn shows() -> Result<(), Failed> {
    let shown = values(r#"nix flake show --json --all-systems "${stand_ins[@]}""#)?;
    let [shown] = &shown[..] else { return Err("nix flake show says something else".into()) };
    for system in SYSTEMS {
        let mut apps = names(&shown["apps"][system]);
        apps.retain(|name| *name != "default");
        same(&json!(apps), &json!(COMMANDS))?;
        let checks = ["clippy", "fmt", "nixos-test-smoke", "package", "tests"];
        same(&json!(names(&shown["checks"][system])), &json!(checks))?;
        let packages = names(&shown["packages"][system]);
        let rebuild = system.ends_with("darwin");
        let wanted: &[&str] = &["builder-doctor", "darwin-rebuild", "default"];
        let wanted = wanted.iter().filter(|name| rebuild || **name != "darwin-rebuild").collect::<Vec<_>>();
        same(&json!(packages), &json!(wanted))?;
        same(&json!(names(&shown["devShells"][system])), &json!(["default"]))?;
        same(&shown["formatter"][system]["type"], &json!("derivation"))?;
    }
    same(&json!(names(&shown["overlays"])), &json!(["default"]))
}

fn passes() -> Result<(), Failed> {
    in_nix(r#"nix flake check --no-build --all-systems "${stand_ins[@]}""#).map(drop)
}

/// What the build is given: all that the program's sources include, and nothing whose change would build it anew.
fn sources() -> Result<(), Failed> {
    let listed = in_nix(
        r#"cd "$(nix eval --raw "${stand_ins[@]}" path:/flake#packages.aarch64-darwin.builder-doctor.src)"
           ls; ls src/expectations.toml src/dated.toml"#,
    )?;
    let listed: Vec<&str> = listed.lines().collect();
    let wanted = [
        "Cargo.lock",
        "Cargo.toml",
        "benches",
        "build.rs",
        "clippy.toml",
        "docs",
        "rustfmt.toml",
        "snapshots",
        "src",
        "tests",
        "src/dated.toml",
        "src/expectations.toml",
    ];
    same(&json!(listed), &json!(wanted))
}

/// The shell of the package's installation, run for real on the program of these tests.
fn commands() -> Result<(), Failed> {
    let script = in_nix(
        r#"nix eval --raw "${stand_ins[@]}" path:/flake#packages.x86_64-linux.builder-doctor.postInstall"#,
    )?;
    let folder = tempfile::tempdir()?;
    let bin = folder.path().join("bin");
    fs::create_dir(&bin)?;
    fs::copy(env!("CARGO_BIN_EXE_builder-doctor"), bin.join("builder-doctor"))?;
    let helpers = r#"
installShellCompletion() { printf '%s\n' "$*" >"$out/completions"; for file in "$4" "$6" "$8"; do test -s "$file"; done; }
installManPage() { test -s "$1"; cp "$1" "$out/page"; }
"#;
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &format!("{helpers}{script}")])
        .current_dir(folder.path())
        .env("out", folder.path())
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    for name in COMMANDS {
        same(&json!(fs::read_link(bin.join(name))?), &json!("builder-doctor"))?;
    }
    holds(&fs::read_to_string(folder.path().join("page"))?, ".TH BUILDER-DOCTOR")
}

fn files() -> Result<(), Failed> {
    let found = values("of darwin-nixostest.config.environment.etc")?;
    let text = |name: &str| found[0][name]["text"].as_str().unwrap_or_default().to_owned();
    same(
        &json!(text("nix/machines")),
        &json!(
            "ssh-ng://builder@linux-builder aarch64-linux,x86_64-linux /etc/nix/builder_ed25519 4 1 \
             kvm,benchmark,big-parallel,nixos-test - \
             c3NoLWVkMjU1MTkgQUFBQUMzTnphQzFsWkRJMU5URTVBQUFBSUpCV2N4Yi9CbGFxdDFhdU90RStGOFFVV3JVb3RpQzVxQkorVXVFV2RWQ2Igcm9vdEBuaXhvcwo=\n"
        ),
    )?;
    let conf = text("nix/nix.conf");
    for line in [
        "experimental-features = nix-command flakes",
        "extra-substituters = https://nix-postgres-artifacts.s3.amazonaws.com",
        "extra-trusted-public-keys = nix-postgres-artifacts:dGZlQOvKcNEjvT7QEAJbcV6b6uk7VF/hWMjhYleiaLI=",
        "!include nix.custom.conf",
    ] {
        holds(&conf, &format!("\n{line}\n"))?;
    }
    let rotation: Vec<String> =
        text("newsyslog.d/linux-builder.conf").lines().skip(1).map(str::to_owned).collect();
    same(&json!(rotation), &json!(["/var/log/linux-builder.log 644 5 1024 * CN"]))?;
    // The doctor reads what is written for it, and it says what is built in.
    let written = Expectations::parse(&text("builder-doctor.toml"))?;
    same(&json!(written), &json!(Expectations::default()))
}

fn vm() -> Result<(), Failed> {
    let found = values(
        "of darwin-nixostest.config.launchd.daemons.linux-builder
         of darwin-nixostest.config.nix.linux-builder.package.nixosConfig
         of darwin-nixostest.config.environment.systemPackages
         of darwin-nixostest.system",
    )?;
    same(
        &found[0]["serviceConfig"],
        &json!({
            "KeepAlive": true,
            "RunAtLoad": true,
            "StandardErrorPath": "/var/log/linux-builder.log",
            "StandardOutPath": "/var/log/linux-builder.log",
            "WorkingDirectory": "/var/lib/linux-builder",
        }),
    )?;
    holds(&found[0]["script"].to_string(), "rm -f /var/lib/linux-builder/nixos.qcow2")?;
    same(
        &found[1]["virtualisation"],
        &json!({ "cores": 6, "darwin-builder": { "diskSize": 40960, "memorySize": 8192 } }),
    )?;
    same(&found[1]["boot"]["binfmt"]["emulatedSystems"], &json!(["x86_64-linux"]))?;
    holds(&found[2].to_string(), "-builder-doctor-")?;
    holds(&found[3].to_string(), "-darwin-system")
}

fn bootstrap() -> Result<(), Failed> {
    let found = values(
        r#"of darwin-nixostest-bootstrap.config.nix.linux-builder.package.nixosConfig
           of darwin-nixostest-bootstrap.config.environment.etc
           with 'services.linux-builder-doctor = { enable = true; bootstrap = true; config.networking.hostName = "other"; };' \
             config.nix.linux-builder.package.nixosConfig.networking.hostName"#,
    )?;
    same(
        &found[0]["virtualisation"],
        &json!({ "cores": 1, "darwin-builder": { "diskSize": 20480, "memorySize": 3072 } }),
    )?;
    same(&found[0]["boot"]["binfmt"]["emulatedSystems"], &json!([]))?;
    holds(
        &found[1]["nix/machines"]["text"].to_string(),
        "linux-builder aarch64-linux /etc/nix/builder_ed25519 4 1 kvm,benchmark,big-parallel,nixos-test",
    )?;
    let want = Expectations::parse(found[1]["builder-doctor.toml"]["text"].as_str().unwrap_or_default())?;
    same(&json!(want.builder.optional_systems), &json!([]))?;
    same(&found[2], &json!("nixos"))
}

fn options() -> Result<(), Failed> {
    let settings = r#"services.linux-builder-doctor = {
        enable = true; cores = 3; memory = 5; disk = 70; maxJobs = 2; ephemeral = false; systems = [ "aarch64-linux" ];
        supportedFeatures = [ "big-parallel" ]; experimentalFeatures = [ "flakes" ]; customConf = false;
        config.networking.hostName = "other";
        caches = [ { url = "https://one.example"; publicKey = "one-1:AAAA"; } { url = "https://two.example"; publicKey = "two-1:BBBB="; } ];
        log = { path = "/var/log/vm.log"; size = 9; keep = 7; };
        expectations = { minimumNixVersion = "2.34"; testBuild = { installable = "nixpkgs#jq"; timeout = "2m"; }; };
      };"#;
    let found = values(&format!(
        "with '{settings}' '{{ inherit (config.environment) etc; job = config.launchd.daemons.linux-builder;
           vm = config.nix.linux-builder.package.nixosConfig; scripts = config.system.activationScripts; }}'
         with 'services.linux-builder-doctor = {{ enable = true; expectations.enable = false; }};' 'builtins.attrNames config.environment.etc'
         with 'services.linux-builder-doctor.enable = lib.mkForce false;' 'builtins.attrNames config.environment.etc'
         with 'nixpkgs.hostPlatform = lib.mkForce \"x86_64-darwin\";' 'config.environment.etc.\"nix/machines\".text'
         with 'launchd.labelPrefix = \"com.example\";' 'config.environment.etc.\"builder-doctor.toml\".text'"
    ))?;
    let text = |name: &str| found[0]["etc"][name]["text"].as_str().unwrap_or_default().to_owned();
    holds(&text("nix/machines"), " aarch64-linux /etc/nix/builder_ed25519 2 1 big-parallel - ")?;
    holds(
        &text("nix/nix.conf"),
        "\nextra-substituters = https://one.example https://two.example\nextra-trusted-public-keys = one-1:AAAA two-1:BBBB=\n",
    )?;
    same(&json!(text("nix/nix.conf").contains("nix.custom.conf")), &json!(false))?;
    holds(&text("newsyslog.d/linux-builder.conf"), "\n/var/log/vm.log 644 7 9 * CN\n")?;
    same(&found[0]["job"]["serviceConfig"]["StandardErrorPath"], &json!("/var/log/vm.log"))?;
    same(&json!(found[0]["job"]["script"].to_string().contains("qcow2")), &json!(false))?;
    same(
        &found[0]["vm"]["virtualisation"],
        &json!({ "cores": 3, "darwin-builder": { "diskSize": 71680, "memorySize": 5120 } }),
    )?;
    same(&found[0]["vm"]["networking"]["hostName"], &json!("other"))?;
    holds(&found[0]["scripts"]["nix-daemon"]["text"].to_string(), "before-nix-darwin")?;
    let want = Expectations::parse(&text("builder-doctor.toml"))?;
    same(
        &json!(want),
        &json!({
            "nix": { "minimum-version": "2.34", "experimental-features": ["flakes"] },
            "builder": {
                "host": "linux-builder", "port": 31022, "launchd-label": "org.nixos.linux-builder",
                "systems": ["aarch64-linux"], "optional-systems": [], "features": [],
            },
            "cache": [
                { "url": "https://cache.nixos.org",
                  "public-key": "cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=" },
                { "url": "https://one.example", "public-key": "one-1:AAAA" },
                { "url": "https://two.example", "public-key": "two-1:BBBB=" },
            ],
            "test-build": { "installable": "nixpkgs#jq", "timeout": "2m" },
        }),
    )?;
    same(&found[1], &json!(["newsyslog.d/linux-builder.conf", "nix/machines", "nix/nix.conf"]))?;
    same(&found[2], &json!(["nix/nix.conf"]))?;
    // An Intel Mac's VM is of its own kind, and emulates nothing unless told to.
    holds(&found[3].to_string(), "linux-builder x86_64-linux /etc/nix/builder_ed25519 4 1 ")?;
    let elsewhere = Expectations::parse(found[4].as_str().unwrap_or_default())?;
    same(&json!(elsewhere.builder.launchd_label), &json!("com.example.linux-builder"))
}

fn bad_settings() -> Result<(), Failed> {
    let bad = [
        ("memory = 8192;", "memory is in GB, and 8192 looks like MB: write 8 for 8 GB."),
        ("disk = 40960;", "disk is in GB, and 40960 looks like MB: write 40 for 40 GB."),
        (r#"systems = [ "x86_64-linux" ];"#, "systems lacks aarch64-linux"),
        (r#"log.path = "linux-builder.log";"#, "write an absolute path without spaces."),
        (r#"caches = [ { url = "https://x"; publicKey = "x"; } ];"#, "not of the form name:base64"),
    ];
    let mut script = String::from(
        "failed='map (it: it.message) (builtins.filter (it: !it.assertion) config.assertions)'\n",
    );
    for (setting, _) in bad {
        script.push_str(&format!(
            "with 'services.linux-builder-doctor = {{ enable = true; {setting} }};' \"$failed\"\n"
        ));
    }
    script.push_str("with 'nix.enable = false;' \"$failed\"\n");
    script.push_str("with '' \"$failed\"\n");
    let found = values(&script)?;
    for ((_, said), found) in bad.iter().zip(&found) {
        same(&json!(found.as_array().map(Vec::len)), &json!(1))?;
        holds(&found.to_string(), said)?;
    }
    holds(&found[5].to_string(), "services.linux-builder-doctor needs nix.enable = true")?;
    same(&found[6], &json!([]))?;
    // What is no option, or of the wrong type, is refused where it is looked at; and so is a switch.
    let system = "config.system.build.toplevel";
    let cores = "config.nix.linux-builder.package.nixosConfig.virtualisation.cores";
    for (setting, looked_at, said) in [
        ("core = 1;", system, "core' does not exist"),
        ("cores = 0;", cores, "not of type `positive integer'"),
        ("memory = 8192;", system, "Failed assertions:"),
    ] {
        let refused = in_nix(&format!(
            "with 'services.linux-builder-doctor = {{ enable = true; {setting} }};' {looked_at}"
        ));
        let Err(why) = refused else { return Err(format!("{setting} was taken").into()) };
        holds(why.message().unwrap_or_default(), said)?;
    }
    Ok(())
}

/// The activation's scripts, run for real: the file stays, is counted as known, and the daemon is waited for a while at most.
fn custom_conf() -> Result<(), Failed> {
    let said = in_nix(
        r#"
        scripts() { nix eval --raw "${stand_ins[@]}" "path:/flake#darwinConfigurations.darwin-nixostest.config.system.activationScripts.$1.text"; }
        scripts checks >/tmp/checks
        scripts nix-daemon >/tmp/nix-daemon
        echo 'max-jobs = 3' >/etc/nix/nix.custom.conf
        mkdir /tmp/bin
        export PATH=/tmp/bin:$PATH
        printf '#!/bin/sh\necho "$1 $2 $3"\n' >/tmp/bin/launchctl
        printf '#!/bin/sh\nexit 1\n' >/tmp/bin/nix-store
        printf '#!/bin/sh\n' >/tmp/bin/sleep
        printf '#!/bin/sh\necho "0  $3"\n' >/tmp/bin/shasum
        chmod +x /tmp/bin/*
        bash -euo pipefail -c '. /tmp/checks; type -t shasum' >/tmp/passed
        echo "after the checks shasum is a $(cat /tmp/passed)"
        bash -euo pipefail /tmp/nix-daemon >/tmp/called 2>/tmp/told
        echo "kicked $(grep -c kickstart /tmp/called) times; $(tail -n 1 /tmp/told)"
        printf '#!/bin/sh\n' >/tmp/bin/nix-store
        mkdir -p /run/current-system/etc/nix
        cp /etc/nix/nix.conf /run/current-system/etc/nix/
        touch /etc/nix/machines /run/current-system/etc/nix/machines
        echo "unchanged: $(bash -euo pipefail /tmp/nix-daemon 2>&1)"
        echo new >/etc/nix/machines
        echo "changed: $(bash -euo pipefail /tmp/nix-daemon 2>/dev/null)"
        ls /etc/nix
        # Other files are still looked at.
        sed -n '/^shasum()/,/^}/p' /tmp/checks >/tmp/shim
        bash -c '. /tmp/shim; shasum -a 256 /etc/zshrc'
        "#,
    )?;
    let wanted = [
        "after the checks shasum is a file",
        "kicked 30 times; nix-daemon does not answer; builder-doctor says why",
        "unchanged: ",
        "changed: kill HUP system/org.nixos.nix-daemon",
        "machines",
        "nix.conf",
        "nix.custom.conf",
        "0  /etc/zshrc",
    ];
    same(&json!(said.lines().collect::<Vec<_>>()), &json!(wanted))
}

fn page() -> Result<(), Failed> {
    let options = in_nix(
        "cd /
         nix eval --impure --raw --expr '
           let
             lib = import /inputs/nixpkgs/lib.nix;
             pkgs = import /inputs/nixpkgs/packages.nix { inherit lib; system = \"aarch64-darwin\"; };
             evaluated = lib.evalModules { modules = [ /flake/nix/module.nix ]; specialArgs = { inherit pkgs; }; };
           in
           import /flake/nix/options.nix { inherit lib; } evaluated.options.services.linux-builder-doctor'",
    )?;
    let old = fs::read_to_string(PAGE)?;
    let (start, end) = ("<!-- options -->\n", "<!-- end of options -->");
    let from = old.find(start).ok_or("docs/module.md lacks the mark where the options begin")? + start.len();
    let to = old.find(end).ok_or("docs/module.md lacks the mark where the options end")?;
    let new = format!("{}{options}{}", &old[..from], &old[to..]);
    if std::env::var_os("UPDATE_MODULE").is_some() {
        fs::write(PAGE, &new)?;
    } else if old != new {
        return Err("docs/module.md is out of date: UPDATE_MODULE=1 cargo test --test flake".into());
    }
    Ok(())
}
