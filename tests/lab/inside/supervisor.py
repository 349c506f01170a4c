"""launchd's part: starts, stops and restarts the jobs of a world, and keeps their state in files.

It runs outside the Mac's root. The imitated launchctl sends it one line through a pipe that only root
may write to, `ID VERB ARGUMENT...`, and reads `EXIT-CODE TEXT` from the pipe reply.ID.

A job is a folder /var/db/lab/jobs/LABEL on the Mac, readable by all:
  loaded    exists while the job is loaded; holds the plist's path
  state     running | not running | spawn scheduled
  pid       while it runs; a process of the world
  runs, exit, started   what launchctl print and ps show
  age       seconds: how long ago the first start shall seem to have been
  hold      exists: do not start it until it is kicked; holds the state to show
  program   a shell script to run in place of the job's own program, until the job is started anew
            by launchctl; with program-stays, after that as well
"""

import os
import signal
import subprocess
import sys
import threading
import time

LAB = "/host/var/db/lab"
BUILDER = "org.nixos.linux-builder"
DAEMON = "org.nixos.nix-daemon"
PROGRAMS = {
    BUILDER: "exec bash /lab/inside/vm",
    DAEMON: "exec bash /lab/inside/daemon",
}
SOCKETS = {
    BUILDER: "/guest/nix/var/nix/daemon-socket/socket",
    DAEMON: "/host/nix/var/nix/daemon-socket/socket",
}
THROTTLE = 10.0
lock = threading.RLock()


def kind(label):
    """The job whose program a label stands for: the prefix of a label is the user's to choose."""
    if label.endswith(("-builder", "-builderd")):
        return BUILDER
    return DAEMON if label.endswith("nix-daemon") else label


def read(*path):
    try:
        with open(os.path.join(LAB, *path)) as file:
            return file.read().strip()
    except OSError:
        return None


def write(text, *path):
    name = os.path.join(LAB, *path)
    os.makedirs(os.path.dirname(name), exist_ok=True)
    with open(name + ".new", "w") as file:
        file.write(f"{text}\n")
    os.rename(name + ".new", name)


def remove(*path):
    try:
        os.unlink(os.path.join(LAB, *path))
    except FileNotFoundError:
        pass


