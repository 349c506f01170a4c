# Options by nix-darwin's names, and what they make of /etc and of launchd's jobs.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;
  option =
    type: default:
    mkOption {
      inherit type default;
      description = "";
    };
  required =
    type:
    mkOption {
      inherit type;
      description = "";
    };
  builder = config.nix.linux-builder;

  # One line of a setting; those that add to another stand last.
  shown =
    value:
    if builtins.isBool value then
      lib.optionalString value "true" + lib.optionalString (!value) "false"
    else if builtins.isList value then
      builtins.concatStringsSep " " (map toString value)
    else
      toString value;
  settings =
    wanted:
    lib.concatMapStrings (
      name: lib.optionalString (lib.hasPrefix "extra-" name == wanted) "${name} = ${shown config.nix.settings.${name}}\n"
    ) (builtins.attrNames config.nix.settings);

  job = {
    options = {
      script = option types.lines "";
      serviceConfig = option (types.submodule {
        options = {
          KeepAlive = option types.bool false;
          RunAtLoad = option types.bool false;
          StandardErrorPath = required types.str;
          StandardOutPath = required types.str;
          WorkingDirectory = required types.str;
        };
      }) { };
    };
  };
in
{
  options = {
    assertions = option (types.listOf types.anything) [ ];
    environment.etc = option (types.attrsOf (types.submodule { options.text = required types.lines; })) { };
    environment.systemPackages = option (types.listOf types.package) [ ];
    launchd.daemons = option (types.attrsOf (types.submodule job)) { };
    launchd.labelPrefix = option types.str "org.nixos";
    nix = {
      enable = option types.bool true;
      settings = option (types.attrsOf types.anything) { };
      extraOptions = option types.lines "";
      linux-builder = {
        enable = option types.bool false;
        package = option types.package pkgs.darwin.linux-builder // {
          apply = package: package.override (old: { modules = old.modules ++ [ builder.config ]; });
        };
        config = option types.deferredModule { };
        ephemeral = option types.bool false;
        maxJobs = option types.ints.positive builder.package.nixosConfig.virtualisation.cores;
        supportedFeatures = option (types.listOf types.str) [
          "kvm"
          "benchmark"
          "big-parallel"
        ];
        systems = option (types.listOf types.str) [
          builder.package.nixosConfig.nixpkgs.hostPlatform.system
        ];
      };
    };
    nixpkgs.hostPlatform = required types.str;
    system = {
      stateVersion = required types.ints.positive;
      activationScripts = option (types.attrsOf (types.submodule { options.text = required types.lines; })) { };
      build.toplevel = required types.package;
    };
  };

  config = {
    assertions = lib.optional builder.enable {
      assertion = config.nix.enable;
      message = "`nix.linux-builder.enable` requires `nix.enable`";
    };

    nix.settings = {
      substituters = lib.mkAfter [ "https://cache.nixos.org/" ];
      trusted-public-keys = [ "cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=" ];
      trusted-users = [ "root" ];
      builders-use-substitutes = builder.enable;
    };

    environment.etc."nix/nix.conf".text = ''
      # WARNING: this file is generated from the nix.* options in
      # your nix-darwin configuration. Do not edit it!
      ${settings false}${settings true}${config.nix.extraOptions}
    '';
    environment.etc."nix/machines" = lib.mkIf builder.enable {
      text =
        builtins.concatStringsSep " " [
          "ssh-ng://builder@linux-builder"
          (builtins.concatStringsSep "," builder.systems)
          "/etc/nix/builder_ed25519"
          (toString builder.maxJobs)
          "1"
          (builtins.concatStringsSep "," builder.supportedFeatures)
          "-"
          "c3NoLWVkMjU1MTkgQUFBQUMzTnphQzFsWkRJMU5URTVBQUFBSUpCV2N4Yi9CbGFxdDFhdU90RStGOFFVV3JVb3RpQzVxQkorVXVFV2RWQ2Igcm9vdEBuaXhvcwo="
        ]
        + "\n";
    };

    launchd.daemons.linux-builder = lib.mkIf builder.enable {
      script = ''
        ${lib.optionalString builder.ephemeral "rm -f /var/lib/linux-builder/${builder.package.nixosConfig.networking.hostName}.qcow2"}
        ${builder.package}/bin/create-builder
      '';
      serviceConfig = {
        KeepAlive = true;
        RunAtLoad = true;
        WorkingDirectory = "/var/lib/linux-builder";
      };
    };

    system.activationScripts.checks.text = lib.mkAfter ''
      known="3bd68ef979a42070a44f8d82c205cfd8e8cca425d91253ec2c10a88179bb34aa"
      if [[ -e /etc/nix/nix.custom.conf ]]; then
        found=$(shasum -a 256 /etc/nix/nix.custom.conf)
        if [[ "''${found%% *}" != "$known" ]]; then
          echo "custom settings in /etc/nix/nix.custom.conf, aborting activation" >&2
          exit 2
        fi
      fi
    '';
    system.activationScripts.nix-daemon.text = ''
      if [[ -e /etc/nix/nix.custom.conf ]]; then
        mv /etc/nix/nix.custom.conf{,.before-nix-darwin}
      fi
    '';

    system.build.toplevel =
      let
        failed = builtins.filter (it: !it.assertion) config.assertions;
      in
      if failed != [ ] then
        throw "Failed assertions:\n${lib.concatMapStringsSep "\n" (it: "- ${it.message}") failed}"
      else
        pkgs.stdenv.mkDerivation {
          name = "darwin-system";
          etc = config.environment.etc;
          jobs = config.launchd.daemons;
          scripts = config.system.activationScripts;
          packages = config.environment.systemPackages;
        };
  };
}
