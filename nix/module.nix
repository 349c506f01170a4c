# A nix-darwin module: a Linux builder for this Mac, and the doctor that looks after it.
#
# Every option is documented in docs/module.md, which is made from this file.
{
  config,
  lib,
  options,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;
  cfg = config.services.linux-builder-doctor;
  darwin = pkgs.stdenv.hostPlatform.system;
  # What the VM runs without emulation.
  native = builtins.replaceStrings [ "darwin" ] [ "linux" ] darwin;
  emulated = builtins.filter (system: system != native) cfg.systems;
  # The stock VM offers nothing but its own system.
  systems = if cfg.bootstrap then [ native ] else [ native ] ++ emulated;
  gigabyte = 1024;

  # A TOML string and a list of strings are written as JSON writes them.
  json = builtins.toJSON;
  expectations = ''
    # Written from services.linux-builder-doctor: what builder-doctor expects of this Mac. Do not edit it.
    [nix]
    minimum-version = ${json cfg.expectations.minimumNixVersion}
    experimental-features = ${json cfg.experimentalFeatures}

    [builder]
    host = "linux-builder"
    port = 31022
    launchd-label = ${json "${config.launchd.labelPrefix}.linux-builder"}
    systems = ${json [ native ]}
    optional-systems = ${json (if cfg.bootstrap then [ ] else emulated)}
    features = ${json cfg.expectations.features}

    [[cache]]
    url = "https://cache.nixos.org"
    public-key = "cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="
    ${lib.concatMapStrings (cache: ''

      [[cache]]
      url = ${json cache.url}
      public-key = ${json cache.publicKey}
    '') cfg.caches}
    [test-build]
    installable = ${json cfg.expectations.testBuild.installable}
    timeout = ${json cfg.expectations.testBuild.timeout}
  '';
in
{
  options.services.linux-builder-doctor = {
    enable = mkOption {
      type = types.bool;
      default = false;
      description = "Whether this Mac has a Linux builder, and the commands that look after it.";
    };

    package = mkOption {
      type = types.package;
      default = pkgs.builder-doctor;
      defaultText = "the flake's own builder-doctor";
      description = "The package that holds builder-doctor and the commands.";
    };

    bootstrap = mkOption {
      type = types.bool;
      default = false;
      description = ''
        Whether to run the stock VM, which a binary cache has, in place of the one configured here. A changed VM is a
        Linux system that only a Linux builder can build: where none runs yet, switch once with this on, and then with
        this off. While it is on, `cores`, `memory`, `disk`, `config` and emulated `systems` do not apply.
      '';
    };

    cores = mkOption {
      type = types.ints.positive;
      default = 6;
      description = "How many cores the VM has.";
    };

    memory = mkOption {
      type = types.ints.positive;
      default = 8;
      description = "How much memory the VM has, in GB.";
    };

    disk = mkOption {
      type = types.ints.positive;
      default = 40;
      description = "How large the VM's disk can grow, in GB.";
    };

    maxJobs = mkOption {
      type = types.ints.positive;
      default = 4;
      description = "How many builds the VM runs at once.";
    };

    ephemeral = mkOption {
      type = types.bool;
      default = true;
      description = ''
        Whether the VM starts from an empty disk each time. It then never fills up or goes stale, and fetches again
        what it needs after each start.
      '';
    };

    systems = mkOption {
      type = types.listOf (
        types.enum [
          "aarch64-linux"
          "x86_64-linux"
        ]
      );
      default = [ native ] ++ lib.optional (native == "aarch64-linux") "x86_64-linux";
      defaultText = "aarch64-linux and x86_64-linux on Apple Silicon; x86_64-linux on an Intel Mac";
      description = ''
        The systems that the VM builds for. The VM's own is that of the Mac's processor; another one is emulated in
        the VM, which is slow, and offered to Nix as well.
      '';
    };

    supportedFeatures = mkOption {
      type = types.listOf types.str;
      default = [
        "kvm"
        "benchmark"
        "big-parallel"
        "nixos-test"
      ];
      description = "The system features that the machines file offers; NixOS tests need `nixos-test` and `kvm`.";
    };

    config = mkOption {
      type = types.deferredModule;
      default = { };
      description = "More NixOS configuration of the VM.";
    };

    experimentalFeatures = mkOption {
      type = types.listOf types.str;
      default = [
        "nix-command"
        "flakes"
      ];
      description = "Nix's experimental features that are on.";
    };

    caches = mkOption {
      type = types.listOf (
        types.submodule {
          options = {
            url = mkOption {
              type = types.str;
              description = "The cache's URL.";
            };
            publicKey = mkOption {
              type = types.str;
              description = "The key by which its paths are signed: `name:base64`.";
            };
          };
        }
      );
      default = [
        {
          url = "https://nix-postgres-artifacts.s3.amazonaws.com";
          publicKey = "nix-postgres-artifacts:dGZlQOvKcNEjvT7QEAJbcV6b6uk7VF/hWMjhYleiaLI=";
        }
      ];
      description = "Binary caches besides cache.nixos.org, each a `url` and a `publicKey`.";
    };

    customConf = mkOption {
      type = types.bool;
      default = true;
      description = ''
        Whether settings of your own in /etc/nix/nix.custom.conf count. nix.conf then includes that file, and a switch
        leaves it where it is; nix-darwin alone refuses to switch while it is there, or moves it away.
      '';
    };

    log = {
      path = mkOption {
        type = types.str;
        default = "/var/log/linux-builder.log";
        description = "The file to which the VM's job writes, so that a crash can be read afterwards.";
      };
      size = mkOption {
        type = types.ints.positive;
        default = 1024;
        description = ''
          How large the log can grow, in KB, before newsyslog sets it aside as `.0`. A running VM writes on into
          the file that was set aside, until its next start.
        '';
      };
      keep = mkOption {
        type = types.ints.positive;
        default = 5;
        description = "How many logs that were set aside are kept.";
      };
    };

    expectations = {
      enable = mkOption {
        type = types.bool;
        default = true;
        description = "Whether /etc/builder-doctor.toml is written, so that the doctor expects what is configured here.";
      };
      minimumNixVersion = mkOption {
        type = types.str;
        default = "2.30";
        description = "The oldest Nix that the doctor accepts.";
      };
      features = mkOption {
        type = types.listOf types.str;
        default = builtins.filter (feature: feature == "nixos-test") cfg.supportedFeatures;
        defaultText = "`nixos-test`, if it is among supportedFeatures";
        description = ''
          The features that the doctor proves by a test build each. With `kvm` it also demands /dev/kvm in the VM,
          which only M3 and newer can have.
        '';
      };
      testBuild = {
        installable = mkOption {
          type = types.str;
          default = "nixpkgs#hello";
          description = "What `builder-doctor --deep` builds for each system.";
        };
        timeout = mkOption {
          type = types.str;
          default = "60s";
          description = "How long one test build may take.";
        };
      };
    };
  };

  config = lib.mkIf cfg.enable {
    assertions =
      let
        name = "services.linux-builder-doctor";
        keyed = cache: builtins.match "[^: ]+:[A-Za-z0-9+/]+=*" cache.publicKey != null;
      in
      [
        {
          assertion = config.nix.enable;
          message = "${name} needs nix.enable = true, as nix-darwin writes the machines file only where it manages Nix. Where Determinate manages Nix, use its own Linux builder, or move to upstream Nix first.";
        }
        {
          assertion = builtins.elem native cfg.systems;
          message = "${name}.systems lacks ${native}, which is what the VM itself runs on this Mac: add it.";
        }
        {
          assertion = cfg.memory < 1024;
          message = "${name}.memory is in GB, and ${toString cfg.memory} looks like MB: write 8 for 8 GB.";
        }
        {
          assertion = cfg.disk < 16384;
          message = "${name}.disk is in GB, and ${toString cfg.disk} looks like MB: write 40 for 40 GB.";
        }
        {
          assertion = builtins.match "/[^[:space:]]+" cfg.log.path != null;
          message = "${name}.log.path is ${json cfg.log.path}: write an absolute path without spaces.";
        }
        {
          assertion = builtins.all keyed cfg.caches;
          message = "${name}.caches holds a publicKey that is not of the form name:base64: copy it from the cache's own page.";
        }
      ];

    environment.systemPackages = [ cfg.package ];

    nix.settings = {
      experimental-features = cfg.experimentalFeatures;
      extra-substituters = map (cache: cache.url) cfg.caches;
      extra-trusted-public-keys = map (cache: cache.publicKey) cfg.caches;
    };
    nix.extraOptions = lib.mkIf cfg.customConf "!include nix.custom.conf";

    nix.linux-builder = {
      enable = true;
      inherit (cfg) ephemeral maxJobs supportedFeatures;
      inherit systems;
      config = lib.mkIf (!cfg.bootstrap) {
        imports = [ cfg.config ];
        boot.binfmt.emulatedSystems = emulated;
        virtualisation = {
          inherit (cfg) cores;
          darwin-builder = {
            diskSize = cfg.disk * gigabyte;
            memorySize = cfg.memory * gigabyte;
          };
        };
      };
    };

    launchd.daemons.linux-builder.serviceConfig = {
      StandardOutPath = cfg.log.path;
      StandardErrorPath = cfg.log.path;
    };

    environment.etc."newsyslog.d/linux-builder.conf".text = ''
      # logfilename  mode  count  size  when  flags
      ${cfg.log.path} 644 ${toString cfg.log.keep} ${toString cfg.log.size} * CN
    '';

    environment.etc."builder-doctor.toml" = lib.mkIf cfg.expectations.enable { text = expectations; };

    system.activationScripts = lib.mkIf cfg.customConf {
      # nix-darwin goes by the file's checksum, and stops at one that it does not know. Here the file is expected, so for
      # this one file, and while the checks run, the answer is a checksum that it knows.
      checks.text = lib.mkMerge [
        (lib.mkBefore ''
          shasum() {
            if [[ $* == "-a 256 /etc/nix/nix.custom.conf" ]]; then
              echo "3bd68ef979a42070a44f8d82c205cfd8e8cca425d91253ec2c10a88179bb34aa  /etc/nix/nix.custom.conf"
            else
              command shasum "$@"
            fi
          }
        '')
        (lib.mkOrder 2000 "unset -f shasum\n")
      ];

      # In place of nix-darwin's own, which moves nix.custom.conf away, and waits for the daemon for ever.
      nix-daemon.text = lib.mkForce ''
        if ! diff /etc/nix/nix.conf /run/current-system/etc/nix/nix.conf &>/dev/null ||
          ! diff /etc/nix/machines /run/current-system/etc/nix/machines &>/dev/null; then
          echo "reloading nix-daemon..." >&2
          launchctl kill HUP system/org.nixos.nix-daemon || true
        fi
        for ((waited = 0; waited < 30; waited++)); do
          if nix-store --store daemon -q --hash ${pkgs.stdenv.shell} &>/dev/null; then
            break
          fi
          echo "waiting for nix-daemon" >&2
          launchctl kickstart system/org.nixos.nix-daemon || true
          sleep 1
        done
        if ((waited == 30)); then
          echo "nix-daemon does not answer; builder-doctor says why" >&2
        fi
      '';
    };
  };
}
