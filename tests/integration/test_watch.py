"""watch: snapshots when memory grows or the time is up, restarts, hooks, ends."""
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time

from harness import (PATIENCE, Target, check, eventually, first_python, interpreters, switches,
                     wait_asleep, waiting_test)

GROWTH = "4M"
MANY, FEW = 60000, 100  # objects: some 15 MiB and next to nothing


class Watch:
    """A watch that writes into a folder of its own."""

    def __init__(self, build, *args):
        self.folder = tempfile.mkdtemp()
        self.process = subprocess.Popen(
            [build.program("reftracker"), "watch", *map(str, args), "-d", self.folder, "-j",
             "--poll", "50ms"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def next(self):
        """The document that it writes next."""
        line = self.process.stdout.readline()
        check(line, f"no snapshot: {'' if line else self.process.stderr.read()}")
        return json.loads(line)

    def silent(self, seconds=0.5):
        """Whether no further snapshot comes in that time."""
        before = sorted(os.listdir(self.folder))
        time.sleep(seconds)
        return sorted(os.listdir(self.folder)) == before

    def end(self, number=None):
        """Exit status and what it said on standard error."""
        if number:
            self.process.send_signal(number)
        _, err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, err

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.process.kill()
        self.process.communicate()
        shutil.rmtree(self.folder, ignore_errors=True)


@waiting_test
def watch_takes_a_snapshot_when_memory_has_grown(build):
    """At the start, then by bytes or percent since the last one and not since the first."""
    cases = 0
    for growth in (GROWTH, "+25%"):
        with Target(first_python(), "scripted_leak.py", "--gc", "off") as target:
            with Watch(build, target.pid, "--rss", growth) as watch:
                first = watch.next()
                check(first["schema"] == "reftracker.watch/1" and first["reason"] == "start" and
                      first["pid"] == target.pid and first["count"] == 1, first)
                check(os.path.getsize(first["file"]) == first["bytes"], first)
                target.ask(f"make {FEW}")
                check(watch.silent(), f"{growth}: a snapshot without growth")
                for count in (2, 3):
                    target.ask(f"make {MANY}")
                    grown = watch.next()
                    check(grown["reason"] == "rss" and grown["count"] == count and
                          grown["rss"] > first["rss"], grown)
                    # The growth may have been caught in the middle.
                    while not watch.silent():
                        grown = watch.next()
                    cases += 1
                    if grown["count"] > count:
                        break
                check(watch.end(signal.SIGINT)[0] == 0, "SIGINT is a failure")
    return cases


@waiting_test
def watch_by_time_ends_after_count(build):
    """On each kind of interpreter, with a series that leaks understands."""
    cases = 0
    for interpreter in interpreters():
        with Target(interpreter, "scripted_leak.py", "--gc", "off") as target:
            with Watch(build, target.pid, "--every", "300ms", "--count", "3") as watch:
                documents = []
                for _ in range(3):
                    documents.append(watch.next())
                    target.ask(f"make {FEW}")
                check(watch.end()[0] == 0, "--count is a failure")
                check([d["reason"] for d in documents] == ["start", "every", "every"], documents)
                files = [d["file"] for d in documents]
                check(sorted(os.path.join(watch.folder, name) for name in os.listdir(watch.folder)
                             if name.endswith(".rtsnap")) == files, files)
                leaks = json.loads(build.ok("leaks", *files, "-j"))
                check(len(leaks["snapshots"]) == 3, leaks["snapshots"])
        cases += 1
    return cases


@waiting_test
def watch_keeps_as_many_as_it_is_told(build):
    with Target(first_python(), "scripted_leak.py", "--gc", "off") as target:
        with Watch(build, target.pid, "--every", "50ms", "--count", "6", "--keep", "2",
                   "--compress") as watch:
            files = [watch.next()["file"] for _ in range(6)]
            watch.end()
            left = [file for file in files if os.path.exists(file)]
            check(left == files[-2:], left)


@waiting_test
def watch_waits_without_touching_the_process(build):
    with Target(first_python(), "scripted_leak.py", "--gc", "off") as target:
        with Watch(build, target.pid, "--rss", "1G") as watch:
            watch.next()
            wait_asleep(target.pid)
            before = switches(target.pid)
            check(watch.silent(1), "a snapshot for nothing")
            check(switches(target.pid) == before, "the process was woken")
            with open(f"/proc/{target.pid}/status", encoding="ascii") as status:
                check("TracerPid:\t0\n" in status.read(), "the process is traced")
            check(watch.end(signal.SIGTERM)[0] == 0, "SIGTERM is a failure")


@waiting_test
def watch_runs_a_command_after_each_snapshot(build):
    """What it is told is true; how it fails is said, and no reason to end."""
    command = ('echo "$REFTRACKER_COUNT|$REFTRACKER_REASON|$REFTRACKER_PID|$REFTRACKER_SERIES|'
               '$REFTRACKER_SNAPSHOT|$REFTRACKER_PREVIOUS|$REFTRACKER_RSS" >&2; exit 7')
    with Target(first_python(), "scripted_leak.py", "--gc", "off") as target:
        with Watch(build, target.pid, "--every", "50ms", "--count", "3", "--exec",
                   command) as watch:
            documents = [watch.next() for _ in range(3)]
            status, err = watch.end()
    check(status == 0, err)
    lines = err.splitlines()
    said = [line.split("|") for line in lines if "|" in line]
    check(len(said) == 3, err)
    check(len([line for line in lines if "--exec: the command ended with status 7" in line]) == 3,
          err)
    previous = ""
    for document, words in zip(documents, said):
        wanted = [str(document[key]) for key in ("count", "reason", "pid", "series", "file")]
        check(words == [*wanted, previous, str(document["rss"])], words)
        previous = document["file"]


@waiting_test
def watch_ends_with_the_command_it_runs(build):
    """SIGTERM goes on to the command, and the watch ends when that has ended."""
    with Target(first_python(), "scripted_leak.py", "--gc", "off") as target:
        with tempfile.TemporaryDirectory() as folder:
            command = f"trap 'touch {folder}/told; exit 0' TERM; touch {folder}/begun; " \
                      "while :; do sleep 0.05; done"
            with Watch(build, target.pid, "--exec", command) as watch:
                watch.next()
                eventually(lambda: os.path.exists(f"{folder}/begun"), "the command never runs")
                status, err = watch.end(signal.SIGTERM)
            check(status == 0 and os.path.exists(f"{folder}/told"), err)


@waiting_test
def watch_is_ended_by_a_second_signal(build):
    """Where the command does not end by SIGTERM; of the same kind as the first one or not."""
    cases = 0
    with Target(first_python(), "scripted_leak.py", "--gc", "off") as target:
        for first in (signal.SIGINT, signal.SIGTERM):
            for second in (signal.SIGINT, signal.SIGTERM):
                with tempfile.TemporaryDirectory() as folder:
                    # It goes on for a while, and must not keep the pipes open.
                    command = f"exec >/dev/null 2>&1; trap 'touch {folder}/told' TERM; " \
                              f"touch {folder}/begun; while [ -d {folder} ]; do sleep 0.05; done"
                    with Watch(build, target.pid, "--exec", command) as watch:
                        watch.next()
                        eventually(lambda: os.path.exists(f"{folder}/begun"), "no command")
                        watch.process.send_signal(first)
                        eventually(lambda: os.path.exists(f"{folder}/told"), "it is not told")
                        status, _ = watch.end(second)
                check(status == -second, f"{first!r}, {second!r}: status {status}")
                cases += 1
    return cases


@waiting_test
def watch_survives_a_restart(build):
    """By a PID file: it may come late, and each process has a series of its own."""
    with tempfile.TemporaryDirectory() as folder:
        pidfile = os.path.join(folder, "pid")
        with Watch(build, "--pidfile", pidfile, "--every", "100ms") as watch:
            series = []
            for _ in range(2):
                with Target(first_python(), "scripted_leak.py", "--gc", "off") as target:
                    with open(pidfile + ".new", "w", encoding="ascii") as file:
                        file.write(f"{target.pid}\n")
                    os.rename(pidfile + ".new", pidfile)
                    document = watch.next()
                    while document["pid"] != target.pid:
                        document = watch.next()
                    check(document["reason"] == "start", document)
                    check(watch.next()["reason"] == "every", "no second snapshot")
                    series.append(document["series"])
            status, err = watch.end(signal.SIGTERM)
    check(status == 0 and series == [1, 2], f"{status}, series {series}: {err}")
    check("waiting: " in err and "has ended" in err, err)


# Restarts the program whenever somebody says so; its own command line has the same words.
WRAPPER = """
while :; do
    while ! [ -e "$1/go" ]; do sleep 0.05; done
    rm "$1/go"
    "$2" -c 'import time; time.sleep(600)' "$1"
done
"""


@waiting_test
def watch_waits_beside_a_wrapper(build):
    """A shell that starts the service again fits the description alone while there is none."""
    with tempfile.TemporaryDirectory() as folder:
        def go():
            with open(os.path.join(folder, "go"), "w", encoding="ascii"):
                pass

        with Watch(build, "--match", folder, "--every", "1h") as watch:
            def wait_for(words):
                while words not in (line := watch.process.stderr.readline()):
                    check(line, f"it has ended without '{words}'")

            wait_for("waiting: no such process")
            with subprocess.Popen(["sh", "-c", WRAPPER, "sh", folder, first_python().path],
                                  start_new_session=True, stderr=subprocess.DEVNULL) as wrapper:
                try:
                    wait_for("waiting: not a CPython")
                    go()
                    first = watch.next()
                    os.kill(first["pid"], signal.SIGKILL)
                    wait_for("has ended")
                    wait_for("waiting: not a CPython")
                    go()
                    second = watch.next()
                    check(second["pid"] != first["pid"] and wrapper.pid not in
                          (first["pid"], second["pid"]) and second["series"] == 2, second)
                finally:
                    os.killpg(wrapper.pid, signal.SIGKILL)
    return 2


@waiting_test
def watch_goes_on_when_a_snapshot_fails(build):
    """The first is needed; later a folder that is away is said once, and tried again."""
    with Target(first_python(), "scripted_leak.py", "--gc", "off") as target:
        build.fails(1, "watch", target.pid, "-d", "/nonexistent")
        with Watch(build, target.pid, "--every", "50ms") as watch:
            watch.next()
            away = watch.folder + ".away"
            os.rename(watch.folder, away)
            time.sleep(1)
            os.rename(away, watch.folder)
            before = len(os.listdir(watch.folder))
            eventually(lambda: len(os.listdir(watch.folder)) > before, "it has given up")
            status, err = watch.end(signal.SIGINT)
    check(status == 0 and err.count("cannot open folder") == 1, err)


@waiting_test
def watch_says_how_it_ended(build):
    """A process that ends is 5; what is no growth, no folder or no process is 2; a shell 3."""
    with Target(first_python(), "scripted_leak.py", "--gc", "off") as target:
        with Watch(build, target.pid) as watch:
            watch.next()
            target.process.kill()
            target.process.wait()
            status, err = watch.end()
        check(status == 5 and "has ended" in err, f"{status}: {err}")
    with tempfile.TemporaryDirectory() as folder:
        for growth in ("", "0%", "-5M", "x%", "10%%", "1.5G"):
            build.fails(2, "watch", os.getpid(), "-d", folder, "--rss", growth)
        build.fails(2, "watch", os.getpid())
        build.fails(2, "watch", "-d", folder)
        build.fails(2, "watch", os.getpid(), "--name", "x", "-d", folder)
        build.fails(2, "watch", os.getpid(), "-d", folder, "--poll", "0")
        build.fails(5, "watch", 999999999, "-d", folder)
        shell = subprocess.Popen(["sleep", "60"])
        try:
            build.fails(3, "watch", shell.pid, "-d", folder)
        finally:
            shell.kill()
            shell.wait()
