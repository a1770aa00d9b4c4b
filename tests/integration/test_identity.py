"""Address reuse: are persistent objects really the same ones? Ground truth by serial numbers."""
import collections
import itertools
import subprocess

from harness import Target, check, interpreters, test

# Shares of wrong answers that are accepted. With the collector off only the border between old and
# new objects of a list is open: a first new object that took a later address than all survivors.
ACCEPTED = {"off": 0.001, "on": 0.02}
# Without the GIL there are no lists, and so no order: only what an object says of itself tells it
# from a dead one of the same kind at the same address.
ACCEPTED_WITHOUT_LISTS = 0.5


def accepted(interpreter, mode):
    return ACCEPTED_WITHOUT_LISTS if interpreter.version.endswith("t") else ACCEPTED[mode]


def read_serials(path):
    """By address kind and serial number, as they are written."""
    with open(path) as file:
        return dict(line.split(" ", 1) for line in file.read().splitlines())


def kind_of(serial):
    return serial.split(" ", 1)[0]


class Follower:
    """tools/identity_dump on a target."""

    def __init__(self, build, pid, *how):
        self.process = subprocess.Popen([build.program("tools/identity_dump"), str(pid), *how],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        check(self.process.stdout.readline() == "ready\n", "no baseline")

    def next(self):
        """Of each object the step of its first sighting and whether that is certain, as it is written."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        count = self.process.stdout.readline()
        check(count, "identity_dump ended")
        lines = list(itertools.islice(self.process.stdout, int(count)))
        check(len(lines) == int(count), "identity_dump ended")
        return dict(line.split("\t", 1) for line in lines)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.process.kill()
        self.process.communicate()


STEPS = 4
# For each step what is written of an object that was first seen there, certain or not.
ANSWERS = [(f"{step}\t0\n", f"{step}\t1\n") for step in range(STEPS + 1)]


def follow(build, interpreter, script, churns, collect, how=()):
    """Returns false persistents by kind, missed ones, objects compared, how many of these have the
    address of a dead object of their kind: what addresses alone would get wrong; and how many answers
    were called certain, and were wrong."""
    false, missed, compared, naive, lies = collections.Counter(), 0, 0, 0, 0
    with Target(interpreter, *script, beside=("serials.py",)) as target:
        inside, outside = target.path("serials")

        def truth():
            check(target.ask(f"truth {inside}") == "done", "truth failed")
            return read_serials(outside)

        before = truth()
        first_step = {serial: 0 for serial in before.values()}
        with Follower(build, target.pid, *how) as follower:
            for step in range(1, STEPS + 1):
                target.ask(f"churn {churns}")
                if collect:
                    target.ask("collect 2")
                now = truth()
                for serial in now.values():
                    first_step.setdefault(serial, step)
                born = follower.next()
                for address in now.keys() & born.keys():  # the collector tracks not every tuple and dict
                    serial = now[address]
                    compared += 1
                    if born[address] not in ANSWERS[first_step[serial]]:
                        found, certain = map(int, born[address].split())
                        if found < first_step[serial]:
                            false[kind_of(serial)] += 1
                        missed += found > first_step[serial]
                        lies += certain
                    was = before.get(address, serial)
                    naive += was != serial and kind_of(was) == kind_of(serial)
                before = now
    return false, missed, compared, naive, lies


@test
def reused_addresses_are_told_apart(build):
    cases = 0
    for interpreter in interpreters():
        if interpreter.name.endswith("d"):
            continue
        for mode, collect in (("off", False), ("on", False), ("on", True)):
            kinds, missed, compared, naive, lies = follow(build, interpreter, ("churn.py", "--gc", mode),
                                                         4000, collect)
            false = sum(kinds.values())
            check(compared > 1000, f"only {compared} objects compared")
            print(f"    {interpreter.name}, gc {mode}{', full collections' if collect else ''}: "
                  f"{false} false, {missed} missed of {compared}; by address and kind alone "
                  f"{naive} false; {lies} certain ones wrong", flush=True)
            check(not lies, f"{interpreter.name}, gc {mode}, collect {collect}: {lies} certain ones are wrong")
            check((false + missed) / compared <= accepted(interpreter, mode),
                  f"{interpreter.name}, gc {mode}, collect {collect}: {false} taken for older "
                  f"ones {dict(kinds)}, {missed} not recognised, of {compared}")
            cases += 1
    return cases


# Shares of wrong answers with references, where most things have something in them that tells. What
# churn.py has are empty lists at places that are filled anew: without an order nothing tells them apart.
ACCEPTED_WITH_REFERENCES = {"churn.py": 0.01, "reorder.py": 0.0005}
ACCEPTED_WITHOUT_LISTS_WITH_REFERENCES = 0.25


# Script with arguments, and how much is replaced in each step: few, or most.
PROGRAMS = [(("churn.py",), 4000), (("reorder.py", "--style", "random"), 300),
            (("reorder.py", "--style", "newest"), 2400), (("reorder.py", "--style", "oldest"), 2400)]


def programs(chosen):
    """Two of them for each interpreter in turn, so that half of the interpreters meet each; all of them
    without the GIL, where nothing is told by an order and few interpreters are."""
    for number, interpreter in enumerate(chosen):
        some = PROGRAMS if interpreter.version.endswith("t") else PROGRAMS[number % 2::2]
        for (script, *arguments), churns in some:
            yield interpreter, script, arguments, churns


@test
def collections_that_change_the_order_do_not_mislead(build):
    cases = 0
    chosen = [interpreter for interpreter in interpreters() if not interpreter.name.endswith("d")]
    for interpreter, script, arguments, churns in programs(chosen):
        collect = churns > 300
        kinds, missed, compared, naive, lies = follow(
            build, interpreter, (script, *arguments, "--gc", "on"), churns, collect, ("--graph",))
        false = sum(kinds.values())
        print(f"    {interpreter.name}, {' '.join((script, *arguments))}, {churns} replaced: {false} false, "
              f"{missed} missed of {compared}; by address and kind alone {naive} false; {lies} certain ones "
              "wrong", flush=True)
        check(not lies, f"{interpreter.name}, {script} {arguments}, {churns}: {lies} certain ones are wrong")
        check(compared > 10000, f"only {compared} objects compared")
        allowed = (ACCEPTED_WITHOUT_LISTS_WITH_REFERENCES if interpreter.version.endswith("t")
                   else ACCEPTED_WITH_REFERENCES[script])
        check((false + missed) / compared <= allowed,
              f"{interpreter.name}, {script} {arguments}, {churns}: {false} taken for older ones "
              f"{dict(kinds)}, {missed} not recognised, of {compared}")
        cases += 1
    return cases
