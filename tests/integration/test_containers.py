"""Targets in namespaces of their own: seen from outside, from inside, and from beside.

A container is made of unshare(1), chroot(1) and mount(8): what runtimes make of the same calls. All
tests need root; without it they say so.
"""
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

from harness import (PATIENCE, Skip, check, eventually, every_interpreter, goes_on, interpreters,
                     test)

LEAK = """
import time
class Leak: pass
leaks = [Leak() for _ in range(1234)]
print("ready", flush=True)
while True:
    time.sleep(0.05)
"""
NAMESPACES = ("mount", "pid", "user", "net", "uts", "ipc", "cgroup")


def need_root():
    if os.geteuid() != 0:
        raise Skip("needs root, to make namespaces")


def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(word) for word in file.read().split()]


class Container:
    """A Python program below unshare(1). `pid` is the program's as the host has it."""

    def __init__(self, options, python=(sys.executable,), code=LEAK, setup=""):
        forks = any(o in ("--pid", "--fork") for o in options)
        inner = [*python, "-c", code]
        if setup:
            inner = ["sh", "-c", f'set -e; {setup}\nexec "$@"', "sh", *inner]
        self.process = subprocess.Popen(
            ["unshare", *options, *(["--fork", "--kill-child"] if forks else []), *inner],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != "ready\n":
            self.process.kill()
            raise AssertionError(f"unshare {options}: {self.process.stderr.read()}")
        self.pid = children_of(self.process.pid)[0] if forks else self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()


def count_of(text, name="__main__.Leak"):
    return {row["type"]: row["count"] for row in json.loads(text)["types"]}.get(name)


def check_seen(build, pid):
    """By clone and by copy."""
    for way in ("clone", "copy"):
        said = build.ok("types", pid, "-j", "-n", "0", "--capture", way)
        check(count_of(said) == 1234, f"{way}: {count_of(said)} of 1234 objects")
    check(goes_on(pid) and not children_of(pid), "the target is harmed")


def namespace(pid, name):
    return os.readlink(f"/proc/{pid}/ns/{name}")


def options_of(*names):
    options = [f"--{name}" for name in names]
    return options + (["--map-root-user"] if "user" in names else [])


@test
def each_namespace_and_all_of_them(build):
    need_root()
    combinations = [(name,) for name in NAMESPACES]
    combinations += [("mount", "pid"), ("user", "pid"), ("user", "mount", "net"),
                     ("pid", "net", "ipc", "uts"), NAMESPACES]
    for names in combinations:
        with Container(options_of(*names)) as container:
            for name in names:
                short = {"mount": "mnt"}.get(name, name)
                check(namespace(container.pid, short) != namespace("self", short),
                      f"{name}: not a namespace of its own")
            check_seen(build, container.pid)
            doctor = json.loads(build.ok("doctor", container.pid, "-j"))
            inner = 1 if "pid" in names else container.pid
            check(doctor["nspid"] == inner, f"{names}: nspid {doctor['nspid']}")
            check(("PID 1 in its own" in build.ok("doctor", container.pid)) == ("pid" in names),
                  f"{names}: doctor's line")
    return len(combinations)


@test
def chroot_of_every_suite_in_a_container(build):
    """Another glibc, other files, no tools of ours inside, and /proc only there."""
    need_root()
    chosen = [i for i in every_interpreter() if i.root]
    if not chosen:
        raise Skip("no interpreter in a folder of its own")
    for interpreter in chosen:
        with Container(options_of("mount", "pid", "net", "ipc", "uts"),
                       ("chroot", interpreter.root, interpreter.path)) as container:
            check_seen(build, container.pid)
    return len(chosen)


@test
def nspid_names_the_process_in_its_container(build):
    need_root()
    with Container(options_of("pid")) as first, Container(options_of("pid")) as second:
        for container in (first, second):
            said = build.ok("types", "--nspid", f"1@{container.pid}", "-j", "-n", "0")
            check(count_of(said) == 1234, "another process was read")
            doctor = json.loads(build.ok("doctor", "--nspid", f"1@{container.pid}", "-j"))
            check(doctor["pid"] == container.pid, f"{doctor['pid']} and not {container.pid}")
        said = build.fails(2, "types", "--nspid", "1")
        check(str(first.pid) in said and str(second.pid) in said and "N@PID" in said, said)
        check("no such process" in build.fails(5, "types", "--nspid", f"9999@{first.pid}"), "9999")
        build.fails(5, "types", "--nspid", "1@999999999")
        for wrong in ("x", "1@", "@1", "0", "-1", "1@2@3", "99999999999999999999"):
            build.fails(2, "types", "--nspid", wrong)
        build.fails(2, "types", "-p", first.pid, "--nspid", "1")
        with tempfile.TemporaryDirectory() as folder:
            build.ok("snapshot", "--nspid", f"1@{first.pid}", "-o", f"{folder}/snap")
            info = json.loads(build.ok("info", f"{folder}/snap", "-j"))
            check(info["pid"] == first.pid and info["cgroup"], f"{info}")
    return 16


@test
def a_container_in_a_container_has_a_pid_in_each(build):
    need_root()
    inside = ["unshare", "--pid", "--fork", "--kill-child", sys.executable]
    # Others before it, so that its numbers differ.
    setup = "sleep 600 & sleep 600 &"
    with Container(options_of("pid"), inside, setup=setup) as middle:
        target = eventually(lambda: children_of(middle.pid)[-1:], "no child")[0]
        with open(f"/proc/{target}/status") as file:
            pids = next(line for line in file if line.startswith("NSpid:")).split()[1:]
        check(len(pids) == 3 and pids[1] != pids[2] == "1", f"PIDs {pids}")
        for n, neighbour in ((pids[2], target), (pids[1], middle.pid)):
            doctor = json.loads(build.ok("doctor", "--nspid", f"{n}@{neighbour}", "-j"))
            check(doctor["pid"] == target, f"{n}@{neighbour}: {doctor['pid']}, not {target}")
        for n in (pids[1], pids[0]):
            check("no such process" in build.fails(5, "types", "--nspid", f"{n}@{target}"), n)
        # That number in the middle is the container's own first process, and no Python.
        build.fails(3, "types", "--nspid", f"{pids[2]}@{middle.pid}")
        check_seen(build, target)
    return 6


@test
def pid_alone_is_enough_where_one_has_it(build):
    """A PID that only one CPython has in its container: others of that number are no Python."""
    need_root()
    last = "import os\nwhile os.getpid() < 40:\n    child = os.fork()\n    if child:\n" \
           "        os.wait()\n        os._exit(0)\n"
    with Container(options_of("pid"), code=last + LEAK) as container:
        said = build.ok("types", "--nspid", "40", "-j", "-n", "0")
        check(count_of(said) == 1234, "another process was read")
        build.ok("types", "--nspid", f"40@{container.pid}")
    return 2


@test
def overlay_and_read_only_root(build):
    """maps has the device and inode of a layer, stat() those of the overlay."""
    need_root()
    chosen = [i for i in interpreters() if i.root]
    if not chosen:
        raise Skip("no interpreter in a folder of its own")
    first, folder = chosen[0], tempfile.mkdtemp(dir="/dev/shm")
    try:
        for name in ("upper", "work", "merged"):
            os.mkdir(f"{folder}/{name}")
        for ending in ("", f"\nmount -o remount,ro {folder}/merged"):
            setup = (f"mount -t overlay overlay -o lowerdir={first.root},upperdir={folder}/upper,"
                     f"workdir={folder}/work {folder}/merged{ending}")
            try:
                container = Container(options_of("mount", "pid"), ("chroot", f"{folder}/merged",
                                                                   first.path), setup=setup)
            except AssertionError as error:
                raise Skip(f"no overlay here: {error}") from None
            with container:
                with open(f"/proc/{container.pid}/mountinfo") as file:
                    check(" - overlay " in file.read(), "not on an overlay")
                check_seen(build, container.pid)
    finally:
        shutil.rmtree(folder)
    return 2


@test
def read_from_inside_beside_the_target(build):
    """A sidecar that shares the PID namespace, in another root with nothing but the program."""
    need_root()
    with Container(options_of("mount", "pid", "net"), setup="mount -t proc proc /proc") as container:
        enter = ["nsenter", "-t", str(container.pid), "-m", "-p", build.program("reftracker")]
        said = subprocess.run([*enter, "types", "1", "-j", "-n", "0"], capture_output=True, text=True,
                              timeout=PATIENCE)
        check(said.returncode == 0 and count_of(said.stdout) == 1234, said.stderr)
        # The host's PID means nothing there.
        said = subprocess.run([*enter, "types", str(container.pid)], capture_output=True, text=True,
                              timeout=PATIENCE)
        check(said.returncode == 5 and "no such process" in said.stderr, said.stderr)
        check(goes_on(container.pid) and not children_of(container.pid), "the target is harmed")
    return 3


@test
def proc_of_another_namespace_is_named(build):
    """Its numbers are those of other processes than system calls mean: nothing is touched."""
    need_root()
    with Container(options_of("pid")) as container:
        beside = ["nsenter", "-t", str(container.pid), "-p"]
        pid = str(container.pid)
        for args in (("types", "1"), ("types", pid), ("doctor", pid), ("types", "-s", pid),
                     ("types", "--nspid", "1"), ("watch", pid, "-d", "/tmp"),
                     ("snapshot", "--name", "python3", "-o", "/tmp/none")):
            said = subprocess.run([*beside, build.program("reftracker"), *args], capture_output=True,
                                  text=True, timeout=PATIENCE)
            check(said.returncode == 1 and "of another PID namespace" in said.stderr and
                  "mount -t proc" in said.stderr, f"{args}: {said.returncode} {said.stderr}")
        # What the second line says.
        said = subprocess.run([*beside, "unshare", "-m", "sh", "-c", "mount -t proc proc /proc; "
                               f"{build.program('reftracker')} types 1 -j -n 0"],
                              capture_output=True, text=True, timeout=PATIENCE)
        check(said.returncode == 0 and count_of(said.stdout) == 1234, said.stderr)
        said = subprocess.run(["unshare", "-m", "sh", "-c",
                               f"umount -l /proc; {build.program('reftracker')} types {pid}"],
                              capture_output=True, text=True, timeout=PATIENCE)
        check(said.returncode == 1 and "/proc is not mounted" in said.stderr, said.stderr)
        check(goes_on(container.pid), "the target is harmed")
    return 9


@test
def named_network_namespace(build):
    need_root()
    if not shutil.which("ip"):
        raise Skip("no ip")
    name = f"reftracker-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True)
    if made.returncode:
        raise Skip(f"ip netns add: {made.stderr.strip()}")
    try:
        process = subprocess.Popen(["ip", "netns", "exec", name, sys.executable, "-c", LEAK],
                                   stdout=subprocess.PIPE, text=True)
        try:
            check(process.stdout.readline() == "ready\n", "the target is never ready")
            check(namespace(process.pid, "net") != namespace("self", "net"), "the same network")
            check_seen(build, process.pid)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=True)


