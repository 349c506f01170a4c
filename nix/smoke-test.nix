# A NixOS test so small that it only fails where NixOS tests do not run at all.
{ testers }:
testers.runNixOSTest {
  name = "smoke";
  nodes.machine = { };
  testScript = ''
    machine.wait_for_unit("multi-user.target")
    machine.succeed("test \"$(uname -s)\" = Linux")
  '';
}
