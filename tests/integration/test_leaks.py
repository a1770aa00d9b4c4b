"""Who holds it: leaks over three snapshots of small programs that leak in twelve ways, and of one
that does not; retainers and retained sizes against what the program itself knows."""
import csv
import json
import os
import random
import re
import shutil

from harness import Skip, Target, check, every_interpreter, in_turn, interpreters, test, version_key, versions

# Program: what the place of the first group must match.
SCENARIOS = {
    "cache_without_eviction": r"__main__\.CACHE\[\*\]",
    "listener_list": r"__main__\.BUS\.listeners\[\*\]",
    "closure_capture": r"__main__\.handler\.(__closure__\[0\]\.cell_contents|<closure seen>)\[\*\]",
    "exception_traceback": r"__main__\.ERRORS\[\*\]",
    "thread_local": r"(__main__\.LOCAL|<?thread \*).*results.*\[\*\]",
    "lru_cache_method": r"__main__\.Report\.render\..+",
    "asyncio_tasks": r"__main__\.BACKGROUND\[\*\]",
    "cycle_with_del": r"<unreached __main__\.Node>",
    "class_attribute_list": r"__main__\.Basket\.items\[\*\]",
    "logging_handler": r"__main__\.LOG\.handlers\[\*\]",
    "extension_reference": r"<unexplained steps\.Payload>",
    "parent_links": r"__main__\.CURRENT\.parent\{\*\}",
}
FEWEST = 11  # of them that must be right
BEFORE, STEP = 50, 40  # requests


def chosen():
    """The oldest, the newest and the system's own interpreter."""
    found = sorted(interpreters(), key=version_key)
    found = [i for i in found if i.name == "system" or "." in i.version]
    own = [i for i in found if i.name == "system"]
    others = [i for i in found if i.name != "system"]
    return own + others[:1] + others[-1:]


def start(interpreter, script):
    target = Target(interpreter, f"leaks/{script}.py", ready=False,
                    beside=("leaks/steps.py", "leaks/async_steps.py"))
    check(target.process.stdout.readline().strip() == "ready", f"{script} does not start")
    return target


def series(build, target, count=3):
    """Snapshots with some requests between them."""
    files = []
    for number in range(count):
        files.append(os.path.join(target.work, f"{number}.snapshot"))
        check(target.ask(str(STEP if number else BEFORE)) == "ok", "no answer")
        build.ok("snapshot", target.pid, "-o", files[-1])
    return files


def verdict(build, target, count=3):
    return json.loads(build.ok("leaks", "--json", *series(build, target, count)))


def is_right(document, wanted):
    groups = document["groups"]
    return bool(groups) and re.fullmatch(wanted, groups[0]["path"]) is not None


@test
def leaks_names_the_holder(build):
    """The first group is the place that leaks, in at least 11 of 12 ways."""
    right, chosen_versions = 0, versions()
    for number, interpreter in enumerate(chosen_versions):
        wrong = {}
        scripts = in_turn(list(SCENARIOS), number, len(chosen_versions))
        for script in scripts:
            with start(interpreter, script) as target:
                document = verdict(build, target)
            if not is_right(document, SCENARIOS[script]):
                wrong[script] = [group["path"] for group in document["groups"]][:3]
        check(len(wrong) <= len(SCENARIOS) - FEWEST, f"{interpreter.name}: {wrong}")
        if wrong:
            print(f"  {interpreter.name}: not found: {wrong}")
        right += len(scripts) - len(wrong)
    return right


