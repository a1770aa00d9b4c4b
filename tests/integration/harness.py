"""What the integration tests share: interpreters, targets, running reftracker, counting."""
import collections
import glob
import os
import shutil
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
OUTPUTS = {"truth"}  # arguments that are files in the target's own folder


class Skip(Exception):
    """Something that the test needs is not on this machine."""


def test(function):
    TESTS.append(function)
    return function


def check(condition, message):
    if not condition:
        raise AssertionError(message)


def debian_interpreters():
    listing = subprocess.run([f"{TOP}/scripts/fetch-pythons", "--list"], capture_output=True,
                             text=True, check=True).stdout
    for line in listing.splitlines():
        name, root, path = line.split("\t")
        if "/python3." in path:
            version = path.split("python")[-1].rstrip("d")
            yield Interpreter(name, root, path, version, {})


def other_interpreters():
    """CPythons that stand elsewhere on this machine; used where they are, never needed."""
    yield Interpreter("system", "", os.path.realpath("/usr/bin/python3"), "3", {})
    for path in sorted(glob.glob(os.path.expanduser("~/.pyenv/versions/3.*/bin/python3.*"))):
        version = path.rsplit("python", 1)[1]
        if version.replace(".", "").isdigit() and int(version.split(".")[1]) >= 8:
            yield Interpreter(f"source-{version}", "", path, version, {})


def interpreters():
    return list(debian_interpreters()) + list(other_interpreters())


class Target:
    """A Python program as a process of its own, talked to by lines."""

    def __init__(self, interpreter, script, *args, ready=True, env=None):
        self.work = tempfile.mkdtemp(dir=(interpreter.root or "") + "/tmp")
        shutil.copy(os.path.join(TARGETS, script), self.work)
        inside = self.work[len(interpreter.root):]
        self.inside = inside
        command = [interpreter.path, f"{inside}/{script}",
                   *[f"{inside}/{arg}" if arg in OUTPUTS else arg for arg in args]]
        if ready:
            command += ["--ready", f"{inside}/ready"]
        if interpreter.root:
            command = ["chroot", interpreter.root] + command
        environment = dict(os.environ, PYTHONDONTWRITEBYTECODE="1", LC_ALL="C.UTF-8",
                           **interpreter.env, **(env or {}))
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, env=environment, text=True)
        self.pid = self.process.pid
        if ready:
            self.wait_ready()

    def wait_ready(self):
        deadline = time.monotonic() + 120
        while not os.path.exists(f"{self.work}/ready"):
            if self.process.poll() is not None:
                raise AssertionError(f"the target ended with {self.process.returncode}")
            check(time.monotonic() < deadline, "the target is never ready")
            time.sleep(0.02)

    def path(self, name):
        """As the target sees it, and as we see it."""
        return f"{self.inside}/{name}", f"{self.work}/{name}"

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        check(answer, f"no answer to '{line}'")
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

    def run(self, *args, program="reftracker", timeout=120, **kwargs):
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


def state_of(pid):
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rsplit(")", 1)[1].split()[0]


def run_all(build, names):
    counts = collections.Counter()
    for function in TESTS:
        if names and not any(name in function.__name__ for name in names):
            continue
        start = time.monotonic()
        try:
            cases = function(build) or 1
            counts["passed"] += cases
            verdict = f"ok ({cases})"
        except Skip as reason:
            counts["skipped"] += 1
            verdict = f"SKIPPED: {reason}"
        except Exception as error:  # pylint: disable=broad-except
            counts["failed"] += 1
            if not isinstance(error, AssertionError):
                traceback.print_exc()
            verdict = f"FAILED: {error}"
        print(f"{function.__name__}: {verdict} {time.monotonic() - start:.1f} s", flush=True)
    print(f"integration: {counts['passed']} passed, {counts['failed']} failed, "
          f"{counts['skipped']} skipped")
    return 1 if counts["failed"] or not counts["passed"] else 0


def first_python():
    """The interpreter for tests that are not about versions: the machine's own."""
    return next(other_interpreters())

def main():
    folder, names = "build", []
    args = sys.argv[1:]
    while args:
        word = args.pop(0)
        if word == "--build":
            folder = args.pop(0)
        else:
            names.append(word)
    sys.exit(run_all(Build(folder), names))
