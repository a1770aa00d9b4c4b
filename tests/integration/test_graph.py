"""The whole graph: objects, sizes, every reference that the interpreter tells, and their names."""
import collections
import json
import os

from harness import Target, check, first_python, long_test, test, versions
from test_oracle import CHANGED, lacking, same_count

ENOUGH = 0.999
# Running code changes counts: the cache of methods holds names, and lets go of one where another
# takes its place. To 3.11, of what is not immortal yet, the stack constants and types, too.
PASSING = {"builtins.str"}
PASSING_MORTAL = PASSING | {"builtins.bytes", "builtins.int", "builtins.type"}
MOST_PASSING = 3
MOST_PASSING_MORTAL = 30
IMMORTAL = 1 << 28  # counts of 3.12+ that say so
MOST = int(os.environ.get("GRAPHS", "100"))  # interpreters

Truth = collections.namedtuple("Truth", "rows names own held")


def read_truth(path):
    truth = Truth({}, [], set(), set())
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            kind, _, rest = line.rstrip("\n").partition("\t")
            if kind == "name":
                truth.names.append(rest.split("\t"))
            elif kind == "own":
                truth.own.add(rest)
            elif kind == "held":
                truth.held.add(rest)
            else:
                truth.rows[kind] = rest
    return truth


def fields_of(row):
    """Type, size, whether it is tracked, reference count, and in a line what it refers to."""
    return row.split("\t")


class Graph:
    """What tools/graph_dump says. Rows are such as those of the truth: where both are the same there
    is nothing to look at, and of few objects the names are asked for."""

    def __init__(self, dump):
        self.rows, self.details = {}, {}
        for chunk in dump.removeprefix("O\t").split("\nO\t"):
            row, _, details = chunk.partition("\n")
            address, _, self.rows[address] = row.partition("\t")
            self.details[address] = details

    def text(self, address):
        details = self.details[address]
        return details[2:].split("\n", 1)[0] if details.startswith("S\t") else ""

    def refs(self, holder):
        """Of each reference its target, kind and name."""
        names = [line.split("\t")[1:] for line in self.details[holder].split("\n") if line.startswith("R\t")]
        targets = fields_of(self.rows[holder])[4].split()
        check(len(names) == len(targets), f"{holder} has {len(targets)} targets, {len(names)} names")
        return [(target, *name) for target, name in zip(targets, names)]


def capture(build, pid, way):
    return Graph(build.ok(pid, way, program="tools/graph_dump"))


class Comparison:
    """A graph and the truth; `differing` has address, truth and ours of each object that both have, and
    of which they say anything else."""

    def __init__(self, truth, graph):
        self.truth, self.graph = truth, graph
        self.missing = truth.rows.keys() - graph.rows.keys()
        self.differing = [(address, fields_of(row), fields_of(graph.rows[address]))
                          for address, row in truth.rows.items()
                          if graph.rows.get(address, row) != row and address not in truth.own]


Differences = collections.namedtuple("Differences", "missing types sizes tracked")


def object_differences(both):
    missing = [both.truth.rows[a].split("\t")[:2] for a in both.missing - both.truth.own]
    differences = Differences(missing, [], collections.Counter(), [])
    for _, (kind, size, is_tracked, *_), ours in both.differing:
        if kind == "!":
            continue
        if kind != ours[0]:
            differences.types.append((kind, ours[0]))
        if size != ours[1]:
            differences.sizes[kind, size, ours[1]] += 1
        if is_tracked != ours[2]:
            differences.tracked.append((kind, is_tracked, ours[2]))
    return differences


def compare_objects(both):
    objects = len(both.truth.rows)
    missing, types, sizes, tracked = object_differences(both)
    check(len(missing) <= (1 - ENOUGH) * objects,
          f"{len(missing)} objects are missing, such as {missing[:5]}")
    check(not types, f"{len(types)} types differ: {types[:5]}")
    # What is frozen or immortal may be on a list that gc.is_tracked() and the dump see otherwise.
    check(len(tracked) <= (1 - ENOUGH) * objects, f"tracked differs: {tracked[:5]}")
    share = 1 - sum(sizes.values()) / objects
    check(share >= ENOUGH, f"{share:.3%} of the sizes agree: {sizes.most_common(8)}")
    return share


def has_immortals(truth):
    return any(row.startswith("builtins.NoneType\t") and int(fields_of(row)[3]) >= IMMORTAL
               for row in truth.rows.values())


def count_differences(both, deferred):
    """(type, truth, ours) of each that differs."""
    wrong = []
    for address, (kind, _, _, count, _), (_, _, _, ours, _) in both.differing:
        count, ours = int(count), int(ours)
        mortal = count < IMMORTAL
        if address not in both.truth.held and \
                (not same_count(count, ours, deferred) if mortal else ours < IMMORTAL):
            wrong.append((kind, count, ours))
    return wrong


def count_counts(both):
    """How many reference counts there are to compare."""
    return len(both.truth.rows.keys() - both.missing - both.truth.own - both.truth.held)


