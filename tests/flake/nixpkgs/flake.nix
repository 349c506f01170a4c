{
  description = "A stand-in for nixpkgs: the names that the project's flake uses, and nothing that can be built";

  outputs = _: rec {
    lib = import ./lib.nix;
    legacyPackages = lib.genAttrs [
      "aarch64-darwin"
      "x86_64-darwin"
      "aarch64-linux"
      "x86_64-linux"
    ] (system: import ./packages.nix { inherit lib system; });
  };
}
