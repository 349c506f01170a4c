{
  description = "Says why a Mac's Nix cannot build for Linux, and which command mends it";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixpkgs-unstable";

  outputs =
    { self, nixpkgs }:
    let
      systems = [
        "aarch64-darwin"
        "x86_64-darwin"
        "aarch64-linux"
        "x86_64-linux"
      ];
      forEach = make: nixpkgs.lib.genAttrs systems (system: make nixpkgs.legacyPackages.${system});
    in
    {
      packages = forEach (pkgs: rec {
        builder-doctor = pkgs.rustPlatform.buildRustPackage {
          pname = "builder-doctor";
          version = (builtins.fromTOML (builtins.readFile ./Cargo.toml)).package.version;
          src = self;
          cargoLock.lockFile = ./Cargo.lock;
          # The lab makes root filesystems from Debian's packages, which a sandbox cannot fetch.
          cargoTestFlags = [
            "--lib"
            "--bins"
          ];
          meta.mainProgram = "builder-doctor";
        };
        default = builder-doctor;
      });

      devShells = forEach (pkgs: {
        default = pkgs.mkShell {
          packages = [
            pkgs.cargo
            pkgs.clippy
            pkgs.rustc
            pkgs.rustfmt
          ];
        };
      });
    };
}
