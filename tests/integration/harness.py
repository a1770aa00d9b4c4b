"""What the integration tests share: interpreters, targets, running reftracker, counting."""
import argparse
import collections
import gc
import glob
import json
import multiprocessing
import multiprocessing.connection
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
TARGETS = os.path.join(TOP, "tests", "targets")

Interpreter = collections.namedtuple("Interpreter", "name root path version env")
TESTS = []
WAITING = set()  # of these, those that need next to no processor
LONG = set()  # those that take longest, and so begin first
SHARED = "truth.py"  # what several targets import
OUTPUTS = {"truth", "graph"}  # arguments that are files in the target's own folder
# Interpreters that the tests are made for, and without which they fail: what scripts/fetch-pythons and
# scripts/build-pythons put in place.
EXPECTED = [name + flavour for flavour in ("", "d") for name in (
    "bullseye-3.9", "bookworm-3.11", "trixie-3.13", "forky-3.13", "forky-3.14", "forky-3.15",
    "sid-3.13", "sid-3.14", "sid-3.15", "built-3.13t")]
# Of these, what INTERPRETERS=few leaves: each way in which objects and their lists are laid out.
FEW = ["bullseye-3.9", "bookworm-3.11", "trixie-3.13d", "forky-3.15", "built-3.13t"]
# Seconds for what takes milliseconds: the machine may be slow and have much else to do.
PATIENCE = 240
LONGEST = 1200  # seconds that one test may take


class Skip(Exception):
    """Something that the test needs is not on this machine."""


def test(function):
    TESTS.append(function)
    return function


def waiting_test(function):
    """One that waits for most of its time."""
    WAITING.add(function)
    return test(function)


def long_test(function):
    """One that takes much longer than most."""
    LONG.add(function)
    return test(function)


def check(condition, message):
    if not condition:
        raise AssertionError(message)


def eventually(condition, message, patience=PATIENCE):
    """Wait until @condition() is true, and return what it returns. @message may be a function."""
    deadline = time.monotonic() + patience
    while not (result := condition()):
        if time.monotonic() >= deadline:
            raise AssertionError(message() if callable(message) else message)
        time.sleep(0.005)
    return result


def listed_interpreters(script):
    """What one of the project's own scripts has put in place."""
    listing = subprocess.run([f"{TOP}/scripts/{script}", "--list"], capture_output=True,
                             text=True, check=True).stdout
    for line in listing.splitlines():
        name, root, path = line.split("\t")
        if "/python3." in path:
            version = path.split("python")[-1].rstrip("d")
            yield Interpreter(name, root, path, version, {})


def version_key(interpreter):
    """Versions by age; without the GIL after with it."""
    return [(int(number.rstrip("t")), number) for number in interpreter.version.split(".")]


def other_interpreters():
    """CPythons that stand elsewhere on this machine; used where they are, never needed."""
    yield Interpreter("system", "", os.path.realpath("/usr/bin/python3"), "3", {})
    for path in sorted(glob.glob(os.path.expanduser("~/.pyenv/versions/3.*/bin/python3.*"))):
        version = path.rsplit("python", 1)[1]
        if version.replace(".", "").isdigit() and int(version.split(".")[1]) >= 8:
            yield Interpreter(f"source-{version}", "", path, version, {})


def all_interpreters():
    return (list(listed_interpreters("fetch-pythons")) +
            list(listed_interpreters("build-pythons")) + list(other_interpreters()))


def kind(interpreter):
    """Version and flavour: what decides how it lays out its memory."""
    return interpreter.version, re.search(r"[td]*$", interpreter.name).group()


def is_few():
    """With INTERPRETERS=few, as with sanitizers, it is the tool that is looked at: what a test repeats
    for the sake of versions and of what targets do it leaves out, and a run without it does not."""
    return os.environ.get("INTERPRETERS") == "few"


def in_turn(things, number, of):
    """All things; with INTERPRETERS=few those of the @number-th of @of that share them among them."""
    return things[number % of::of] if is_few() else things


def every_interpreter():
    """For what depends on the build, such as tables of layouts: all, or with INTERPRETERS=few,
    where the tool is what is looked at, FEW."""
    found = all_interpreters()
    if not is_few():
        return found
    return [interpreter for interpreter in found if interpreter.name in FEW]


def first_of_each(key):
    chosen = {}
    for interpreter in every_interpreter():
        chosen.setdefault(key(interpreter), interpreter)
    return list(chosen.values())


def interpreters():
    """Those to test with: one of each version and flavour; with INTERPRETERS=all, all."""
    return all_interpreters() if os.environ.get("INTERPRETERS") == "all" else first_of_each(kind)


def versions():
    """One interpreter of each version, with and without the GIL."""
    return first_of_each(lambda interpreter: interpreter.version)


def state_of(pid):
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rsplit(")", 1)[1].split()[0]


def switches(pid):
    """How often the process has gone to sleep or had to make way."""
    with open(f"/proc/{pid}/status") as file:
        return [line for line in file if "ctxt_switches" in line]


