# pkgs.darwin.linux-builder: a package whose modules can be overridden, and which tells what system they make.
{
  lib,
  named,
  system,
}:
let
  inherit (lib) mkOption types;
  number = default: mkOption {
    type = types.ints.positive;
    inherit default;
    description = "";
  };
  # The options of the VM's system that the module sets, with the values of the stock VM.
  guest.options = {
    boot.binfmt.emulatedSystems = mkOption {
      type = types.listOf types.str;
      default = [ ];
      description = "";
    };
    networking.hostName = mkOption {
      type = types.str;
      default = "nixos";
      description = "";
    };
    virtualisation = {
      cores = number 1;
      darwin-builder.diskSize = number 20480;
      darwin-builder.memorySize = number 3072;
    };
  };
  make =
    { modules }:
    named "create-builder"
    // {
      nixosConfig = (lib.evalModules { modules = [ guest ] ++ modules; }).config // {
        nixpkgs.hostPlatform.system = builtins.replaceStrings [ "darwin" ] [ "linux" ] system;
      };
      override = change: make (change { inherit modules; });
    };
in
make { modules = [ ]; }
