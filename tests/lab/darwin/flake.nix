# A Mac's configuration by nix-darwin, imitated: real Nix builds it, tests/lab/inside/setting_up says of what.
{
  outputs =
    _:
    let
      configuration = vm: {
        system = derivation {
          name = "darwin-system-26.05";
          system = "aarch64-darwin";
          builder = "/bin/bash";
          args = [
            "-e"
            ./build
          ];
          source = ./.;
          inherit vm;
        };
      };
      # What is changed in a VM is a Linux system, which only a Linux machine builds.
      vm = derivation {
        name = "nixos-vm";
        system = "aarch64-linux";
        builder = "/bin/sh";
        args = [
          "-c"
          "echo vm > $out"
        ];
      };
    in
    {
      darwinConfigurations = {
        mac = configuration "${vm}";
        mac-bootstrap = configuration "";
        alone = configuration "${vm}";
        broken = configuration (throw "this configuration is broken");
      };
    };
}