def compare_counts(both, deferred, most_passing=MOST_PASSING):
    wrong, compared = count_differences(both, deferred), count_counts(both)
    immortals = has_immortals(both.truth)
    check(len(wrong) <= (most_passing if immortals else MOST_PASSING_MORTAL) and
          {kind for kind, *_ in wrong} <= (PASSING if immortals else PASSING_MORTAL),
          f"{len(wrong)} of {compared} reference counts differ: {wrong[:8]}")
    return compared


def missing_refs(both):
    """As multisets: what is told of an object beyond that is what its type does not visit. Those that
    are missing, by types."""
    missing = collections.Counter()
    for _, (kind, *_, wanted), (*_, ours) in both.differing:
        if wanted == ours:
            continue
        for target, count in lacking(wanted, ours, both.truth.own).items():
            missing[kind, both.truth.rows.get(target, "?").split("\t")[0]] += count
    return missing


def count_refs(both):
    """How many references there are to find."""
    rows = both.truth.rows
    return sum(row.count("0x") for row in rows.values()) - \
        sum(rows[address].count("0x") for address in both.missing | (both.truth.own & rows.keys()))


def compare_refs(both, most_missing):
    total, missing = count_refs(both), missing_refs(both)
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
            self.known[holder] = self.read(self.graph.refs(holder))
        return self.known[holder]

    def read(self, refs):
        found = {(kind, name, target) for target, kind, name in refs}
        items = [ref[0] for ref in refs if ref[1] == "item"]
        found.update(("item", str(i), target) for i, target in enumerate(items))
        keys = [self.graph.text(ref[0]) for ref in refs if ref[1] == "key"]
        values = [ref[0] for ref in refs if ref[1] == "value"]
        found.update(("value", *pair) for pair in zip(keys, values))
        found.update(("member", "", ref[0]) for ref in refs if ref[1] == "key")
        found.update(("named", ref[2], ref[0]) for ref in refs)
        return found

    def has(self, holder, kind, name, target):
        if kind == "cell":
            return self.graph.text(holder) == name
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
                       for ref in self.graph.refs(holder)
                       if ref[2] in ("gi_frame", "cr_frame", "ag_frame"))
        if kind == "attribute":
            # In the instance's dict.
            return any(self.has(ref[0], "value", name, target)
                       for ref in self.graph.refs(holder) if ref[2] == "__dict__")
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


# References beyond counts. What is compiled into 3.11 (deepfreeze) does not count True and False.
MOST_SURPLUS = 6
UNCOUNTED = {"builtins.bool"}
EXPLAINED = 0.995
# Containers that something of C holds, which nobody tells.
CONTAINERS = {"builtins.dict", "builtins.list", "builtins.set", "builtins.tuple"}
MOST_UNHELD = 12


def compare_explained(build, pid):
    """Of all counts the share that is explained."""
    first, *lines = build.ok(pid, "summary", program="tools/graph_dump").splitlines()
    types = [line.split("\t") for line in lines]
    surplus = {name: int(beyond) for _, _, beyond, name in types if beyond != "0" and name not in UNCOUNTED}
    unheld = {name: int(count) for count, _, _, name in types if name in CONTAINERS}
    share = float(first.split()[1])
    check(share >= EXPLAINED, f"{share:.2%} of the counts are explained: {lines[:8]}")
    check(sum(surplus.values()) <= MOST_SURPLUS, f"references beyond counts: {surplus}")
    check(sum(unheld.values()) <= MOST_UNHELD, f"held by nobody: {unheld}")
    return share


@long_test
def graph_is_what_the_interpreter_says(build):
    done = 0
    for number, interpreter in enumerate(versions()[:MOST]):
        # By copy nothing of that is about a version: half of them will do.
        ways = [("clone", 0), ("copy", 1 - ENOUGH)][:1 + number % 2]
        with Target(interpreter, "workload.py", "--dump", "truth", "--graph", "graph") as target:
            truth = read_truth(target.path("graph")[1])
            explained = compare_explained(build, target.pid)
            for way, most_missing in ways:
                graph = capture(build, target.pid, way)
                both = Comparison(truth, graph)
                sizes = compare_objects(both)
                counts = compare_counts(both, deferred=interpreter.version.endswith("t"))
                refs, missing = compare_refs(both, most_missing)
                names = compare_names(truth, graph)
                print(f"    {interpreter.name} by {way}: {len(truth.rows)} objects, sizes "
                      f"{sizes:.3%}, {counts} counts, {refs} references, {missing:.3%} missing, {names} names, "
                      f"{explained:.2%} explained",
                      flush=True)
                done += 1
    return done