class Job:
    def __init__(self, label):
        self.label = label
        self.child = None
        self.stopping = False

    def get(self, key):
        return read("jobs", self.label, key)

    def put(self, key, text):
        write(text, "jobs", self.label, key)

    def loaded(self):
        return self.get("loaded") is not None

    def disabled(self):
        return read("disabled", self.label) in ("disabled", "true")

    def start(self, age=0):
        with lock:
            if self.child or not self.loaded():
                return
            remove("jobs", self.label, "hold")
            script = self.get("program") or PROGRAMS.get(kind(self.label))
            if not script:
                return
            try:
                # A daemon that was killed leaves its socket; only a new one may count as ready.
                os.unlink(SOCKETS[kind(self.label)])
            except (OSError, KeyError):
                pass
            self.child = subprocess.Popen(["bash", "-c", f". /lab/inside/functions; {script}"], start_new_session=True)
            self.put("started", int(time.time()) - age)
            self.put("runs", int(self.get("runs") or 0) + 1)
            self.put("pid", self.child.pid)
            self.put("state", "running")
            threading.Thread(target=self.watch, args=(self.child,), daemon=True).start()

    def watch(self, child):
        code = child.wait()
        with lock:
            if self.child is not child:
                return
            self.child = None
            sweep(self.label)
            remove("jobs", self.label, "pid")
            if self.stopping or not self.loaded():
                self.put("state", "not running")
                return
            # A shell that was killed by a signal; launchd says 134 as well as `134: Abort trap`.
            self.put("exit", code if code >= 0 else 128 - code)
            self.put("state", "spawn scheduled")
        time.sleep(THROTTLE)
        if self.get("state") == "spawn scheduled":
            self.start()

    def stop(self):
        with lock:
            child, self.child = self.child, None
            if child:
                self.stopping = True
                try:
                    os.killpg(child.pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
                child.wait()
                self.stopping = False
                self.put("exit", 0)
            sweep(self.label)
            remove("jobs", self.label, "pid")
            if self.loaded():
                self.put("state", "not running")


def sweep(label):
    """Ends what a job left behind: all that runs in the VM, or Nix daemons on the Mac."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            root = os.readlink(f"/proc/{pid}/root")
            if kind(label) == BUILDER and root == "/guest":
                os.kill(int(pid), signal.SIGKILL)
            elif kind(label) == DAEMON and root == "/host":
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    name = file.read().split(b"\0")[0]
                if name.endswith(b"nix-daemon"):
                    os.kill(int(pid), signal.SIGKILL)
        except (OSError, ValueError):
            pass


jobs = {}


def job(label):
    if label not in jobs:
        jobs[label] = Job(label)
    return jobs[label]


def unknown(label):
    return 113, f'Could not find service "{label}" in domain for system'


def label_of(target):
    """`system/LABEL`, or a plist's path, whose name is its label."""
    target = target.removeprefix("system/")
    return os.path.basename(target).removesuffix(".plist")


def mend(one):
    """What hung in one life of a job is gone in the next; what is wrong on the disk stays."""
    if one.get("program-stays") is None:
        remove("jobs", one.label, "program")


def bootstrap(path, legacy=False, write_override=False):
    name = label_of(path)
    one = job(name)
    word = "Load" if legacy else "Bootstrap"
    failed = f"{word} failed: 5: Input/output error"
    if not os.path.isfile("/host" + os.path.join("/", path)) or not path.endswith(".plist"):
        return 5, failed
    if write_override:
        write("enabled", "disabled", name)
    if one.disabled() or one.loaded():
        return 5, failed
    one.put("loaded", path)
    for stale in ("runs", "exit", "hold"):
        remove("jobs", name, stale)
    one.put("state", "not running")
    mend(one)
    one.start()
    ready(name)
    return 0, ""


def bootout(target, legacy=False, write_override=False):
    name = label_of(target)
    one = job(name)
    if write_override:
        write("disabled", "disabled", name)
    if not one.loaded():
        return (5, "Unload failed: 5: Input/output error") if legacy else (3, "Boot-out failed: 3: No such process")
    remove("jobs", name, "loaded")
    one.stop()
    remove("jobs", name, "state")
    return 0, ""


def kickstart(arguments):
    one = job(label_of(arguments[-1]))
    if not one.loaded():
        return unknown(one.label)
    if "-k" in arguments or one.child is None:
        one.stop()
        mend(one)
        one.start()
        ready(one.label)
    return 0, ""


def act(verb, arguments):
    write_override = "-w" in arguments
    plain = [a for a in arguments if not a.startswith("-")]
    if verb == "start":
        first_start()
        return None
    if verb == "enable" or verb == "disable":
        write(verb + "d", "disabled", label_of(plain[-1]))
        return 0, ""
    if verb == "bootstrap":
        return bootstrap(plain[-1])
    if verb == "bootout":
        return bootout(plain[-1])
    if verb == "kickstart":
        return kickstart(arguments)
    if verb == "kill":
        one = job(label_of(plain[-1]))
        if not one.loaded():
            return unknown(one.label)
        one.stop()
        return 0, ""
    if verb == "load":
        return bootstrap(plain[-1], True, write_override)
    if verb == "lab-stop":
        job(plain[-1]).stop()
        return 0, ""
    if verb == "unload":
        return bootout(plain[-1], True, write_override)
    return 64, f"Unrecognized subcommand: {verb}"


def listens(port):
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with open(table) as file:
            for line in file:
                field = line.split()
                if field[1].endswith(f":{port:04X}") and field[3] == "0A":
                    return True
    return False


def ready(label):
    """Waits until a job's own program serves, or ends."""
    one = job(label)
    until = time.monotonic() + 10
    while time.monotonic() < until and one.child and not one.get("program"):
        what = kind(label)
        serves = what not in SOCKETS or os.path.exists(SOCKETS[what])
        if serves and (what != BUILDER or listens(int(read("vm-port") or 31022))):
            return
        time.sleep(0.01)


def first_start():
    for label in sorted(os.listdir(f"{LAB}/jobs")):
        one = job(label)
        if not one.loaded():
            continue
        hold = one.get("hold")
        if hold is not None or one.disabled():
            one.put("state", hold or "not running")
            continue
        given = one.get("exit")
        runs = int(one.get("runs") or 1)
        one.put("runs", runs - 1)
        one.start(int(one.get("age") or 7211))
        if given is None:
            remove("jobs", label, "exit")
    for label in list(jobs):
        ready(label)
    with open("/run/lab/ready", "w") as file:
        file.write("ok\n")


def serve(line):
    words = line.split()
    if words == ["start"]:
        act("start", [])
        return
    identity, verb, arguments = words[0], words[1], words[2:]
    code, text = act(verb, arguments)
    with open(f"{LAB}/reply.{identity}", "w") as file:
        file.write(f"{code} {text}\n")


def main():
    os.umask(0o022)
    with open(os.open(f"{LAB}/control", os.O_RDWR)) as control:
        for line in control:
            try:
                serve(line)
            except Exception as error:  # one bad request must not end the world
                print(f"supervisor: {line.strip()}: {error!r}", file=sys.stderr)


main()