@test
def leaks_says_how_much(build):
    """Numbers of one leak: growth, counts, samples, the accumulation point, the sentence."""
    for interpreter in chosen()[:1]:
        with start(interpreter, "cache_without_eviction") as target:
            files = series(build, target, 4)
            document = json.loads(build.ok("leaks", "--json", *files))
            group = document["groups"][0]
            places = [BEFORE + STEP * number for number in range(4)]
            check(group["growth"] == places, f"growth {group['growth']}")
            payloads = [row for row in group["types"] if row["type"] == "steps.Payload"]
            check([row["count"] for row in payloads] == [STEP], f"types {group['types']}")
            holder = group["accumulation"]
            check(holder["path"] == "__main__.CACHE" and holder["type"] == "builtins.dict",
                  f"accumulation {holder}")
            check(group["retained"] >= group["size"] > 0, f"{group}")
            check("__main__.CACHE" in group["sentence"], group["sentence"])
            check(len(document["snapshots"]) == 4, "snapshots")
            for address in group["samples"]:
                paths = json.loads(build.ok("paths", "--json", files[-1], address))
                check(paths["retainers"] == 1 and paths["independent"] == 1, f"{paths}")
                check(paths["cut"]["address"] == holder["address"], f"{paths['cut']}")
                check(re.fullmatch(r"__main__\.CACHE\[<builtins\.str>\]", paths["paths"][0]["path"]),
                      f"{paths['paths']}")
            text = build.ok("leaks", *files)
            check("1 suspect" in text and "__main__.CACHE[*]" in text, text)
            for row in group["types"]:
                text = build.ok("leaks", *files, "--type", f"^{re.escape(row['type'])}$")
                check("__main__.CACHE[*]" in text, f"{row['type']}: {text}")
            text = build.ok("leaks", *files, "--type", "^nothing$")
            check("1 suspect left out, with nothing of the types asked for" in text and
                  "no leak suspect" not in text, text)
            freed = json.loads(build.ok("retained", "--json", files[-1], holder["address"]))
            whole = json.loads(build.ok("show", "--json", files[-1], holder["address"]))
            check(freed["retained"] == whole["retained"], f"{freed['retained']} {whole}")
            tree = build.ok("describe", files[-1], group["samples"][0])
            check("__main__" in tree and "[<builtins.str>]" in tree, tree)


@test
def what_nothing_refers_to_is_said_to_be_held_by_native_code(build):
    for interpreter in chosen()[:1]:
        with start(interpreter, "extension_reference") as target:
            sentence = verdict(build, target)["groups"][0]["sentence"]
            check("native code holds it" in sentence, sentence)


@test
def a_local_is_told_with_its_function(build):
    """Whose variable it is: a chain through a task says that in no other place."""
    for interpreter in versions():
        with start(interpreter, "task_local") as target:
            group = verdict(build, target)["groups"][0]
            check(re.search(r"\.<(Worker\.)?handle\(\) local seen>\[\*\]$", group["path"]),
                  f"{interpreter.name}: {group['path']}")
            check(group["growth"] == [BEFORE + STEP * n for n in range(3)], f"{group['growth']}")
    return len(versions())


@test
def a_local_of_a_task_is_found_wherever_the_task_waits(build):
    """The chain to it is another one in each snapshot."""
    for interpreter in versions():
        with start(interpreter, "task_that_waits") as target:
            groups = verdict(build, target)["groups"]
            check(groups, f"{interpreter.name}: no suspect")
            check(groups[0]["path"].endswith("<handle() local seen>[*]"),
                  f"{interpreter.name}: {groups[0]['path']}")
            check(groups[0]["growth"] == [BEFORE + STEP * n for n in range(3)], f"{groups[0]}")
            check(groups[0]["accumulation"]["path"] in groups[0]["sentence"], f"{groups[0]}")
    return len(versions())


@test
def what_main_holds_is_told_with_its_variable(build):
    """Not by a chain from a module through the event loop and what it waits for just now."""
    for interpreter in versions():
        with start(interpreter, "asyncio_local") as target:
            group = verdict(build, target)["groups"][0]
            check(re.fullmatch(r"thread \* [\w.]+\(\) local \w+\S*\.<main\(\) local app>"
                               r"\.sessions\[\*\]", group["path"]),
                  f"{interpreter.name}: {group['path']}")
            check(len(group["path"]) < 100, f"{interpreter.name}: {group['path']}")
            check(group["growth"] == [BEFORE + STEP * n for n in range(3)], f"{group['growth']}")
    return len(versions())


