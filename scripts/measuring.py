"""What the programs that measure have in common: bench, bench-file, bench-graph and bench-pause."""
import os
import re
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
NAME = os.path.basename(sys.argv[0])


def run(*command):
    """Wall and processor seconds, peak bytes, output."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{NAME}: {' '.join(command)} failed")
    return (time.perf_counter() - start, usage.ru_utime + usage.ru_stime,
            usage.ru_maxrss * 1024, out)


class Target:
    """A program that answers each line with one of numbers. Ends with the block."""

    def __init__(self, *command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        self.pid = self.process.pid

    def ask(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit(f"{NAME}: the target ended at '{command}'")
        return [float(word) for word in answer.split() if word != "ok"]

    def status(self, key):
        with open(f"/proc/{self.pid}/status") as file:
            return int(re.search(rf"^{key}:\s*(\d+)", file.read(), re.M)[1])

    def resident(self):
        return self.status("VmRSS") * 1024

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.process.kill()
        self.process.communicate()


class Million(Target):
    """tests/targets/million.py with so many objects."""

    def __init__(self, python, objects, *options):
        with tempfile.TemporaryDirectory() as folder:
            ready = os.path.join(folder, "ready")
            super().__init__(python, f"{TOP}/tests/targets/million.py", "--objects", str(objects),
                             "--ready", ready, *options)
            while not os.path.exists(ready):
                if self.process.poll() is not None:
                    sys.exit(f"{NAME}: the target ended")
                time.sleep(0.05)
