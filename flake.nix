{
  description = "Says why a Mac's Nix cannot build for Linux, and which command mends it";

  # 26.05 is the last release for Intel Macs, and both branches of a release must be of that release.
  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixpkgs-26.05-darwin";
    nix-darwin = {
      url = "github:nix-darwin/nix-darwin/nix-darwin-26.05";
      inputs.nixpkgs.follows = "nixpkgs";
    };
  };

  outputs =
    {
      self,
      nixpkgs,
      nix-darwin,
    }:
    let
      inherit (nixpkgs) lib;
      darwinSystems = [
        "aarch64-darwin"
        "x86_64-darwin"
      ];
      linuxSystems = [
        "aarch64-linux"
        "x86_64-linux"
      ];
      forAllSystems =
        make:
        lib.genAttrs (darwinSystems ++ linuxSystems) (system: make system nixpkgs.legacyPackages.${system});

      commands = {
        setup-darwin-linux-builder = "Set this Mac's Linux builder up, and prove that it builds";
        verify-darwin-linux-builder = "Prove that the Linux builder of this Mac builds, or say what ails it";
        start-linux-builder = "Start the Linux builder's VM";
        stop-linux-builder = "Stop the Linux builder's VM until it is started again";
      };

      darwinConfiguration =
        settings:
        nix-darwin.lib.darwinSystem {
          modules = [
            self.darwinModules.default
            {
              nixpkgs.hostPlatform = "aarch64-darwin";
              services.linux-builder-doctor = settings // {
                enable = true;
              };
              system.stateVersion = 6;
            }
          ];
        };
    in
    {
      overlays.default = final: _: { builder-doctor = final.callPackage ./nix/package.nix { }; };

      packages = forAllSystems (
        system: pkgs:
        {
          builder-doctor = pkgs.callPackage ./nix/package.nix { };
          default = self.packages.${system}.builder-doctor;
        }
        # The one that fits the configurations below, for whoever has none yet.
        // lib.optionalAttrs (builtins.elem system darwinSystems) {
          inherit (nix-darwin.packages.${system}) darwin-rebuild;
        }
      );

      apps = forAllSystems (
        system: _:
        let
          app = name: description: {
            type = "app";
            program = "${self.packages.${system}.builder-doctor}/bin/${name}";
            meta = { inherit description; };
          };
        in
        builtins.mapAttrs app commands
        // {
          default = app "builder-doctor" "Say why Linux builds fail on this Mac, and which command mends it";
        }
      );

      darwinModules.default =
        { lib, pkgs, ... }:
        {
          imports = [ ./nix/module.nix ];
          services.linux-builder-doctor.package =
            lib.mkDefault
              self.packages.${pkgs.stdenv.hostPlatform.system}.builder-doctor;
        };

      darwinConfigurations = {
        darwin-nixostest = darwinConfiguration { };
        # With the VM that a binary cache has: for the first switch, where no Linux builder runs yet.
        darwin-nixostest-bootstrap = darwinConfiguration { bootstrap = true; };
      };

      checks = forAllSystems (
        system: pkgs:
        let
          package = self.packages.${system}.builder-doctor;
          # The same sources and dependencies, and another command in place of the build.
          instead =
            name: tools: command:
            package.overrideAttrs (old: {
              pname = "builder-doctor-${name}";
              nativeBuildInputs = old.nativeBuildInputs ++ tools;
              buildPhase = command;
              installPhase = "touch $out";
              doCheck = false;
            });
          # A Mac's is that of the VM: it builds only where the Linux builder works, and so proves that it does.
          linux = builtins.replaceStrings [ "darwin" ] [ "linux" ] system;
        in
        {
          inherit package;
          clippy = instead "clippy" [ pkgs.clippy ] "cargo clippy --offline --all-targets -- -D warnings";
          fmt = instead "fmt" [ pkgs.rustfmt ] "cargo fmt --check";
          # A sandbox has neither a Debian for the simulated Macs nor the machine that the others run against.
          tests = instead "tests" [ ] "cargo test --offline --lib --bins";
          nixos-test-smoke = nixpkgs.legacyPackages.${linux}.callPackage ./nix/smoke-test.nix { };
        }
      );

      devShells = forAllSystems (
        system: pkgs: {
          default = pkgs.mkShell {
            inputsFrom = [ self.packages.${system}.builder-doctor ];
            packages = [
              pkgs.clippy
              pkgs.rustfmt
            ];
          };
        }
      );

      formatter = forAllSystems (_: pkgs: pkgs.nixfmt-tree);
    };
}