@test
def a_cache_of_numbers_is_told_by_what_it_keeps(build):
    """Of a method's lru_cache the keys are the leak: they are said, and not a second time."""
    for interpreter in chosen():
        with start(interpreter, "lru_cache_method") as target:
            document = verdict(build, target)
        group = document["groups"][0]
        check(re.search(r", such as (__main__\.Report|steps\.Payload), ", group["sentence"]),
              f"{interpreter.name}: {group['sentence']}")
        check(not document["replaced"], f"{interpreter.name}: {document['replaced']}")
    return len(chosen())


@test
def a_callback_is_called_by_its_function(build):
    for interpreter in chosen():
        with start(interpreter, "listener_list") as target:
            group = verdict(build, target)["groups"][0]
        check(", such as builtins.method Listener.notify, " in group["sentence"],
              f"{interpreter.name}: {group['sentence']}")
    return len(chosen())


@test
def retained_by_task_says_what_each_task_holds(build):
    cases = 0
    for interpreter in chosen()[:2]:
        with start(interpreter, "asyncio_tasks") as target:
            files = series(build, target, 2)
            document = json.loads(build.ok("retained", "--json", "--by", "task", files[-1]))
            waiting = [row for row in document["rows"] if row["task"].endswith(" notify")]
            check(len(waiting) == BEFORE + STEP, f"{len(waiting)} tasks: {document['rows'][:3]}")
            for row in waiting[:5]:
                address = row["task"].split()[0]
                freed = json.loads(build.ok("retained", "--json", files[-1], address))
                check(freed["retained"] == row["retained"] > row["size"], f"{row} {freed}")
                kinds = {kind["type"] for kind in freed["types"]}
                check({"steps.Payload", "builtins.coroutine"} <= kinds, f"{kinds}")
            check("notify" in build.ok("retained", "--by", "task", files[-1]), "table")
            cases += 1
    return cases


FIRST_RANK = ("module", "frame", "interpreter", "thread", "static")
RANKS = (FIRST_RANK, ("unexplained", "data", "stack"), ("interned",))


class Graph:
    """What export wrote, and who is alive in it by the simplest of means."""

    def __init__(self, file):
        self.sizes, self.retained, self.addresses, self.targets = [], [], [], []
        numbers, roots = {}, []
        with open(file, encoding="utf-8") as lines:
            next(lines)
            for line in map(json.loads, lines):
                if "object" in line:
                    numbers[line["object"]] = len(self.sizes)
                    self.addresses.append(line["object"])
                    self.sizes.append(line["size"])
                    self.retained.append(line["retained"])
                    self.targets.append([])
                elif "root" in line:
                    roots.append((line["root"], numbers[line["target"]]))
                elif line["reference"] != "weak":
                    self.targets[numbers[line["source"]]].append(numbers[line["target"]])
        self.seeds = self.choose_seeds(roots)

    def choose_seeds(self, roots):
        """Roots count where no better ones reach their targets; then what nothing reaches does."""
        seeds = []
        for kinds in RANKS:
            alive = self.alive(seeds)
            seeds += [target for kind, target in roots if kind in kinds and not alive[target]]
        self.reached = self.alive(seeds)
        return seeds + [i for i, reached in enumerate(self.reached) if not reached]

    def alive(self, seeds, without=None):
        """A byte for each object: whether one of the seeds reaches it."""
        seen = bytearray(len(self.sizes))
        if without is not None:
            seen[without] = 1
        stack = []
        for seed in seeds:
            if not seen[seed]:
                seen[seed] = 1
                stack.append(seed)
        while stack:
            for target in self.targets[stack.pop()]:
                if not seen[target]:
                    seen[target] = 1
                    stack.append(target)
        if without is not None:
            seen[without] = 0
        return seen

    def freed_without(self, number):
        alive = self.alive(self.seeds, number)
        return sum(size for size, lives in zip(self.sizes, alive) if not lives)


