"""The target is never harmed: whatever happens to reftracker, it goes on as if nothing had."""
import os
import random
import resource
import signal
import subprocess
import sys
import time

from harness import (PATIENCE, Skip, Target, check, eventually, first_python, goes_on,
                     listed_interpreters, state_of, test)
from victims import PARENT, processes

# BUSY_CAPTURES=1000 for the longer run of docs/MEASUREMENTS.md.
BUSY_CAPTURES = int(os.environ.get("BUSY_CAPTURES", "100"))


def run_and_signal(build, pid, number, delay):
    process = subprocess.Popen([build.program("reftracker"), "attach", str(pid), "--every", "1ms"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               stdin=subprocess.DEVNULL)
    time.sleep(delay)
    process.send_signal(number)
    process.wait(PATIENCE)


@test
def what_tests_start_ignores_no_signal(build):
    """Also in the background of a script: SIGINT that is ignored until attach catches it is lost."""
    del build
    out = subprocess.run(["cat", "/proc/self/status"], stdout=subprocess.PIPE, check=True).stdout
    ignored = int(out.split(b"SigIgn:")[1].split()[0], 16)
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        check(not ignored >> (number - 1) & 1, f"{number!r} is ignored")


@test
def killed_at_any_instant_leaves_the_target_running(build):
    """SIGKILL, SIGINT and SIGTERM at random instants; the victim checks itself meanwhile."""
    rounds = 60
    generator = random.Random(1)
    with Target(first_python(), "victim.py") as target:
        for index in range(rounds):
            number = (signal.SIGKILL, signal.SIGINT, signal.SIGTERM)[index % 3]
            run_and_signal(build, target.pid, number, generator.uniform(0.02, 0.2))
            check(goes_on(target.pid), f"state {state_of(target.pid)} after {number!r}")
        report = target.ask("report")
    check(report == "sound", report)
    return rounds


@test
def ended_by_a_signal_it_leaves_no_zombie(build):
    """Whatever signal ends it, but SIGKILL: what it has made is taken away first."""
    rounds = 60
    numbers = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1,
               signal.SIGALRM]
    generator = random.Random(2)
    with Target(first_python(), "million.py", "--objects", "100000") as target:
        for index in range(rounds):
            process = subprocess.Popen(
                [build.program("reftracker"), "types", str(target.pid), "--capture", "clone"],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)))
            time.sleep(generator.uniform(0.0, 0.12))
            process.send_signal(numbers[index % len(numbers)])
            process.wait(PATIENCE)
            left = [pid for pid, stat in processes() if int(stat[PARENT]) == target.pid]
            check(not left, f"{left} are left after {numbers[index % len(numbers)]!r}")
        check(goes_on(target.pid), f"state {state_of(target.pid)}")
    return rounds


@test
def signals_during_the_stop_are_delivered(build):
    """Real-time signals queue: each one that is sent must be counted once."""
    sent = 0
    with Target(first_python(), "victim.py") as target:
        process = subprocess.Popen([build.program("reftracker"), "attach", str(target.pid),
                                    "--every", "1ms"], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        end = time.monotonic() + 4
        while time.monotonic() < end:
            target.process.send_signal(signal.SIGRTMIN + 3)
            sent += 1
            time.sleep(0.0005)
        process.send_signal(signal.SIGKILL)
        process.wait()
        # CPython's own handler counts each delivery in C before it runs Python code once for
        # several, so the victim counts with signalfd-free sigwait() in a thread of its own.
        eventually(lambda: int(target.ask("signals")) >= sent, f"not all of {sent} signals came")
        got = int(target.ask("signals"))
        report = target.ask("report")
    check(report == "sound", report)
    check(got == sent, f"{sent} signals sent, {got} received")


def captures_of_busy(build, way, interpreter, count=BUSY_CAPTURES):
    """Eight threads allocate, free and collect without a pause. Returns the number of captures."""
    with Target(interpreter, "busy.py") as target:
        before = int(target.ask("rate"))
        out = build.ok(target.pid, way, count, "__main__.Kept", program="tools/heap_dump",
                       timeout=1200)
        after = int(target.ask("rate"))
        check(target.ask("report") == "sound", "the target is harmed")
    lines = out.splitlines()
    check(len(lines) == count, f"{len(lines)} of {count} captures")
    wrong = [line for line in lines if not line.startswith("5000 objects,")]
    check(not wrong, f"{len(wrong)} inconsistent captures, such as {wrong[:3]}")
    attempts = sum(int(line.split()[2]) for line in lines)
    print(f"    {way}: {len(lines)} captures in {attempts} attempts; rounds in 2 s before and "
          f"after: {before}, {after}", flush=True)
    return len(lines)


@test
def allocating_and_collecting_target_is_always_consistent_by_clone(build):
    return captures_of_busy(build, "clone", first_python())


@test
def allocating_and_collecting_target_is_always_consistent_by_copy(build):
    return captures_of_busy(build, "copy", first_python())


@test
def threads_without_the_gil_are_always_consistent(build):
    """They change their heaps at the same time, and stop the world most of it."""
    chosen = list(listed_interpreters("build-pythons"))
    if not chosen:
        raise Skip("no interpreter without the GIL here")
    return captures_of_busy(build, "clone", chosen[0], min(BUSY_CAPTURES, 10))


@test
def many_threads(build):
    code = ("import threading,time\n"
            "for _ in range(300): threading.Thread(target=time.sleep,args=(600,),daemon=True).start()\n"
            "def burst():\n"
            "    while True:\n"
            "        t = threading.Thread(target=lambda: None); t.start(); t.join()\n"
            "threading.Thread(target=burst, daemon=True).start()\n"
            "print('ready', flush=True)\n"
            "time.sleep(600)\n")
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        process.stdout.readline()
        for _ in range(20):
            build.ok("types", process.pid)
        check(process.poll() is None and goes_on(process.pid), "the target is harmed")
    finally:
        process.kill()
        process.communicate()
    return 20
