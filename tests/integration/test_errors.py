"""Whatever is wrong is said in one line, with the documented exit status, and nothing is harmed."""
import contextlib
import glob
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from harness import (PATIENCE, TOP, Build, Interpreter, Skip, Target, check, eventually, first_python,
                     goes_on, interpreters, state_of, test)

READY = "import sys, time; sys.stdout.write('ready\\n'); sys.stdout.flush()\n"  # also where print is no function
SLEEP = READY + "while True: time.sleep(0.1)"


class Sleeper:
    """A program that does nothing: Python code, or a command, which does not say when it is ready."""

    def __init__(self, code=SLEEP, command=None, python=(sys.executable,)):
        self.says_ready = not command
        self.command = command or [*python, "-c", code]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        if self.says_ready:
            check(self.process.stdout.readline() == "ready\n", "the target is never ready")
        return self.process

    def __exit__(self, *exc):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


@test
def no_such_process_is_status_5(build):
    process = subprocess.Popen(["true"])
    process.wait()
    for command in ("types", "attach", "doctor"):
        check("no such process" in build.fails(5, command, process.pid), command)
    return 3


@test
def zombie_is_status_5(build):
    process = subprocess.Popen(["true"])
    try:
        eventually(lambda: state_of(process.pid) == "Z", "no zombie")
        build.fails(5, "types", process.pid)
        build.fails(5, "doctor", process.pid)
    finally:
        process.wait()
    return 2


@test
def not_python_is_status_3(build):
    with Sleeper(command=["sleep", "600"]) as process:
        check("not a CPython process" in build.fails(3, "types", process.pid), "sleep")


@test
def an_older_cpython_is_named(build):
    """As what it is, with what can be read: 3.7 has a _PyRuntime, those before have none."""
    found = sorted(glob.glob(os.path.expanduser("~/.pyenv/versions/[23].[67].*/bin/python")))
    if not found:
        raise Skip("no older interpreter here")
    for python in found:
        version = python.split("/")[-3]
        with Sleeper(python=(python,)) as process:
            for command in ("types", "doctor"):
                said = build.fails(3, command, process.pid)
                check(f"CPython {version} is not supported (3.8 to " in said, said)
    return len(found)


@test
def pypy_is_status_3(build):
    roots = {os.path.dirname(i.root) for i in interpreters() if i.root}
    roots = [r for r in roots if os.path.exists(f"{r}/bookworm-pypy/usr/bin/pypy3")]
    if not roots:
        raise Skip("no PyPy here")
    with Sleeper(python=("chroot", f"{roots[0]}/bookworm-pypy", "/usr/bin/pypy3")) as process:
        check("PyPy" in build.fails(3, "types", process.pid), "PyPy is not named")


@test
def other_users_process_is_status_4(build):
    if os.geteuid() != 0:
        raise Skip("needs root, to become somebody else")
    # The checkout may be where only root can go.
    with tempfile.TemporaryDirectory() as folder, Sleeper() as process:
        os.chmod(folder, 0o755)
        shutil.copy(build.program("reftracker"), folder)
        for command in ("types", "attach", "doctor"):
            said = Build(folder).fails(4, command, process.pid, user=65534, group=65534,
                                       extra_groups=[])
            check("\n  " in said, f"no hint: {said}")
        check(process.poll() is None, "the target ended")
    return 3


@test
def traced_process_is_status_5(build):
    if not shutil.which("gdb"):
        raise Skip("no gdb")
    with Sleeper() as process:
        with Sleeper(command=["gdb", "-q", "-nx", "-batch", "-ex", "shell sleep 600", "-p",
                              str(process.pid)]) as gdb:
            eventually(lambda: tracer_of(process.pid), "gdb does not come")
            said = build.fails(5, "types", process.pid)
            check(f"traced by {gdb.pid} (gdb)" in said, said)
            build.fails(5, "doctor", process.pid)
            kill_tree(gdb.pid)
        build.ok("types", process.pid)
    return 3


def tracer_of(pid):
    with open(f"/proc/{pid}/status") as file:
        return int([line for line in file if line.startswith("TracerPid")][0].split()[1])


def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(word) for word in file.read().split()]


def kill_tree(pid):
    """gdb's own child, the sleep, goes with it."""
    for child in children_of(pid):
        kill_tree(child)
        os.kill(child, signal.SIGKILL)


@test
def thread_id_is_refused(build):
    code = ("import threading,time\n"
            "threading.Thread(target=time.sleep, args=(600,), daemon=True).start()\n" + SLEEP)
    with Sleeper(code) as process:
        tids = [int(t) for t in os.listdir(f"/proc/{process.pid}/task")]
        other = [t for t in tids if t != process.pid][0]
        check(str(process.pid) in build.fails(1, "types", other), "the process is not named")