@test
def retained_is_what_goes_with_an_object(build):
    """Of a real heap, for some dozens of objects: take one away, and look who is still reached."""
    checked = 0
    for interpreter in chosen():
        with Target(interpreter, "holders.py") as target:
            file = f"{target.work}/graph.json"
            build.ok("export", target.pid, "--format", "json", "--retained", "-o", file)
            graph = Graph(file)
        reached = [i for i, reached in enumerate(graph.reached) if reached]
        check(len(reached) > 10000, f"{len(reached)} objects")
        largest = sorted(reached, key=lambda i: -graph.retained[i])[:10]
        more = [i for i in reached if graph.retained[i] > graph.sizes[i]]
        for number in {*largest, *random.Random(1).sample(more, 10),
                       *random.Random(2).sample(reached, 5)}:
            freed = graph.freed_without(number)
            check(freed == graph.retained[number], f"{interpreter.name}: "
                  f"{graph.addresses[number]}: {graph.retained[number]}, not {freed}")
            checked += 1
    return checked


def paths_to(build, snapshot, address):
    return json.loads(build.ok("paths", "--json", "-n", "0", snapshot, address))["paths"]


def refuse_edges(target, path):
    """The edges of a path that the process itself does not know."""
    at, wrong = path["root"]["address"], []
    if path["root"]["kind"] == "module" and \
            target.ask(f"module {path['root']['name']} {at}", False) != "yes":
        wrong.append(path["root"])
    for step in path["steps"]:
        if target.ask(f"edge {at} {step['address']} {step['name']}", False) != "yes":
            wrong.append((at, step))
        at = step["address"]
    return wrong


@test
def paths_are_edges_of_the_live_process(build):
    """Each edge of each path exists: the process itself looks, for 29 ways to hold an object."""
    checked = 0
    for interpreter in versions():
        with Target(interpreter, "holders.py") as target:
            snapshot = f"{target.work}/one.snapshot"
            build.ok("snapshot", target.pid, "-o", snapshot)
            leaves = dict(word.split("=") for word in target.ask("leaves").split())
            some = list(leaves.values())[:2]
            check(target.ask(f"edge {some[0]} {some[1]}") == "no", "the judge takes all")
            for way, address in leaves.items():
                paths = paths_to(build, snapshot, address)
                check(paths, f"{interpreter.name}: {way}: no path")
                for path in paths:
                    wrong = refuse_edges(target, path)
                    check(not wrong, f"{interpreter.name}: {way}: {path['path']}: {wrong}")
                    last = path["steps"][-1] if path["steps"] else path["root"]
                    check(last["address"] == address, f"{way}: the path ends elsewhere")
                    checked += len(path["steps"])
    return checked


@test
def paths_over_a_very_long_chain_are_cut_short(build):
    """A thousand paths over 100,000 nodes take neither memory nor room for each step of each."""
    interpreter = versions()[-1]
    with Target(interpreter, "long_chain.py", "100000", ready=False) as target:
        check(target.process.stdout.readline().strip() == "ready", "it does not start")
        file = f"{target.work}/chain.snapshot"
        build.ok("snapshot", target.pid, "-o", file)
        document = json.loads(build.ok("paths", "--json", file, "__main__.Leaf"))
    check((document["retainers"], document["independent"]) == (1000, 1), f"{document['cut']}")
    for path in document["paths"]:
        check(path["path"].startswith("__main__.HEAD.next{100000}.rest["), path["path"])
        check(len(path["steps"]) == 1000 and path["left_out"] > 99000, f"{path['left_out']}")
        check(path["steps"][0]["kind"] != "item" and path["steps"][-1]["address"] ==
              document["object"]["address"], f"{path['steps'][-1]}")
    check(len(document["paths"]) < 100, f"{len(document['paths'])} paths")
    return len(document["paths"])