@long_test
def graph_of_a_heap_made_at_random_is_what_the_interpreter_says(build):
    """Another heap for each version, the same in each run."""
    done = 0
    for seed, interpreter in enumerate(versions()[:MOST], 1):
        with Target(interpreter, "random_heap.py", "--seed", str(seed), "--graph", "graph",
                    env={"PYTHONHASHSEED": str(seed)}) as target:
            both = Comparison(read_truth(target.path("graph")[1]), capture(build, target.pid, "clone"))
            sizes = compare_objects(both)
            # Of so many classes the cache of methods changes while the target writes.
            counts = compare_counts(both, interpreter.version.endswith("t"), MOST_PASSING_MORTAL)
            refs, missing = compare_refs(both, 0)
            explained = compare_explained(build, target.pid)
        print(f"    {interpreter.name}: {len(both.truth.rows)} objects, sizes {sizes:.3%}, {counts} counts, "
              f"{refs} references, {missing:.3%} missing, {explained:.2%} explained", flush=True)
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


def last_document(build, command):
    said = build.ok(*command, "-j")
    return json.loads(said.splitlines()[-1] if command[0] == "attach" else said)


@test
def every_report_says_how_complete_its_graph_is(build):
    with Target(first_python(), "workload.py", "--dump", "truth") as target:
        files = [f"{target.work}/{number}" for number in range(3)]
        for file in files:
            build.ok("snapshot", target.pid, "-o", file)
        commands = (("types", files[0]), ("leaks", *files), ("retained", files[0]),
                    ("retained", files[0], "builtins.dict"), ("memory", files[0]),
                    ("attach", target.pid, "--count", "2", "--every", "10ms"))
        counts = {check_honesty(last_document(build, command), command[0]) for command in commands}
        for command in commands:
            lines = [line for line in build.ok(*command).splitlines() if line.startswith("explained")]
            check(len(lines) == 1 and "failed" in lines[0], f"{command[0]} says {lines}")
        check("\nread         exact" in build.ok("info", files[0]), "info does not say it")
    check(len(counts) == 1, f"{counts} objects")
    return 1


@test
def more_classes_than_two_bytes_can_number(build):
    """Each instance is of its own class, which it refers to twice: as its type and by its slot."""
    with Target(first_python(), "classes.py") as target:
        file = f"{target.work}/file"
        build.ok("snapshot", target.pid, "-o", file)
        rows = json.loads(build.ok("query", file, """
            SELECT o.type, count(DISTINCT o.address) AS objects, count(DISTINCT r.target) AS classes,
                   group_concat(DISTINCT r.kind) AS kinds, count(*) AS count
            FROM objects o JOIN refs r ON r.source = o.address
            WHERE o.type LIKE '\\_\\_main\\_\\_.Kind%' ESCAPE '\\' GROUP BY o.type""", "-j"))["rows"]
    check(len({row[0] for row in rows}) == len(rows) == 70000, f"{len(rows)} classes")
    wrong = [row for row in rows if row[1:3] != [1, 1] or row[4] != 2
             or sorted(row[3].split(",")) != ["slot", "type"]]
    check(not wrong, f"{len(wrong)} are wrong: {wrong[:3]}")
    return 1


COUNT = 50000  # of containers.py


def rows_of_container(build, file, type_name):
    rows = json.loads(build.ok("query", file, f"""
        SELECT r.kind, r.name, t.text
        FROM objects s JOIN refs r ON r.source = s.address JOIN objects t ON t.address = r.target
        WHERE s.type = '{type_name}' AND s.referents > {COUNT} - 2""", "-j", "-n", "0"))["rows"]
    return [row for row in rows if row[0] in ("key", "value", "item")]


def compare_rows(rows, wanted, what):
    wrong = [pair for pair in zip(rows, wanted) if pair[0] != pair[1]]
    check(len(rows) == len(wanted) and not wrong,
          f"{what}: {len(rows)} references, {len(wrong)} are wrong: {wrong[:3]}")


def pairs_of(prefix, without=None):
    return [row for i in range(COUNT) if i != without
            for row in (["key", f"key {i}", f"key {i}"], ["value", f"key {i}", f"{prefix} {i}"])]


def compare_containers(build, file, name):
    members = rows_of_container(build, file, "builtins.set")
    wanted = {
        "builtins.dict": pairs_of("value", without=7),
        "collections.defaultdict": pairs_of("default"),
        "collections.OrderedDict": pairs_of("ordered"),
        "builtins.list": [["item", str(i), f"list {i}"] for i in range(COUNT)],
        "builtins.tuple": [["item", str(i), f"tuple {i}"] for i in range(COUNT)],
        "collections.deque": [["item", str(i), f"deque {i}"] for i in range(COUNT)],
    }
    for type_name, rows in wanted.items():
        compare_rows(rows_of_container(build, file, type_name), rows, f"{name}: {type_name}")
    compare_rows(sorted(row[2] for row in members), sorted(f"member {i}" for i in range(COUNT)),
                 f"{name}: set")


@test
def containers_of_many_are_told_in_order(build):
    """Their references are told in parts, which nobody may notice."""
    done = 0
    for interpreter in versions()[:MOST]:
        with Target(interpreter, "containers.py") as target:
            file = f"{target.work}/file"
            build.ok("snapshot", target.pid, "--values", "-o", file)
            compare_containers(build, file, interpreter.name)
        done += 1
    return done
