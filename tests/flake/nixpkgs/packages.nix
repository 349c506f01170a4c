# Packages that evaluate, and that cannot be built. What a real one is passed to its builder can be read from it.
{ lib, system }:
let
  mkDerivation =
    attrs:
    let
      made = derivation {
        name = "${attrs.pname or attrs.name}${lib.optionalString (attrs ? version) "-${attrs.version}"}";
        inherit system;
        builder = "/bin/sh";
        src = "${attrs.src or ""}";
        # Whatever is to be text or a list of packages has to evaluate.
        phases = builtins.toJSON (builtins.removeAttrs attrs [ "meta" "src" ]);
      };
    in
    made
    // attrs
    // {
      inherit system;
      meta = attrs.meta or { };
      overrideAttrs = change: mkDerivation (attrs // change attrs);
    };
  named = name: mkDerivation { inherit name; };
  platform = {
    inherit system;
    isDarwin = builtins.match ".*-darwin" system != null;
  };
  callPackage =
    file: more:
    let
      package = import file;
    in
    package (builtins.intersectAttrs (builtins.functionArgs package) all // more);

  all = lib.genAttrs [ "clippy" "rustfmt" "nixfmt-tree" "installShellFiles" "nix" ] named // {
    inherit lib callPackage;
    stdenv = {
      inherit mkDerivation;
      hostPlatform = platform;
      buildPlatform = platform // {
        canExecute = other: other.system == system;
      };
      shell = "/bin/bash";
    };
    rustPlatform.buildRustPackage =
      attrs:
      assert builtins.pathExists attrs.cargoLock.lockFile;
      mkDerivation (
        attrs
        // {
          cargoLock = builtins.readFile attrs.cargoLock.lockFile;
          nativeBuildInputs = attrs.nativeBuildInputs or [ ];
        }
      );
    mkShell = attrs: mkDerivation ({ name = "shell"; } // attrs);
    testers.runNixOSTest =
      test:
      assert builtins.isString test.testScript && builtins.isAttrs test.nodes;
      # The test of a Mac is one of Linux.
      assert !platform.isDarwin;
      mkDerivation { name = "vm-test-run-${test.name}"; };
    darwin.linux-builder = import ./linux-builder.nix { inherit lib named system; };
  };
in
all