@test
def clean_service_has_no_suspect(build):
    """Under load, with caches that are full and requests in work."""
    for interpreter in chosen()[:1]:
        for run in range(2):
            with start(interpreter, "clean_service") as target:
                document = verdict(build, target)
            check(not document["groups"],
                  f"{interpreter.name}, run {run}: {[g['sentence'] for g in document['groups']]}")
            check(not document["larger"], f"{interpreter.name}, run {run}: {document['larger']}")
            check(not document["replaced"],
                  f"{interpreter.name}, run {run}: {document['replaced']}")


WAITING = "SELECT count(*), sum(unexplained) FROM objects WHERE type = 'steps.Payload' AND refcount = 0"


@test
def what_waits_for_the_thread_that_made_it_is_no_suspect(build):
    """Without the GIL: another thread has let go of it, and its own one sleeps."""
    free = [i for i in interpreters() if i.version.endswith("t")]
    if not free:
        raise Skip("no build without the GIL")
    for interpreter in free:
        with start(interpreter, "dropped_by_another_thread") as target:
            files = series(build, target)
            document = json.loads(build.ok("leaks", "--json", *files))
            check(not any("unexplained" in group["path"] for group in document["groups"]),
                  f"{[group['sentence'] for group in document['groups']]}")
            waiting = json.loads(build.ok("query", "--json", files[-1], WAITING))["rows"]
            check(waiting[0][0] and not waiting[0][1], f"{waiting}")


# Requests before each of nine snapshots, of a leak that all nine together do not show.
LATE = (BEFORE, 0, 0, 0, STEP, STEP, STEP, STEP, STEP)
SELDOM = (BEFORE, 0, STEP, 0, STEP, 0, STEP, 0, STEP)
THINNED = [0, 4, 6, 8]


def series_of(build, target, requests):
    files = []
    for number, some in enumerate(requests):
        files.append(os.path.join(target.work, f"of-{number}.snapshot"))
        check(target.ask(str(some)) == "ok", "no answer")
        build.ok("snapshot", target.pid, "-o", files[-1])
    return files


@test
def a_long_series_shows_what_begins_late_or_comes_seldom(build):
    """What all snapshots together do not show, longer steps do; and a full cache is none then."""
    for interpreter in chosen()[:1]:
        for requests in LATE, SELDOM:
            with start(interpreter, "listener_list") as target:
                files = series_of(build, target, requests)
                document = json.loads(build.ok("leaks", "--json", *files))
                text = build.ok("leaks", *files)
            check(is_right(document, SCENARIOS["listener_list"]), f"{document['groups']}")
            used = [i for i, item in enumerate(document["snapshots"]) if item["used"]]
            check(used == THINNED, f"{document['snapshots']}")
            growth = [sum(requests[:i + 1]) for i in used]
            check(document["groups"][0]["growth"] == growth, f"{document['groups'][0]['growth']}")
            check("used: snapshots 1, 5, 7 and 9," in text, text)
        with start(interpreter, "clean_service") as target:
            document = json.loads(build.ok("leaks", "--json", *series(build, target, 9)))
        check(not document["groups"] and not document["larger"],
              f"{[g['sentence'] for g in document['groups']]} {document['larger']}")
        check(all(item["used"] for item in document["snapshots"]), f"{document['snapshots']}")


@test
def what_fills_up_is_no_suspect(build):
    """A deque and an lru_cache with limits are not named before they are full; a list is."""
    cases = 0
    for interpreter in versions():
        with start(interpreter, "filling_caches") as target:
            files = series(build, target)
            groups = json.loads(build.ok("leaks", "--json", *files))["groups"]
            check([group["path"] for group in groups] == ["__main__.LOG[*]"],
                  f"{interpreter.name}: {[group['sentence'] for group in groups]}")
            reasons = build.ok("leaks", *files)
            check("__main__.RECENT[*]" in reasons and "fills up to a limit" in reasons, reasons)
            rows = build.ok("query", "--format", "csv", files[-1],
                            "SELECT address, type FROM objects WHERE type IN "
                            "('collections.deque', 'functools._lru_cache_wrapper')")
            limits = {json.loads(build.ok("show", "--json", files[-1], hex(int(row.split(",")[0]))))
                      ["limit"] for row in rows.splitlines()[1:]}
            check(100000 in limits and None in limits, f"{interpreter.name}: {limits}")
            cases += 1
    return cases


