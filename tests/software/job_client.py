"""Looks at what a job reports about its own work: WORK. Ends at a line on standard input.

The job writes "ok" or "failed" lines into WORK/log; each "ok" is a piece of work whose result was
checked by the job itself.
"""
import os
import sys
import time

PATIENCE = 60


def lines(work):
    with open(os.path.join(work, "log"), encoding="utf-8", errors="replace") as file:
        return file.read().splitlines()


def count(work):
    """Pieces done, and failures."""
    done = sum(line.startswith("ok") for line in lines(work))
    failures = sum(line.startswith(("failed", "fatal", "Traceback")) for line in lines(work))
    return done, failures


def main():
    work = sys.argv[1]
    deadline = time.monotonic() + PATIENCE
    while not count(work)[0] and time.monotonic() < deadline:
        time.sleep(0.05)
    if not count(work)[0]:
        sys.exit("the job does nothing")
    print("ready")
    sys.stdin.readline()
    print(*count(work))


main()