def wait_asleep(pid):
    """Until its main thread sleeps, for longer than a moment: one that has said that it is ready may
    still be on its way to where it waits, with other objects than it has there."""
    def sleeps():
        before = switches(pid)
        time.sleep(0.03)
        return state_of(pid) == "S" and switches(pid) == before
    eventually(sleeps, f"process {pid} never sleeps")


class Target:
    """A Python program as a process of its own, talked to by lines."""

    def __init__(self, interpreter, script, *args, ready=True, env=None, beside=()):
        self.work = tempfile.mkdtemp(dir=(interpreter.root or "") + "/tmp")
        for name in (script, SHARED, *beside):
            shutil.copy(os.path.join(TARGETS, name), self.work)
        script = os.path.basename(script)
        inside = self.work[len(interpreter.root):]
        self.inside = inside
        command = [interpreter.path, f"{inside}/{script}",
                   *[f"{inside}/{arg}" if arg in OUTPUTS else arg for arg in args]]
        if ready:
            command += ["--ready", f"{inside}/ready"]
        if interpreter.root:
            command = ["chroot", interpreter.root] + command
        # Interpreters that are unpacked for the tests come without compiled modules: the first start
        # leaves them there, and each other one is spared compiling all that it imports.
        environment = dict(os.environ, PYTHONDONTWRITEBYTECODE="" if interpreter.root else "1",
                           LC_ALL="C.UTF-8", **interpreter.env, **(env or {}))
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, env=environment, text=True)
        self.pid = self.process.pid
        if ready:
            try:
                self.wait_ready()
            except BaseException:
                self.__exit__()
                raise

    def wait_ready(self):
        def is_ready():
            check(self.process.poll() is None, f"the target ended with {self.process.returncode}")
            return os.path.exists(f"{self.work}/ready")
        eventually(is_ready, "the target is never ready")
        wait_asleep(self.pid)

    def path(self, name):
        """As the target sees it, and as we see it."""
        return f"{self.inside}/{name}", f"{self.work}/{name}"

    def ask(self, line, settled=True):
        """What it answers; it waits for the next line then, and sleeps already if @settled."""
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        check(answer, f"no answer to '{line}'")
        if settled:
            wait_asleep(self.pid)
        return answer.strip()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        shutil.rmtree(self.work, ignore_errors=True)


class Build:
    """The programs under test."""

    def __init__(self, folder):
        self.folder = os.path.abspath(folder)

    def program(self, name):
        return os.path.join(self.folder, name)

    def run(self, *args, program="reftracker", timeout=300, **kwargs):
        return subprocess.run([self.program(program), *map(str, args)], capture_output=True,
                              text=True, timeout=timeout, **kwargs)

    def ok(self, *args, **kwargs):
        result = self.run(*args, **kwargs)
        check(result.returncode == 0, f"{args}: exit {result.returncode}: {result.stderr.strip()}")
        return result.stdout

    def fails(self, status, *args, **kwargs):
        """Fails with this exit status and says so in one line, or two with a hint."""
        result = self.run(*args, **kwargs)
        lines = result.stderr.splitlines()
        check(result.returncode == status,
              f"{args}: exit {result.returncode}, not {status}: {result.stderr.strip()}")
        check(lines and lines[0].startswith("reftracker: ") and len(lines) <= 2 and
              all(line.startswith("  ") for line in lines[1:]), f"{args}: said {lines}")
        return result.stderr


def goes_on(pid):
    """It runs or sleeps: not stopped, not traced, not dead."""
    return state_of(pid) in "SRD"


def first_python():
    """The interpreter for tests that are not about versions: the machine's own."""
    return next(other_interpreters())


def cases_of(build, function):
    """How many cases it had: what it returns, or one."""
    cases = function(build)
    check(cases != 0, "it had nothing to test")
    return 1 if cases is None else cases


def run_one(build, function):
    """Returns the line that says how it went; its first word behind the name is the verdict."""
    # What the tests read of millions of lines has no cycles, and the collector would look for them.
    gc.disable()
    start = time.monotonic()
    try:
        verdict = f"ok ({cases_of(build, function)})"
    except Skip as reason:
        verdict = f"SKIPPED: {reason}"
    except Exception as error:  # pylint: disable=broad-except
        traceback.print_exc()
        verdict = f"FAILED: {error}"
    spent = os.times()
    return (f"{function.__name__}: {verdict} {time.monotonic() - start:.1f} s, "
            f"{sum(spent[:4]):.1f} s of processor")