def automatic(build, target):
    file = os.path.join(target.work, "automatic.snapshot")
    build.ok("snapshot", target.pid, "-o", file)
    rows = build.ok("query", "--format", "csv", file,
                    "SELECT value FROM info WHERE key = 'automatic_collection'")
    return [row.strip('"') for row in rows.splitlines()[1:]]


@test
def a_collector_that_is_switched_off_is_known(build):
    """By gc.disable() and by a threshold of 0, in every build."""
    cases = 0
    for interpreter in every_interpreter():
        with start(interpreter, "collector_off") as target:
            for word, wanted in ("on", "1"), ("off", "0"), ("on", "1"), ("zero", "0"), ("on", "1"):
                check(target.ask(word) == "ok", "no answer")
                found = automatic(build, target)
                check(found == [wanted], f"{interpreter.name}: {word}: {found}")
                cases += 1
    return cases


@test
def garbage_stays_where_the_collector_is_switched_off(build):
    """It is a suspect then, however little it is, and else waits for the collector."""
    cases = 0
    for interpreter in versions():
        for word in "off", "zero", "on":
            with start(interpreter, "collector_off") as target:
                check(target.ask(word) == "ok", "no answer")
                files = series(build, target)
                document = json.loads(build.ok("leaks", "--json", *files))
                text = build.ok("leaks", *files)
            name = f"{interpreter.name}, {word}"
            if word == "on":
                check(not document["groups"] and "switched off" not in text, f"{name}: {text}")
                check("garbage, the collector will free it" in text, f"{name}: {text}")
                continue
            paths = [group["path"] for group in document["groups"]]
            check(paths == ["<unreached __main__.Node>"], f"{name}: {paths}")
            growth = document["groups"][0]["growth"]
            check(growth == [BEFORE, BEFORE + STEP, BEFORE + 2 * STEP], f"{name}: {growth}")
            check("switched off (gc.disable()" in document["groups"][0]["sentence"] and
                  "will free it" not in text, f"{name}: {text}")
            cases += 1
    return cases


@test
def garbage_that_is_frozen_stays(build):
    """gc.freeze() puts it where no collection comes: a suspect where it grows, and never freed."""
    for interpreter in versions():
        with start(interpreter, "collector_off") as target:
            check(target.ask("freeze") == "ok", "no answer")
            files = series_of(build, target, (BEFORE, STEP, STEP, 0))
            document = json.loads(build.ok("leaks", "--json", *files[:3]))
            text = build.ok("leaks", *files[:2], files[3])
        name = interpreter.name
        paths = [group["path"] for group in document["groups"]]
        check(paths == ["<unreached __main__.Node>"], f"{name}: {paths}")
        check("gc.freeze() has put it" in document["groups"][0]["sentence"],
              f"{name}: {document['groups']}")
        check("will free it" not in text and "gc.freeze()" in text, f"{name}: {text}")
    return len(versions())


# Place: objects, bytes that each handled request adds, at least and at most for overallocation.
LARGER = {"__main__.LOG": (1, 512, 800), "__main__.NUMBERS": (1, 512, 800),
          "__main__.FLAGS": (1, 512, 800), "__main__.OUTPUTS[*]": (60, 60 * 56, 60 * 90)}