@test
def stopped_process_stays_stopped(build):
    with Sleeper() as process:
        process.send_signal(signal.SIGSTOP)
        eventually(lambda: state_of(process.pid) == "T", "not stopped")
        for _ in range(5):
            build.ok("types", process.pid)
            time.sleep(0.05)
            check(state_of(process.pid) == "T", "no longer stopped")
        process.send_signal(signal.SIGCONT)
        eventually(lambda: goes_on(process.pid), "does not continue")
        build.ok("types", process.pid)
    return 2


@test
def process_that_ends_while_it_is_read(build):
    """At every phase: exit status 0 (done before), or 5; never a hang or another message."""
    statuses = {0: 0, 5: 0}
    for step in range(40):
        with Sleeper("x = [[] for _ in range(300000)]\n" + SLEEP) as process:
            run = subprocess.Popen([build.program("reftracker"), "types", str(process.pid)],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            time.sleep(step * 0.0025)
            process.kill()
            process.wait()
            err = run.communicate(timeout=PATIENCE)[1]
            check(run.returncode in statuses, f"exit {run.returncode}: {err}")
            check(len(err.splitlines()) <= 2, err)
            statuses[run.returncode] += 1
    check(statuses[5], f"never caught in the act: {statuses}")
    return 40


def attach_to_its_end(build, process, marker, *options):
    """What attach prints from the line with @marker on, after which the process is killed, and says."""
    with subprocess.Popen(
            [build.program("reftracker"), "attach", str(process.pid), *options],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True) as attach:
        while marker not in attach.stdout.readline():
            check(attach.poll() is None, attach.poll() is not None and attach.stderr.read())
        process.kill()
        out, said = attach.communicate(timeout=PATIENCE)
    check(attach.returncode == 5, f"{attach.returncode}: {said}")
    return out, said


@test
def a_process_that_ends_is_reported_on(build):
    """At once, not at the next diff: what was found until then, and that it has ended."""
    with Sleeper() as process:
        said = attach_to_its_end(build, process, "baseline: ", "--every", "2h")[1]
        check(said == f"reftracker: attach: process {process.pid} has ended, before the first diff\n",
              said)
    for options, marker, result in (((), "--- diff 3", "\n=== result\nNothing persists"),
                                    (("-j",), '"step":3', '"groups":[')):
        with Sleeper() as process:
            out, said = attach_to_its_end(build, process, marker, "--every", "50ms", *options)
            check(result in out, out)
            check(said == f"reftracker: attach: process {process.pid} has ended\n", said)
    return 3


@test
def another_program_in_the_same_process_is_status_5(build):
    for program in ("['sleep', '600']", "[sys.executable, '-c', 'import time; time.sleep(600)']"):
        code = f"{READY}import os,sys\nsys.stdin.readline()\nos.execvp({program}[0], {program})"
        with Sleeper(code) as process:
            attach = subprocess.Popen(
                [build.program("reftracker"), "attach", str(process.pid), "--every", "500ms",
                 "--count", "99", "-q"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, text=True)
            check(attach.stdout.readline().startswith("process "), "no baseline")
            process.stdin.write("\n")
            process.stdin.flush()
            said = attach.communicate(timeout=PATIENCE)[1]
            check(attach.returncode == 5 and "runs another program now" in said, said)
    return 2


def cannot_say(build, reason, stdout, *args):
    """Fails with 1 and says why on standard error, as it cannot write to @stdout."""
    result = subprocess.run([build.program("reftracker"), *map(str, args)], stdout=stdout,
                            stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
                            timeout=PATIENCE)
    check(result.returncode == 1 and reason in result.stderr and
          len(result.stderr.splitlines()) == 1, f"{args}: {result.returncode}, {result.stderr}")


@test
def full_disk_and_closed_pipe_are_status_1(build):
    texts = (["--help"], ["help", "types"], ["types", "--help"], ["--version"])
    with Sleeper() as process:
        commands = (*texts, ["types", process.pid], ["attach", process.pid, "--every", "50ms"])
        with open("/dev/full", "w") as full:
            for command in commands:
                cannot_say(build, "No space left", full, *command)
        read_end, write_end = os.pipe()
        os.close(read_end)
        for command in commands:
            cannot_say(build, "Broken pipe", write_end, *command)
        os.close(write_end)
        build.fails(1, "types", process.pid, "-o", "/nowhere/at/all")
        with tempfile.NamedTemporaryFile("w+") as file:
            file.write("yesterday's report")
            file.flush()
            build.fails(5, "types", 999999999, "-o", file.name)
            file.seek(0)
            check(file.read() == "yesterday's report", "an earlier report is lost")
        with tempfile.TemporaryDirectory() as folder:
            said = build.fails(1, "snapshot", "-q", process.pid, "-o", f"{folder}/a", preexec_fn=lambda:
                               resource.setrlimit(resource.RLIMIT_FSIZE, (100000, 100000)))
            check("too large" in said and not os.listdir(folder), said)
        check(process.poll() is None and goes_on(process.pid), "the target is harmed")
    return 2 * len(commands) + 3


@test
def deleted_interpreter_is_read_all_the_same(build):
    """The files of a running interpreter are replaced by upgrades."""
    chosen = [i for i in interpreters() if i.root]
    if not chosen:
        raise Skip("no interpreter in a folder of its own")
    first = chosen[0]
    copy = f"{first.root}/tmp/deleted-{os.path.basename(first.path)}"
    shutil.copy(first.root + first.path, copy)
    moved = Interpreter(first.name, first.root, copy[len(first.root):], first.version,
                        {"PYTHONHOME": "/usr"})
    with Target(moved, "scripted_leak.py", "--gc", "on") as target:
        os.unlink(copy)
        target.ask("make 10")
        check("__main__.Leak" in build.ok("types", target.pid, "-n", "0"), "the leak is not there")


@contextlib.contextmanager
def program_for_all(build):
    """The checkout may be where only root can go."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        shutil.copy(build.program("reftracker"), folder)
        yield Build(folder)


NOBODY = {"user": 65534, "group": 65534, "extra_groups": []}


@test
def file_capability_is_enough(build):
    """The recipe of the man page; without it the same is refused, and with it nothing more is needed."""
    if os.geteuid() != 0:
        raise Skip("needs root, to give a capability")
    with program_for_all(build) as other, \
            Sleeper("x = [[] for _ in range(777)]\n" + SLEEP,
                    python=("/usr/bin/python3",)) as process:
        other.fails(4, "types", process.pid, **NOBODY)
        given = subprocess.run(["setcap", "cap_sys_ptrace=ep", other.program("reftracker")],
                               capture_output=True, text=True)
        if given.returncode:
            raise Skip(f"setcap: {given.stderr.strip()}")
        said = other.ok("types", process.pid, "-j", **NOBODY)
        check('"builtins.list"' in said, said)
        said = other.ok("doctor", process.pid, **NOBODY)
        check("clone        no: " in said and "CAP_DAC_READ_SEARCH" in said, said)
        other.fails(1, "types", process.pid, "--capture", "clone", **NOBODY)
        subprocess.run(["setcap", "cap_sys_ptrace,cap_dac_read_search=ep",
                        other.program("reftracker")], check=True)
        for command in (["types"], ["retained", "-n", "1"], ["types"]):
            result = other.run(command[0], process.pid, *command[1:], "--capture", "clone",
                               "-q", **NOBODY)
            check(result.returncode == 0 and not result.stderr, f"{command}: {result.stderr}")
            check(not children_of(process.pid), "the clone is left")
        other.ok("stacks", process.pid, **NOBODY)
        check(goes_on(process.pid), "the target is harmed")
    return 8


@test
def same_user_needs_nothing(build):
    if os.geteuid() != 0:
        raise Skip("needs root, to become somebody else")
    with program_for_all(build) as other:
        process = subprocess.Popen(["/usr/bin/python3", "-c", SLEEP], stdout=subprocess.PIPE, text=True,
                                   cwd="/", **NOBODY)
        try:
            check(process.stdout.readline() == "ready\n", "the target is never ready")
            other.ok("types", process.pid, **NOBODY)
            other.ok("doctor", process.pid, **NOBODY)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
    return 2


@test
def not_dumpable_is_named(build):
    """As after a setuid program, or where file capabilities were."""
    if os.geteuid() != 0:
        raise Skip("needs root, to become somebody else")
    code = ("import ctypes, os\nos.setgroups([])\nos.setgid(65534)\nos.setuid(65534)\n"
            "assert ctypes.CDLL(None).prctl(4, 0, 0, 0, 0) == 0\n" + SLEEP)
    with program_for_all(build) as other, Sleeper(code) as process:
        for command in ("types", "doctor"):
            said = other.fails(4, command, process.pid, **NOBODY)
            check("not dumpable" in said and "run as root" in said, said)
        build.ok("types", process.pid)
    return 3


# A sanitized build looks for leaks by ptrace() of its own, which such a filter forbids.
NO_LEAK_CHECK = dict(os.environ, ASAN_OPTIONS="detect_leaks=0")


# The number of the system call at 0, its first argument at 16: load, compare, answer.
PTRACE = [(0x20, 0, 0, 0), (0x15, 0, 1, 101), (6, 0, 0, 0x50001), (6, 0, 0, 0x7fff0000)]
PTRACE_SEIZE = [(0x20, 0, 0, 0), (0x15, 0, 3, 101), (0x20, 0, 0, 16), (0x15, 0, 1, 0x4206),
                (6, 0, 0, 0x50001), (6, 0, 0, 0x7fff0000)]


def run_filtered(code, *command, **kwargs):
    """A sandbox around the tool that answers EPERM, as old container runtimes do."""
    program = (
        "import ctypes, os, struct, sys\n"
        f"code = {code}\n"
        "program = ctypes.create_string_buffer(b''.join(struct.pack('HBBI', *l) for l in code))\n"
        "class Filter(ctypes.Structure):\n"
        "    _fields_ = [('length', ctypes.c_ushort), ('code', ctypes.c_void_p)]\n"
        "libc = ctypes.CDLL(None)\n"
        "assert libc.prctl(38, 1, 0, 0, 0) == 0\n"
        "assert libc.prctl(22, 2, ctypes.byref(Filter(len(code), ctypes.addressof(program)))) == 0\n"
        "os.execvp(sys.argv[1], sys.argv[1:])\n")
    return subprocess.run([sys.executable, "-c", program, *map(str, command)], timeout=PATIENCE,
                          capture_output=True, text=True, env=NO_LEAK_CHECK, **kwargs)


@test
def filter_of_reftracker_itself_is_named(build):
    with Sleeper() as process:
        for command in ("types", "doctor"):
            result = run_filtered(PTRACE, build.program("reftracker"), command, process.pid)
            check(result.returncode == 4 and "seccomp filter forbids ptrace()" in result.stderr,
                  f"exit {result.returncode}: {result.stderr}")
        check(goes_on(process.pid), "the target is harmed")
    return 2


@test
def yama_is_named_where_threads_may_not_be_stopped(build):
    """Its words, not its work: a filter refuses, and the scope stands in a file of ours."""
    if os.geteuid() != 0:
        raise Skip("needs root, to put a file into /proc")
    said = {1: "after sysctl kernel.yama.ptrace_scope=0", 2: "run as root, or with CAP_SYS_PTRACE",
            3: "nobody may trace"}
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    with program_for_all(build) as other, Sleeper(python=(*nobody, "/usr/bin/python3")) as process:
        for scope, words in said.items():
            result = run_filtered(
                PTRACE_SEIZE, "unshare", "-m", "sh", "-c",
                "mount -t tmpfs none /proc/sys/kernel && mkdir /proc/sys/kernel/yama && "
                f"echo {scope} >/proc/sys/kernel/yama/ptrace_scope && exec \"$@\"", "sh", *nobody,
                other.program("reftracker"), "types", process.pid)
            check(result.returncode == 4 and words in result.stderr and
                  f"kernel.yama.ptrace_scope is {scope}" in result.stderr,
                  f"scope {scope}: exit {result.returncode}: {result.stderr}")
        check(goes_on(process.pid), "the target is harmed")
    return len(said)


@test
def thread_of_the_kernel_is_status_3(build):
    def is_kernel(pid):
        try:
            with open(f"/proc/{pid}/stat") as file:
                return int(file.read().rsplit(")", 1)[1].split()[6]) & 0x200000
        except OSError:
            return False
    threads = [int(p) for p in os.listdir("/proc") if p.isdigit() and is_kernel(p)]
    if not threads:
        raise Skip("no threads of the kernel are visible")
    for command in ("types", "doctor"):
        check("thread of the kernel" in build.fails(3, command, threads[0]), command)
    return 2


def fail_none(build, process, folder):
    build.ok("types", process.pid)


def fail_error(build, process, folder):
    build.fails(1, "types", process.pid, "-o", "/nowhere/at/all")


def fail_usage(build, process, folder):
    for args in ([], ["types"], ["nonsense"], ["types", "--nonsense"],
                 ["snapshot", process.pid], ["types", process.pid, "--format", "odd"]):
        check(build.run(*args).returncode == 2, f"{args}")


def fail_foreign(build, process, folder):
    with Sleeper(command=["sleep", "600"]) as foreign:
        build.fails(3, "types", foreign.pid)


def fail_denied(build, process, folder):
    if os.geteuid() != 0:
        raise Skip("needs root, to become somebody else")
    with program_for_all(build) as other:
        other.fails(4, "types", process.pid, **NOBODY)


def fail_gone(build, process, folder):
    build.fails(5, "types", 999999999)


def fail_limit(build, process, folder):
    build.fails(6, "types", process.pid, "--max-pause", "1us")


def fail_data(build, process, folder):
    with open(f"{folder}/bad", "w") as file:
        file.write("no snapshot\n")
    build.fails(7, "info", f"{folder}/bad")


def fail_gate(build, process, folder):
    for name in ("a", "b"):
        build.ok("snapshot", process.pid, "-o", f"{folder}/{name}")
    result = build.run("diff", f"{folder}/a", f"{folder}/b", "--fail-if", "objects>=0")
    check(result.returncode == 10, f"exit {result.returncode}: {result.stderr}")


# Every exit status there is, and how to provoke it.
STATUSES = {0: fail_none, 1: fail_error, 2: fail_usage, 3: fail_foreign, 4: fail_denied, 5: fail_gone,
            6: fail_limit, 7: fail_data, 10: fail_gate}


@test
def every_exit_status_is_provoked(build):
    with Sleeper() as process, tempfile.TemporaryDirectory() as folder:
        for provoke in STATUSES.values():
            provoke(build, process, folder)
        check(goes_on(process.pid), "the target is harmed")
    return len(STATUSES)


@test
def man_page_lists_the_same_statuses(build):
    with open(f"{TOP}/man/reftracker.1") as file:
        text = file.read()
    section = text.split(".Sh EXIT STATUS\n")[1].split("\n.Sh ")[0]
    listed = {int(number) for number in re.findall(r"^\.It (\d+)$", section, re.M)}
    check(listed == set(STATUSES), f"man page: {sorted(listed)}, provoked: {sorted(STATUSES)}")
    with open(f"{TOP}/src/cmd/main.c") as file:
        table = file.read().split("statuses[ERROR_CODE_COUNT] = {")[1].split("};")[0]
    known = {int(number) for number in re.findall(r"= (\d+)", table)} | {0}
    check(known == set(STATUSES), f"main.c: {sorted(known)}, provoked: {sorted(STATUSES)}")
    return 2


def refusals(process, foreign, folder):
    """What each command says of what it cannot do: arguments behind its name."""
    live = {"attach": ["--count", "1"], "types": [], "referrers": ["builtins.list"],
            "paths": ["builtins.list"], "show": ["builtins.list"], "retained": [], "memory": [],
            "stacks": [],
            "doctor": [], "snapshot": ["-o", f"{folder}/out"], "export": ["-o", f"{folder}/out",
                                                                      "--format", "json"],
            "watch": ["--every", "1h", "-d", folder]}
    for command, rest in live.items():
        yield 3, [command, foreign.pid, *rest]
        yield 5, [command, 999999999, *rest]
        yield 4, [command, process.pid, *rest]
        yield 2, [command, process.pid, *rest, "--nonsense"]
    for command, rest in live.items():
        if command not in ("doctor", "watch", "attach", "stacks"):
            yield 6, [command, process.pid, *rest, "--max-pause", "1us"]
    files = {"info": [], "types": [], "diff": [f"{folder}/bad"], "retained": [], "memory": [],
             "leaks": [f"{folder}/bad"] * 2, "referrers": ["builtins.list"],
             "paths": ["builtins.list"], "show": ["builtins.list"],
             "query": ["SELECT 1 FROM objects"], "export": ["-o", f"{folder}/out", "--format", "json"]}
    for command, rest in files.items():
        yield 7, [command, f"{folder}/bad", *rest]
        yield 1, [command, f"{folder}/absent", *rest]


@test
def each_command_refuses_with_the_same_status(build):
    if os.geteuid() != 0:
        raise Skip("needs root, to become somebody else")
    count = 0
    with Sleeper() as process, Sleeper(command=["sleep", "600"]) as foreign, \
            tempfile.TemporaryDirectory() as folder, program_for_all(build) as other:
        os.chmod(folder, 0o777)
        with open(f"{folder}/bad", "w") as file:
            file.write("no snapshot\n")
        os.chmod(f"{folder}/bad", 0o644)
        for status, args in refusals(process, foreign, folder):
            other.fails(status, *args, stdin=subprocess.DEVNULL, timeout=PATIENCE,
                        **(NOBODY if status == 4 else {}))
            count += 1
        check(goes_on(process.pid), "the target is harmed")
    return count