class Run:
    """A test in a process of its own, forked from this one, so that all they import is read once."""

    def __init__(self, build, function):
        self.function = function
        self.output = tempfile.TemporaryFile()
        self.process = multiprocessing.get_context("fork").Process(target=self.run, args=(build,))
        self.deadline = time.monotonic() + LONGEST
        self.process.start()

    def run(self, build):
        sys.stdout.reconfigure(line_buffering=True)
        for descriptor in 1, 2:
            os.dup2(self.output.fileno(), descriptor)
        print(run_one(build, self.function))

    def end(self, late):
        """Of one that ends, or must because it is @late; returns all that it has printed."""
        if late:
            self.process.kill()
        self.process.join()
        self.output.seek(0)
        text = self.output.read().decode(errors="replace").rstrip("\n")
        self.output.close()
        if late:
            return f"{text}\n{self.function.__name__}: FAILED: no end after {LONGEST} s"
        if self.process.exitcode:
            return f"{text}\n{self.function.__name__}: FAILED: exit status {self.process.exitcode}"
        return text


def record(interpreter, **cells):
    """What was measured with an interpreter, for the table at the end."""
    print("matrix:", interpreter.name, json.dumps(dict(
        cells, version=interpreter.version, container="yes" if interpreter.root else "no")),
        flush=True)


COLUMNS = ("version", "flavour", "stripped", "container", "objects", "types", "sizes", "references")
FLAVOURS = {"": "release", "d": "debug", "t": "no GIL", "td": "no GIL, debug"}


def print_matrix(texts):
    """One line for each interpreter that any test has told of."""
    rows = {}
    for line in re.findall(r"^matrix: (.*)$", "\n".join(texts), re.M):
        name, cells = line.split(" ", 1)
        row = rows.setdefault(name, {})
        row.update(json.loads(cells))
        plain = name.removesuffix("-stripped")
        row["flavour"] = FLAVOURS[re.search(r"[td]*$", plain if "." in plain else "").group()]
        row["stripped"] = "yes" if plain != name else "as it comes"
    if not rows:
        return
    print("\n%-24s" % "interpreter", *("%-13s" % column for column in COLUMNS))
    for name, row in sorted(rows.items()):
        print("%-24s" % name, *("%-13s" % row.get(column, "-") for column in COLUMNS))


def count(lines):
    """Passed, failed and skipped."""
    counts = collections.Counter()
    for line in lines:
        cases = re.match(r"\w+: ok \((\d+)\)", line)
        if cases:
            counts["passed"] += int(cases.group(1))
        else:
            counts["skipped" if ": SKIPPED" in line else "failed"] += 1
    return counts


class Lane:
    """Tests of which only so many run at a time."""

    def __init__(self, functions, room):
        self.left = collections.deque(functions)
        self.room = room
        self.running = {}

    def fill(self, build):
        while self.left and len(self.running) < self.room:
            run = Run(build, self.left.popleft())
            self.running[run.process.sentinel] = run

    def take_ended(self, ready):
        for sentinel, run in list(self.running.items()):
            late = sentinel not in ready and time.monotonic() >= run.deadline
            if late or sentinel in ready:
                del self.running[sentinel]
                yield run.end(late)


def run_side_by_side(build, chosen, jobs):
    """Yields what each of them prints, as they end. Those that wait come one after the other beside the
    rest, so that no processor waits with them; those that last long come first, so that none is left
    alone at the end."""
    apart = WAITING if jobs > 1 else set()
    chosen = sorted(chosen, key=lambda function: function not in LONG)
    lanes = [Lane([function for function in chosen if function not in apart], jobs),
             Lane([function for function in chosen if function in apart], 1)]
    while any(lane.left or lane.running for lane in lanes):
        for lane in lanes:
            lane.fill(build)
        running = {sentinel: run for lane in lanes for sentinel, run in lane.running.items()}
        soonest = min(run.deadline for run in running.values())
        ready = multiprocessing.connection.wait(list(running), max(0, soonest - time.monotonic()))
        for lane in lanes:
            yield from lane.take_ended(ready)


def run_all(build, names, jobs):
    """Tests side by side, each with its own targets; what one prints stays together."""
    chosen = [function for function in TESTS
              if not names or any(name in function.__name__ for name in names)]
    lines, texts = [], []
    for text in run_side_by_side(build, chosen, jobs):
        print(re.sub(r"^matrix: .*\n", "", text, flags=re.M), flush=True)
        texts.append(text)
        lines.append(text.rsplit("\n", 1)[-1])
    print_matrix(texts)
    counts = count(lines)
    if counts["failed"]:
        print("\n".join(["", *(line for line in lines if ": FAILED" in line)]))
    print(f"integration: {counts['passed']} passed, {counts['failed']} failed, "
          f"{counts['skipped']} skipped")
    return 1 if counts["failed"] or not counts["passed"] else 0


def dont_ignore_signals():
    """What is ignored here is ignored by all that is started here: SIGHUP below nohup(1), SIGINT and
    SIGQUIT in the background of a script. A program that comes to catch SIGINT later than it is sent
    would never know of it."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default="build")
    # One more than there are processors: most tests wait for their targets now and then.
    parser.add_argument("--jobs", "-j", type=int, default=(os.cpu_count() or 1) + 1)
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    build = Build(args.build)
    dont_ignore_signals()
    sys.exit(run_all(build, args.names, args.jobs))