@test
def what_grows_itself_is_named(build):
    """Buffers, and a list of what was there before; not what has a limit, was set up once, or holds
    a suspect."""
    for interpreter in versions():
        with start(interpreter, "growing_buffers") as target:
            files = series(build, target)
            document = json.loads(build.ok("leaks", "--json", *files))
            text = build.ok("leaks", *files)
            rows = list(csv.DictReader(build.ok("leaks", "--format", "csv", *files).splitlines()))
        larger = {item["path"]: item for item in document["larger"]}
        check(set(larger) == set(LARGER), f"{interpreter.name}: {document['larger']}")
        for path, (count, least, most) in LARGER.items():
            each = (larger[path]["size"] - larger[path]["before"]) / (2 * STEP)
            check(larger[path]["count"] == count, f"{interpreter.name}: {larger[path]}")
            check(0.6 * least <= each <= 2 * most, f"{interpreter.name}, {path}: {each} bytes each")
        check([group["path"] for group in document["groups"]] == ["__main__.KEPT[*]"],
              f"{interpreter.name}: {[group['sentence'] for group in document['groups']]}")
        wanted = [(what, item["path"], " ".join(map(str, item.get("growth", []))))
                  for what, items in (("suspect", document["groups"]), ("replaced", document["replaced"]),
                                      ("larger", document["larger"])) for item in items]
        check([(row["what"], row["path"], row["growth"]) for row in rows] == wanted,
              f"{interpreter.name}: {rows}")
        sizes = {row["path"]: row["sizes"] for row in rows}
        check(all(sizes[path] == " ".join(map(str, item["sizes"])) for path, item in larger.items()),
              f"{interpreter.name}: {rows}")
        check("grew itself again and again" in text and "__main__.OUTPUTS[*]" in text, text)
    return len(versions())


# Requests before each of four snapshots: nothing is done at one step.
IDLE = (BEFORE, STEP, 0, STEP)


@test
def a_snapshot_while_nothing_is_done_takes_nothing_away(build):
    """What three snapshots show, four do of which one was taken without anything done since."""
    for interpreter in chosen()[:1]:
        with start(interpreter, "growing_buffers") as target:
            document = json.loads(build.ok("leaks", "--json", *series_of(build, target, IDLE)))
        larger = {item["path"]: item["sizes"] for item in document["larger"]}
        check(set(larger) == set(LARGER), f"{document['larger']}")
        check(all(len(sizes) == 4 and sizes[1] == sizes[2] for sizes in larger.values()), f"{larger}")
        check([group["path"] for group in document["groups"]] == ["__main__.KEPT[*]"],
              f"{[group['sentence'] for group in document['groups']]}")
        check(document["groups"][0]["growth"] == [BEFORE, BEFORE + STEP, BEFORE + STEP,
                                                  BEFORE + 2 * STEP], f"{document['groups']}")
        with start(interpreter, "replaced_by_larger") as target:
            files = series_of(build, target, IDLE)
            document = json.loads(build.ok("leaks", "--json", *files))
            text = build.ok("leaks", *files[:3])
        replaced = {item["path"]: item["sizes"] for item in document["replaced"]}
        check(set(replaced) == {*REPLACED, "__main__.CACHE[*]"}, f"{document['replaced']}")
        check(not document["groups"], f"{[group['sentence'] for group in document['groups']]}")
        check(re.search(r"no more of them, but larger +__main__\.ROWS\n", text), text)


@test
def what_is_too_few_to_tell_is_not_called_little(build):
    """The reasons why a place that grew at each step is no suspect."""
    for interpreter in chosen()[:1]:
        with start(interpreter, "few_but_large") as target:
            files = series_of(build, target, (2, 2, 1))
            text = build.ok("leaks", *files)
            large = build.ok("leaks", *files, "--type", "bytearray")
            nothing = build.ok("leaks", *files, "--type", "^nothing$")
        check("IMAGES" in large and "NAMES" not in large and
              "2 objects, 250.1 KiB, in places with something of the types asked for" in large, large)
        check("not explained" not in nothing and "but see" not in nothing, nothing)
        reasons = {line.split()[-1]: " ".join(line.split()[3:-1]) for line in text.splitlines()
                   if line.split()[-1:] and line.split()[-1].startswith("__main__")}
        check("no leak suspect" in text and "but see what is too few to tell" in text, text)
        check(reasons == {"__main__.IMAGES[*]": "too few to tell",
                          "__main__.NAMES[*]": "too little to tell"}, text)


