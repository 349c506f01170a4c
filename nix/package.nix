# builder-doctor, under its own name and under those of the commands.
{
  lib,
  stdenv,
  rustPlatform,
  installShellFiles,
}:
let
  root = ../.;
  manifest = (builtins.fromTOML (builtins.readFile (root + "/Cargo.toml"))).package;
in
rustPlatform.buildRustPackage {
  pname = manifest.name;
  inherit (manifest) version;

  # What the program and its own tests are made of: a changed page of prose builds nothing anew.
  src = lib.fileset.toSource {
    inherit root;
    fileset = lib.fileset.unions [
      (root + "/Cargo.toml")
      (root + "/Cargo.lock")
      (root + "/build.rs")
      (root + "/benches")
      (root + "/clippy.toml")
      (root + "/rustfmt.toml")
      (root + "/src")
      (root + "/tests")
      (root + "/snapshots")
      (root + "/docs/report.schema.json")
    ];
  };
  cargoLock.lockFile = root + "/Cargo.lock";

  nativeBuildInputs = [ installShellFiles ];

  # The tests are a check of the flake (checks.SYSTEM.tests): who only wants the program does not wait for them.
  doCheck = false;

  postInstall = ''
    for name in setup-darwin-linux-builder verify-darwin-linux-builder start-linux-builder stop-linux-builder; do
      ln -s builder-doctor "$out/bin/$name"
    done
  ''
  + lib.optionalString (stdenv.buildPlatform.canExecute stdenv.hostPlatform) ''
    for shell in bash fish zsh; do
      "$out/bin/builder-doctor" completions "$shell" >"builder-doctor.$shell"
    done
    "$out/bin/builder-doctor" man >builder-doctor.1
    installShellCompletion --cmd builder-doctor --bash builder-doctor.bash --fish builder-doctor.fish --zsh builder-doctor.zsh
    installManPage builder-doctor.1
  '';

  meta = {
    inherit (manifest) description;
    homepage = manifest.repository;
    license = lib.licenses.mit;
    mainProgram = "builder-doctor";
    platforms = lib.platforms.darwin ++ lib.platforms.linux;
  };
}
