"""Whatever is wrong is said in one line, with the documented exit status, and nothing is harmed."""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from harness import (Build, Interpreter, Skip, Target, check, first_python, interpreters, state_of, test)

SLEEP = [sys.executable, "-c", "import time\nwhile True: time.sleep(0.1)"]


class Sleeper:
    def __init__(self, command=None, **kwargs):
        self.command, self.kwargs = command or SLEEP, kwargs

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, **self.kwargs)
        time.sleep(0.5)
        return self.process

    def __exit__(self, *exc):
        self.process.kill()
        self.process.wait()


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
    time.sleep(0.3)
    try:
        check(state_of(process.pid) == "Z", "no zombie")
        build.fails(5, "types", process.pid)
        build.fails(5, "doctor", process.pid)
    finally:
        process.wait()
    return 2


@test
def not_python_is_status_3(build):
    with Sleeper(["sleep", "60"]) as process:
        check("not a CPython process" in build.fails(3, "types", process.pid), "sleep")


@test
def pypy_is_status_3(build):
    roots = {os.path.dirname(i.root) for i in interpreters() if i.root}
    roots = [r for r in roots if os.path.exists(f"{r}/bookworm-pypy/usr/bin/pypy3")]
    if not roots:
        raise Skip("no PyPy here")
    with Sleeper(["chroot", f"{roots[0]}/bookworm-pypy", "/usr/bin/pypy3", "-c",
                  "import time; time.sleep(60)"]) as process:
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
        with Sleeper(["gdb", "-q", "-nx", "-batch", "-ex", "shell sleep 60", "-p",
                      str(process.pid)]) as gdb:
            deadline = time.monotonic() + 30
            while not tracer_of(process.pid) and time.monotonic() < deadline:
                time.sleep(0.05)
            said = build.fails(5, "types", process.pid)
            check(f"traced by {gdb.pid} (gdb)" in said, said)
            build.fails(5, "doctor", process.pid)
            kill_tree(gdb.pid)
        time.sleep(0.2)
        build.ok("types", process.pid)
    return 3


def tracer_of(pid):
    with open(f"/proc/{pid}/status") as file:
        return int([line for line in file if line.startswith("TracerPid")][0].split()[1])


def kill_tree(pid):
    """gdb's own child, the sleep, goes with it."""
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        children = [int(word) for word in file.read().split()]
    for child in children:
        kill_tree(child)
        os.kill(child, signal.SIGKILL)


@test
def thread_id_is_refused(build):
    code = ("import threading,time\n"
            "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
            "time.sleep(60)")
    with Sleeper([sys.executable, "-c", code]) as process:
        tids = [int(t) for t in os.listdir(f"/proc/{process.pid}/task")]
        other = [t for t in tids if t != process.pid][0]
        check(str(process.pid) in build.fails(1, "types", other), "the process is not named")


@test
def stopped_process_stays_stopped(build):
    with Sleeper() as process:
        process.send_signal(signal.SIGSTOP)
        time.sleep(0.2)
        check(state_of(process.pid) == "T", "not stopped")
        for _ in range(5):
            build.ok("types", process.pid)
            time.sleep(0.05)
            check(state_of(process.pid) == "T", "no longer stopped")
        process.send_signal(signal.SIGCONT)
        time.sleep(0.3)
        check(state_of(process.pid) in "SR", "does not continue")
        build.ok("types", process.pid)
    return 2


@test
def process_that_ends_while_it_is_read(build):
    """At every phase: exit status 0 (done before), or 5; never a hang or another message."""
    statuses = {0: 0, 5: 0}
    for step in range(40):
        with Sleeper([sys.executable, "-c", "x = [[] for _ in range(300000)]\n"
                      "import time; time.sleep(60)"]) as process:
            run = subprocess.Popen([build.program("reftracker"), "types", str(process.pid)],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            time.sleep(step * 0.0025)
            process.kill()
            process.wait()
            err = run.communicate(timeout=60)[1]
            check(run.returncode in statuses, f"exit {run.returncode}: {err}")
            check(len(err.splitlines()) <= 2, err)
            statuses[run.returncode] += 1
    check(statuses[5], f"never caught in the act: {statuses}")
    return 40


@test
def another_program_in_the_same_process_is_status_5(build):
    for program in ("['sleep', '60']", "[sys.executable, '-c', 'import time; time.sleep(60)']"):
        code = f"import os,sys,time\ntime.sleep(1.5)\nos.execvp({program}[0], {program})"
        with Sleeper([sys.executable, "-c", code]) as process:
            said = build.fails(5, "attach", process.pid, "--every", "500ms", "--count", "9", "-q",
                               stdin=subprocess.DEVNULL)
            check("runs another program now" in said, said)
    return 2


@test
def full_disk_and_closed_pipe_are_status_1(build):
    with Sleeper() as process:
        with open("/dev/full", "w") as full:
            result = subprocess.run([build.program("reftracker"), "types", str(process.pid)],
                                    stdout=full, stderr=subprocess.PIPE, text=True)
        check(result.returncode == 1 and "No space left" in result.stderr, result.stderr)
        build.fails(1, "types", process.pid, "-o", "/nowhere/at/all")
        with tempfile.NamedTemporaryFile("w+") as file:
            file.write("yesterday's report")
            file.flush()
            build.fails(5, "types", 999999999, "-o", file.name)
            file.seek(0)
            check(file.read() == "yesterday's report", "an earlier report is lost")
        read_end, write_end = os.pipe()
        os.close(read_end)
        result = subprocess.run([build.program("reftracker"), "attach", str(process.pid), "--every",
                                 "50ms"], stdout=write_end, stderr=subprocess.PIPE, text=True,
                                stdin=subprocess.DEVNULL, timeout=60)
        os.close(write_end)
        check(result.returncode == 1 and "Broken pipe" in result.stderr, result.stderr)
        check(process.poll() is None and state_of(process.pid) in "SR", "the target is harmed")
    return 4


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