@test
def attributes_under_new_names_are_one_place(build):
    """And so is what hangs on them; those that an object gets once, late, keep their names."""
    for interpreter in versions():
        with start(interpreter, "attributes_with_new_names") as target:
            files = series(build, target)
            document = json.loads(build.ok("leaks", "--json", *files))
            text = build.ok("leaks", *files)
        name, group = interpreter.name, document["groups"][0]
        check(group["path"] == "__main__.REGISTRY.*", f"{name}: {group['path']}")
        check(group["accumulation"]["path"] == "__main__.REGISTRY", f"{name}: {group}")
        check(group["growth"] == [2 + BEFORE + STEP * k for k in range(3)], f"{name}: {group}")
        payloads = [row["count"] for row in group["types"] if row["type"] == "steps.Payload"]
        check(payloads == [STEP], f"{name}: {group}")
        # To 3.10 a class keeps the names that its instances share.
        others = {group["path"] for group in document["groups"][1:]}
        check(others <= {"__main__.Registry.<internal attribute names>"}, f"{name}: {others}")
        check(not document["replaced"], f"{name}: {document['replaced']}")
        check("REGISTRY.on_" not in text, f"{name}: {text}")
    return len(versions())


# Place: bytes that each handled request adds to its one object.
REPLACED = {"__main__.ROWS": 160, "__main__.DATA": 100, "__main__.NUMBERS": 80,
            "__main__.JOURNAL.text": 64}


@test
def what_grows_though_it_is_replaced_is_named(build):
    """A cache and texts that each request makes anew, larger; not one as large as before."""
    for interpreter in versions():
        with start(interpreter, "replaced_by_larger") as target:
            files = series(build, target)
            document = json.loads(build.ok("leaks", "--json", *files))
            text = build.ok("leaks", *files)
        name = interpreter.name
        check(not document["groups"], f"{name}: {[g['sentence'] for g in document['groups']]}")
        check(not document["larger"], f"{name}: {document['larger']}")
        replaced = {item["path"]: item for item in document["replaced"]}
        check(set(replaced) == {*REPLACED, "__main__.CACHE[*]"}, f"{name}: {document['replaced']}")
        for path, each in REPLACED.items():
            sizes = replaced[path]["sizes"]
            check(replaced[path]["growth"] == [1, 1, 1], f"{name}: {replaced[path]}")
            check([b - a for a, b in zip(sizes, sizes[1:])] == [each * STEP] * 2,
                  f"{name}: {replaced[path]}")
        cache = replaced["__main__.CACHE[*]"]
        check(cache["growth"] == [20 + BEFORE + STEP * k for k in range(3)], f"{name}: {cache}")
        check("no leak suspect" in text and "whether its objects stay or are replaced" in text and
              "70 → 110 → 150" in text, text)
    return len(versions())


@test
def leaks_errors(build):
    """Too few snapshots, of two processes, in the wrong order."""
    interpreter = chosen()[0]
    with start(interpreter, "listener_list") as one, start(interpreter, "listener_list") as two:
        first, second = series(build, one), series(build, two, 1)
        build.fails(2, "leaks", *first[:2])
        build.fails(1, "leaks", *first[:2], *second)
        build.fails(2, "leaks", *reversed(first))
        shutil.copy(first[0], f"{one.work}/copy")
        for again in first[0], f"{one.work}/copy":
            for command in ["leaks", first[1]], ["diff", first[1]], ["memory"]:
                said = build.fails(2, command[0], first[0], again, *command[1:])
                check(f"{again} is the same snapshot as {first[0]}" in said, said)
        build.ok("diff", "--force", first[0], first[0])
        build.fails(1, "paths", first[0], "no.Such")
        build.fails(2, "paths", first[0])
        build.fails(2, "paths", first[0], "dict", "--exclude", "nothing")
        build.fails(2, "referrers", first[0], "dict", "list")
