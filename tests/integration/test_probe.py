"""The probe on real interpreters: does a type's own traversal in the clone tell what it tells the
interpreter itself?
"""
import collections
import platform

from harness import Skip, Target, check, first_python, test, versions

# What the target changes between writing down its objects and idling.
CHANGED = 0


def read_truth(path):
    truth, own = {}, set()
    with open(path, encoding="ascii") as file:
        for line in file:
            name, *others = line.split()
            if name == "own":
                own.update(others)
            else:
                truth[name] = others
    return truth, own


def probe(build, pid):
    found = {}
    for line in build.ok(pid, program="tools/probe_dump").splitlines():
        address, status, *others = line.split()
        found[address] = (status, others)
    return found


def compare(truth, own, found):
    """Every object and every reference, repeats and order too."""
    missing = truth.keys() - found.keys() - own
    check(not missing, f"{len(missing)} objects are not traversed")
    failed = [address for address, (status, _) in found.items() if status != "0"]
    check(not failed, f"{len(failed)} traversals failed")
    wrong = [address for address in truth.keys() - own if truth[address] != found[address][1]]
    check(len(wrong) <= CHANGED, f"{len(wrong)} objects refer to something else, such as "
          f"{[(a, truth[a][:9], found[a][1][:9]) for a in wrong[:3]]}")
    return sum(len(others) for others in truth.values())


@test
def probe_tells_what_the_interpreter_tells(build):
    failed, done = [], 0
    for interpreter in versions():
        try:
            with Target(interpreter, "referents.py", "truth") as target:
                truth, own = read_truth(target.path("truth")[1])
                check(len(truth) > 10000, "the target has too few objects to say anything")
                references = compare(truth, own, probe(build, target.pid))
        except AssertionError as error:
            failed.append(f"{interpreter.name}: {error}")
            continue
        print(f"    {interpreter.name}: {len(truth)} objects, {references} references", flush=True)
        done += 1
    check(not failed, "; ".join(failed))
    check(done, "no interpreter at all")
    return done


BROKEN = ("Crash", "Hang", "Exit", "Endless", "Nowhere")
INSTANCES = 20


def count_held(dump):
    """How many instances of each type there are, and of how many the list that they hold is known."""
    types, held, refs = {}, collections.Counter(), {}
    for line in dump.splitlines():
        fields = line.split("\t")
        if fields[0] == "O":
            types[fields[1]] = fields[2]
            refs[fields[1]] = set(fields[6].split())
    counts = collections.Counter(types.values())
    for address, kind in types.items():
        near = {target for one in refs[address] for target in refs[one] | {one}}
        held[kind] += any(types[target] == "builtins.list" for target in near)
    return counts, held


@test
def broken_traversals_cost_their_own_objects_only(build):
    if platform.machine() != "x86_64":
        raise Skip("the broken functions are machine code of x86-64")
    done = 0
    some = {interpreter.version: interpreter for interpreter in versions()}
    for interpreter in [some[version] for version in ("3.9", "3.11", "3.14") if version in some]:
        with Target(interpreter, "bad_traverse.py") as target:
            found = probe(build, target.pid)
            failed = collections.Counter(status for status, _ in found.values())
            check(failed["1"] == 3 * INSTANCES, f"{failed['1']} crashes")
            # After some of them a function is not tried any more, and counts as too slow.
            check(failed["3"] and failed["2"] + failed["3"] == 2 * INSTANCES,
                  f"{failed['2']} did not end in time, {failed['3']} visited too much")
            counts, held = count_held(build.ok(target.pid, program="tools/graph_dump"))
            for name in ("Fine", *BROKEN):
                name = f"__main__.{name}"
                check(counts[name] == held[name] == INSTANCES,
                      f"{name}: {counts[name]} objects, {held[name]} with what they hold")
            check(target.ask("ping") == "pong", "the target does not answer")
        done += 1
    check(done, "no interpreter at all")
    return done


@test
def without_room_for_the_probe_there_is_a_snapshot_all_the_same(build):
    with Target(first_python(), "no_room.py") as target:
        file = target.path("snapshot")[1]
        result = build.run("snapshot", target.pid, "-o", file)
        check(result.returncode == 0, f"exit {result.returncode}: {result.stderr}")
        check("read by guess" in result.stderr, f"it says {result.stderr!r}")
        check("(clone)" in build.ok("info", file), "it was not taken by a clone")
        said = build.run("snapshot", target.pid, "-o", file, "--capture", "copy").stderr
        check(said.endswith("(copy)\n") and said.count("\n") == 1, f"a copy says {said!r}")
    return 1
