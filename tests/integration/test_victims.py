"""Programs that check themselves while they are captured: tests/victim/*.c say what each checks.

One test for each. A victim is captured many times by tools/capture_repeat, by clones where that
is possible and by copies, then told to finish; it must say that it is unharmed, leave no process
behind, and have been in no odd state. What came late is tried once more: a machine can keep a single
program waiting, for a disk or for memory that its own host has to bring, which Stalls does not see.
"""
import glob
import os
import re

from harness import TOP, check, eventually, test
from victims import Stalls, Victim

CAPTURES = int(os.environ.get("CAPTURES", "100"))
# What these close a peer must see closed at once: also while a clone lives this long.
PEERS = {"epoll_server", "file_locks", "io_uring_server"}
HOLD_MS = 2000
# These wait 10 ms and longer. A wait that began anew at each capture would last as long as they do.
TIMED = {"clock_nanosleep_abs", "futex", "nanosleep", "poll_ppoll", "select_pselect"}
TIMED_CAPTURES, TIMED_HOLD_MS = CAPTURES * 5 // 2, 4


def try_captures(build, pid, times, *options):
    """Returns how many were made; all others must have been refused."""
    out = build.ok(pid, "--times", times, *options, program="tools/capture_repeat")
    found = re.search(r"captures (\d+) refused (\d+) ", out)
    check(found, f"capture_repeat said '{out.strip()}'")
    made, refused = map(int, found.groups())
    check(made + refused == times, f"{made} captures made, {refused} refused")
    return made


def capture(build, pid, times, *options):
    """Where each meets the victim in a state that allows none, until one is made."""
    eventually(lambda: try_captures(build, pid, times, *options), "no capture is ever made")


def capture_both_ways(build, victim):
    try:
        capture(build, victim.pid, CAPTURES)
        capture(build, victim.pid, CAPTURES, "--way", "copy")
        if victim.name in PEERS:
            capture(build, victim.pid, 1, "--hold", HOLD_MS)
        if victim.name in TIMED:
            capture(build, victim.pid, TIMED_CAPTURES, "--hold", TIMED_HOLD_MS)
    except AssertionError as error:
        if victim.process.poll() is not None:
            raise AssertionError(victim.process.stdout.read().strip() or error) from None
        raise


def unharmed(build, name):
    with Stalls(), Victim(build, name) as victim:
        before = victim.children()
        capture_both_ways(build, victim)
        stay = victim.children() - before
        odd = list(victim.odd_threads())
        # Its own children live shorter than that.
        eventually(lambda: not stay & victim.children(), f"children that stay, of {stay}")
        said, status = victim.finish()  # what it has to say comes first
        check(re.fullmatch(r"unharmed [1-9]\d*( eintr \d+)?", said) and status == 0,
              f"{said or 'nothing said'}, exit {status}")
        check(not odd, f"threads in odd states: {odd}")
        victim.check_gone()
    return 2 * CAPTURES


def victim_test(name):
    def run(build):
        try:
            return unharmed(build, name)
        except AssertionError as error:
            if not str(error).startswith("late: "):
                raise
            print(f"    {name}: {error}; once more", flush=True)
        return unharmed(build, name)
    run.__name__ = f"captured_{name}_is_unharmed"
    test(run)


for source in sorted(glob.glob(os.path.join(TOP, "tests", "victim", "*.c"))):
    if os.path.basename(source) != "common.c":
        victim_test(os.path.basename(source)[:-2])
