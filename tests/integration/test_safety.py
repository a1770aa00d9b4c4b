"""The target is never harmed: whatever happens to reftracker, it goes on as if nothing had."""
import random
import signal
import subprocess
import sys
import time

from harness import Target, check, first_python, state_of, test


def run_and_signal(build, pid, number, delay):
    process = subprocess.Popen([build.program("reftracker"), "attach", str(pid), "--every", "1ms"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               stdin=subprocess.DEVNULL)
    time.sleep(delay)
    process.send_signal(number)
    process.wait(timeout=60)


@test
def killed_at_any_instant_leaves_the_target_running(build):
    """SIGKILL, SIGINT and SIGTERM at random instants; the victim checks itself meanwhile."""
    rounds = 60
    generator = random.Random(1)
    with Target(first_python(), "victim.py") as target:
        for index in range(rounds):
            number = (signal.SIGKILL, signal.SIGINT, signal.SIGTERM)[index % 3]
            run_and_signal(build, target.pid, number, generator.uniform(0.02, 0.2))
            check(state_of(target.pid) in "SRD", f"state {state_of(target.pid)} after {number!r}")
        report = target.ask("report")
    check(report == "sound", report)
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
        time.sleep(0.5)
        got = int(target.ask("signals"))
        report = target.ask("report")
    check(report == "sound", report)
    # CPython's own handler counts each delivery in C before it runs Python code once for several,
    # so the victim counts with signalfd-free sigwait() in a thread of its own.
    check(got == sent, f"{sent} signals sent, {got} received")


@test
def allocating_and_collecting_target_is_always_consistent(build):
    """Eight threads allocate, free and collect without a pause."""
    captures = 60
    with Target(first_python(), "busy.py") as target:
        for _ in range(captures):
            out = build.ok(target.pid, program="tools/heap_dump")
            count = sum("\t__main__.Kept\t" in line for line in out.splitlines())
            check(count == 5000, f"{count} of 5000 kept objects")
        check(target.ask("report") == "sound", "the target is harmed")
    return captures


@test
def many_threads(build):
    code = ("import threading,time\n"
            "for _ in range(300): threading.Thread(target=time.sleep,args=(60,),daemon=True).start()\n"
            "def burst():\n"
            "    while True:\n"
            "        t = threading.Thread(target=lambda: None); t.start(); t.join()\n"
            "threading.Thread(target=burst, daemon=True).start()\n"
            "print('ready', flush=True)\n"
            "time.sleep(60)\n")
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        process.stdout.readline()
        for _ in range(20):
            build.ok("types", process.pid)
        check(process.poll() is None and state_of(process.pid) in "SR", "the target is harmed")
    finally:
        process.kill()
        process.communicate()
    return 20