@test
def root_of_the_container_lacks_the_capability(build):
    """What a container that was not given SYS_PTRACE says, and that doctor says the same."""
    need_root()
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        shutil.copy(build.program("reftracker"), folder)
        with Container(options_of("pid"), ("setpriv", "--reuid=33", "--regid=33", "--clear-groups",
                                           sys.executable)) as container:
            for command in ("types", "doctor", "attach", "stacks"):
                result = subprocess.run(
                    ["setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace",
                     f"{folder}/reftracker", command, str(container.pid)],
                    capture_output=True, text=True, timeout=PATIENCE)
                check(result.returncode == 4 and "belongs to user 33" in result.stderr and
                      "--cap-add=SYS_PTRACE" in result.stderr, f"{command}: {result.stderr}")
    return 4


@test
def target_of_an_outer_user_namespace(build):
    """Root of a user namespace has the capability there, and not over what is outside."""
    need_root()
    with Container([]) as outside:
        for command in ("types", "doctor"):
            result = subprocess.run(["unshare", "--user", "--map-root-user",
                                     build.program("reftracker"), command, str(outside.pid)],
                                    capture_output=True, text=True, timeout=PATIENCE)
            check(result.returncode == 4 and "another user namespace" in result.stderr,
                  f"{command}: {result.stderr}")
        check(goes_on(outside.pid), "the target is harmed")
    return 2


@test
def hidden_by_hidepid(build):
    need_root()
    with tempfile.TemporaryDirectory() as folder, Container([]) as target:
        os.chmod(folder, 0o755)
        shutil.copy(build.program("reftracker"), folder)
        for level, said in ((1, "may not be inspected"), (2, "hidepid")):
            result = subprocess.run(
                ["unshare", "--mount", "--pid", "--fork", "sh", "-c",
                 f'mount -t proc -o hidepid={level} proc /proc && '
                 '{ sleep 60 & } && pid=$! && '
                 f'setpriv --reuid=65534 --regid=65534 --clear-groups {folder}/reftracker types '
                 '$pid; status=$?; kill $pid; exit $status'],
                capture_output=True, text=True, timeout=PATIENCE)
            check(result.returncode == 4 and said in result.stderr, f"{level}: {result.stderr}")
        check(goes_on(target.pid), "the target is harmed")
    return 2
