"""A program of tests/victim that checks itself, and what is known of it from outside."""
import glob
import mmap
import os
import signal
import struct
import subprocess
import tempfile
import time

from harness import PATIENCE, Skip, check, eventually, state_of

UNAVAILABLE = 77
STOPS = {"job_control"}  # stopped by its own parent


def processes():
    """Of every process: what /proc/PID/stat says, from the state on, by PID."""
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path) as file:
                text = file.read()
        except OSError:
            continue
        yield int(text.split()[0]), text.rsplit(")", 1)[1].split()


STATE, PARENT, SESSION, START, EXIT_SIGNAL = 0, 1, 3, 19, 35


class Victim:
    """A victim in a session of its own: whatever it or a capture leaves behind is found by that."""

    def __init__(self, build, name):
        self.name = name
        self.process = subprocess.Popen([build.program(f"tests/victim/{name}")],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        start_new_session=True)
        self.pid = 0

    def wait_ready(self):
        words = self.process.stdout.readline().split()
        if words[:1] == ["unavailable:"]:
            check(self.process.wait(PATIENCE) == UNAVAILABLE, "unavailable, but another status")
            raise Skip(" ".join(words[1:]))
        check(len(words) == 2 and words[0] == "ready", f"'ready PID' expected, {words} seen")
        self.pid = int(words[1])

    def children(self):
        return {(pid, stat[START]) for pid, stat in processes() if int(stat[PARENT]) == self.pid}

    def clones(self):
        """Children that have ended and have no exit signal: no victim makes such ones."""
        return [pid for pid, stat in processes() if int(stat[PARENT]) == self.pid and
                stat[STATE] == "Z" and stat[EXIT_SIGNAL] == "0"]

    def session(self):
        return [pid for pid, stat in processes() if int(stat[SESSION]) == self.process.pid]

    def odd_threads(self):
        """Threads that are stopped, traced or dead."""
        good = "RSDT" if self.name in STOPS else "RSD"
        for path in glob.glob(f"/proc/{self.pid}/task/*/status"):
            try:
                with open(path) as file:
                    status = dict(line.split(":", 1) for line in file if ":" in line)
            except OSError:
                continue  # it has ended meanwhile
            state = status["State"].split()[0]
            ending = state in "XZ" and path.split("/")[4] != str(self.pid)
            if not (state in good or ending) or int(status["TracerPid"]):
                yield f"{status['Pid'].strip()} {state}, tracer {status['TracerPid'].strip()}"

    def finish(self):
        """Its last line and its exit status."""
        try:
            out, _ = self.process.communicate("finish\n", timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it hangs in state {state_of(self.pid)}") from None
        except BrokenPipeError:
            out = self.process.stdout.read()
        return out.strip(), self.process.wait(PATIENCE)

    def last_words(self):
        """What it said and how it ended, where it has, for a message that says more than that."""
        try:
            status = self.process.wait(1)
        except subprocess.TimeoutExpired:
            return "the victim goes on"
        return f"the victim ended with {status}: {self.process.stdout.read().strip()!r}"

    def check_gone(self):
        eventually(lambda: not self.session(), "something is left behind")

    def __enter__(self):
        try:
            self.wait_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc):
        for pid in self.session():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class Stalls:
    """How long every processor kept programs waiting; no victim that starts within is late by that.

    On each one a process of ours sleeps shortly again and again and adds up by how much it was late:
    cells of 64 bits, in nanoseconds, in the file that the environment of the victims names.
    """

    SIZE, NAP, USUAL = 4096, 4_000_000, 1_000_000

    def __init__(self):
        self.file = tempfile.NamedTemporaryFile()
        self.file.truncate(self.SIZE)
        self.cells = mmap.mmap(self.file.fileno(), self.SIZE)
        self.watchers = []

    def watch(self, cpu, cell, parent):
        os.sched_setaffinity(0, {cpu})
        total = 0
        while os.getppid() == parent:
            start = time.monotonic_ns()
            time.sleep(self.NAP / 1e9)
            late = time.monotonic_ns() - start - self.NAP
            total += late if late > self.USUAL else 0
            struct.pack_into("=Q", self.cells, 8 * cell, total)

    def __enter__(self):
        parent = os.getpid()
        for cell, cpu in enumerate(sorted(os.sched_getaffinity(0))[:self.SIZE // 8]):
            pid = os.fork()
            if not pid:
                try:
                    self.watch(cpu, cell, parent)
                finally:
                    os._exit(0)
            self.watchers.append(pid)
        os.environ["VICTIM_STALLS"] = self.file.name
        return self

    def __exit__(self, *exc):
        del os.environ["VICTIM_STALLS"]
        for pid in self.watchers:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        self.cells.close()
        self.file.close()
