"""The whole graph: objects, sizes, every reference that the interpreter tells, and their names."""
import collections
import json
import os

from harness import Target, check, first_python, test, versions
from test_oracle import CHANGED, same_count

ENOUGH = 0.999
# Running code changes counts: the cache of methods holds names, and lets go of one where another
# takes its place. To 3.11, of what is not immortal yet, the stack constants and types, too.
PASSING = {"builtins.str"}
PASSING_MORTAL = PASSING | {"builtins.bytes", "builtins.int", "builtins.type"}
MOST_PASSING = 3
MOST_PASSING_MORTAL = 30
IMMORTAL = 1 << 28  # counts of 3.12+ that say so
MOST = int(os.environ.get("GRAPHS", "100"))  # interpreters

Truth = collections.namedtuple("Truth", "objects names own held")
Graph = collections.namedtuple("Graph", "objects refs")


def read_truth(path):
    truth = Truth({}, [], set(), set())
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            kind, *fields = line.rstrip("\n").split("\t")
            if kind == "name":
                truth.names.append(fields)
            elif kind == "own":
                truth.own.add(fields[0])
            elif kind == "held":
                truth.held.add(fields[0])
            else:
                truth.objects[kind] = fields
    return truth


def capture(build, pid, way):
    graph = Graph({}, collections.defaultdict(list))
    for line in build.ok(pid, way, program="tools/graph_dump").split("\n"):
        kind, *fields = line.split("\t")
        if kind == "O":
            graph.objects[fields[0]] = fields[1:]
        elif kind == "R":
            graph.refs[fields[0]].append(fields[1:])
    return graph


Differences = collections.namedtuple("Differences", "missing types sizes tracked")


def object_differences(truth, graph):
    missing = [truth.objects[a][:2] for a in truth.objects.keys() - graph.objects.keys() - truth.own]
    differences = Differences(missing, [], collections.Counter(), [])
    for address in truth.objects.keys() & graph.objects.keys() - truth.own:
        kind, size, is_tracked = truth.objects[address][:3]
        ours = graph.objects[address]
        if kind == "!":
            continue
        if kind != ours[0]:
            differences.types.append((kind, ours[0]))
        if size != ours[1]:
            differences.sizes[kind, size, ours[1]] += 1
        if is_tracked != ours[3]:
            differences.tracked.append((kind, is_tracked, ours[3]))
    return differences


def compare_objects(truth, graph):
    missing, types, sizes, tracked = object_differences(truth, graph)
    check(len(missing) <= (1 - ENOUGH) * len(truth.objects),
          f"{len(missing)} objects are missing, such as {missing[:5]}")
    check(not types, f"{len(types)} types differ: {types[:5]}")
    # What is frozen or immortal may be on a list that gc.is_tracked() and the dump see otherwise.
    check(len(tracked) <= (1 - ENOUGH) * len(truth.objects), f"tracked differs: {tracked[:5]}")
    share = 1 - sum(sizes.values()) / len(truth.objects)
    check(share >= ENOUGH, f"{share:.3%} of the sizes agree: {sizes.most_common(8)}")
    return share


def has_immortals(truth):
    return any(fields[0] == "builtins.NoneType" and int(fields[3]) >= IMMORTAL
               for fields in truth.objects.values())


def count_differences(truth, graph, deferred):
    """(type, truth, ours) of each that differs; and how many were compared."""
    wrong, compared = [], 0
    for address in truth.objects.keys() & graph.objects.keys() - truth.own - truth.held:
        kind, count = truth.objects[address][0], int(truth.objects[address][3])
        ours = int(graph.objects[address][2])
        mortal = count < IMMORTAL
        compared += mortal
        if not same_count(count, ours, deferred) if mortal else ours < IMMORTAL:
            wrong.append((kind, count, ours))
    return wrong, compared


def compare_counts(truth, graph, deferred):
    wrong, compared = count_differences(truth, graph, deferred)
    immortals = has_immortals(truth)
    check(len(wrong) <= (MOST_PASSING if immortals else MOST_PASSING_MORTAL) and
          {kind for kind, *_ in wrong} <= (PASSING if immortals else PASSING_MORTAL),
          f"{len(wrong)} of {compared} reference counts differ: {wrong[:8]}")
    return compared


def missing_refs(truth, graph):
    """As multisets: what is told of an object beyond that is what its type does not visit. How many
    there are, and those that are missing by types."""
    total, missing = 0, collections.Counter()
    for address, (kind, *_, others) in truth.objects.items():
        if address in truth.own or address not in graph.objects:
            continue
        wanted = collections.Counter(others.split())
        for one in truth.own:
            wanted.pop(one, None)
        total += sum(wanted.values())
        wanted.subtract(collections.Counter(ref[0] for ref in graph.refs[address]))
        for target, count in wanted.items():
            if count > 0:
                missing[kind, truth.objects.get(target, "?")[0]] += count
    return total, missing


