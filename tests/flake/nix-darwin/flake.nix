{
  description = "A stand-in for nix-darwin: the options that the project's module sets, and the files that come of them";

  inputs.nixpkgs.url = "path:/inputs/nixpkgs";

  outputs =
    { nixpkgs, ... }:
    let
      inherit (nixpkgs) lib;
      darwinSystem =
        { modules }:
        let
          evaluated = lib.evalModules {
            modules = [ ./modules.nix ] ++ modules;
            specialArgs.pkgs = nixpkgs.legacyPackages.${evaluated.config.nixpkgs.hostPlatform};
          };
        in
        evaluated
        // {
          system = evaluated.config.system.build.toplevel;
          extendModules = more: darwinSystem { modules = modules ++ more.modules; };
        };
    in
    {
      lib = { inherit darwinSystem; };

      packages =
        lib.genAttrs
          [
            "aarch64-darwin"
            "x86_64-darwin"
          ]
          (system: {
            darwin-rebuild = nixpkgs.legacyPackages.${system}.stdenv.mkDerivation { name = "darwin-rebuild"; };
          });
    };
}