def compare_refs(truth, graph, most_missing):
    total, missing = missing_refs(truth, graph)
    share = sum(missing.values()) / total
    check(share <= most_missing or sum(missing.values()) <= CHANGED, f"{share:.3%} of {total} references are missing: "
          f"{missing.most_common(8)}")
    return total, share


class Names:
    """The names under which a graph has what an object refers to, looked up quickly."""

    def __init__(self, graph):
        self.graph = graph
        self.known = {}

    def of(self, holder):
        if holder not in self.known:
            self.known[holder] = self.read(self.graph.refs[holder])
        return self.known[holder]

    def read(self, refs):
        found = {(ref[1], ref[2], ref[0]) for ref in refs}
        items = [ref[0] for ref in refs if ref[1] == "item"]
        found.update(("item", str(i), target) for i, target in enumerate(items))
        keys = [self.graph.objects[ref[0]][4] for ref in refs if ref[1] == "key"]
        values = [ref[0] for ref in refs if ref[1] == "value"]
        found.update(("value", *pair) for pair in zip(keys, values))
        found.update(("member", "", ref[0]) for ref in refs if ref[1] == "key")
        found.update(("named", ref[2], ref[0]) for ref in refs)
        return found

    def has(self, holder, kind, name, target):
        if kind == "cell":
            return self.graph.objects[holder][4] == name
        if (kind, name, target) in self.of(holder):
            return True
        if kind == "value":
            # A dict that shares its keys with others of its class, or even its values with the
            # instance (3.13+).
            return ("attribute", name, target) in self.of(holder) or \
                ("weak", name, target) in self.of(holder)
        if kind == "local":
            # To 3.10 generators and their like have a frame object.
            return any(self.has(ref[0], kind, name, target)
                       for ref in self.graph.refs[holder]
                       if ref[2] in ("gi_frame", "cr_frame", "ag_frame"))
        if kind == "attribute":
            # In the instance's dict.
            return any(self.has(ref[0], "value", name, target)
                       for ref in self.graph.refs[holder] if ref[2] == "__dict__")
        return False


def compare_names(truth, graph):
    names = Names(graph)
    wrong = [name for name in truth.names if not names.has(*name[:4])]
    check(not wrong, f"{len(wrong)} of {len(truth.names)} names are missing: " + str(
        collections.Counter((name[4], *name[1:3]) for name in wrong).most_common(12)))
    kinds = collections.Counter(name[1] for name in truth.names)
    for kind in ("item", "member", "value", "named", "cell", "attribute", "local"):
        check(kinds[kind], f"no name of kind {kind} was tried")
    return len(truth.names)


@test
def graph_is_what_the_interpreter_says(build):
    done = 0
    for number, interpreter in enumerate(versions()[:MOST]):
        # By copy nothing of that is about a version: half of them will do.
        ways = [("clone", 0), ("copy", 1 - ENOUGH)][:1 + number % 2]
        with Target(interpreter, "workload.py", "--dump", "truth", "--graph", "graph") as target:
            truth = read_truth(target.path("graph")[1])
            for way, most_missing in ways:
                graph = capture(build, target.pid, way)
                sizes = compare_objects(truth, graph)
                counts = compare_counts(truth, graph, deferred=interpreter.version.endswith("t"))
                refs, missing = compare_refs(truth, graph, most_missing)
                names = compare_names(truth, graph)
                print(f"    {interpreter.name} by {way}: {len(truth.objects)} objects, sizes "
                      f"{sizes:.3%}, {counts} counts, {refs} references, {missing:.3%} missing, {names} names",
                      flush=True)
                done += 1
    return done


def check_honesty(document, what):
    honesty = document["honesty"]
    readings = honesty["readings"]
    check(honesty["explained"] <= honesty["counted"] and 0.9 < honesty["share"] <= 1,
          f"{what}: explained {honesty}")
    check(honesty["surplus"] <= (1 - ENOUGH) * honesty["counted"], f"{what}: surplus {honesty}")
    check(readings["exact"]["objects"] and readings["decoded"]["bytes"], f"{what}: {readings}")
    return sum(tally["objects"] for tally in readings.values())


@test
def every_report_says_how_complete_its_graph_is(build):
    with Target(first_python(), "workload.py", "--dump", "truth") as target:
        files = [f"{target.work}/{number}" for number in range(3)]
        for file in files:
            build.ok("snapshot", target.pid, "-o", file)
        commands = (("types", files[0]), ("leaks", *files), ("retained", files[0]))
        counts = {check_honesty(json.loads(build.ok(*command, "-j")), command[0])
                  for command in commands}
        for command in commands:
            lines = [line for line in build.ok(*command).splitlines() if line.startswith("explained")]
            check(len(lines) == 1 and "failed" in lines[0], f"{command[0]} says {lines}")
        check("\nread         exact" in build.ok("info", files[0]), "info does not say it")
    check(len(counts) == 1, f"{counts} objects")
    return 1
