"""Is what we find what the interpreter itself says? Addresses, types, sizes, generations."""
import collections
import contextlib
import itertools
import json
import os
import shutil
import subprocess
import tempfile

from harness import (EXPECTED, TARGETS, Interpreter, Skip, Target, all_interpreters, check,
                     every_interpreter, first_python, in_turn, interpreters, is_few,
                     listed_interpreters, long_test, other_interpreters, record, test, versions, wait_asleep)

ENOUGH_SIZES = 0.995
# Objects that the dump itself refers to while it writes: its frame's code, functions, modules.
WRONG_COUNTS = 12
# What the just-in-time compiler makes of the dump's own loops.
COMPILED_MEANWHILE = "builtins.uop_executor"
# References that the target changes between writing its own down and idling.
CHANGED = 3

Truth = collections.namedtuple("Truth", "rows own")
Row = collections.namedtuple("Row", "kind size generation count interpreter", defaults=[None])


def read_truth(path):
    """Rows are strings until somebody looks: most are the same as ours."""
    rows, own = {}, set()
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            if line.startswith("#"):
                continue
            address, _, row = line.rstrip("\n").partition("\t")
            if address == "own":
                own.add(row)
            else:
                rows[address] = row
    return Truth(rows, own)


def row_of(line):
    return Row(*line.split("\t"))


def capture(build, pid, **variables):
    """Of a PID or core file. @variables: see tools/target.h."""
    out = build.ok(pid, program="tools/heap_dump", env=dict(os.environ, **variables))
    found = {}
    for line in out.splitlines():
        address, _, row = line.partition("\t")
        check(address not in found, f"{address} twice")
        found[address] = row
    return found


def same_count(said, found, deferred):
    """Immortal objects (3.12+) say what their version likes. Of one with deferred counting Python
    says one more, and which they are it does not."""
    return said == found or int(found) >= 1 << 28 or (deferred and int(said) == int(found) + 1)


def is_of_main(row):
    """Of the main interpreter, of which the target tells."""
    return row.endswith("\t0")


def compare(truth, found, deferred=False):
    """Returns a line of figures; raises where the bars are not met."""
    missing = truth.rows.keys() - found.keys() - truth.own
    others = {a: row_of(found[a]) for a in found.keys() - truth.rows.keys() - truth.own
              if is_of_main(found[a])}
    # The permanent generation holds what gc.get_objects() does not tell (3.12: immortal tuples).
    invented = [row for row in others.values() if row.generation != "3" and row.kind != COMPILED_MEANWHILE]
    check(not missing, f"{len(missing)} objects not found, such as "
          f"{[truth.rows[a] for a in list(missing)[:5]]}")
    check(not invented, f"{len(invented)} objects invented, such as {invented[:5]}")
    types, sizes, generations, counts, unsaid = [], collections.Counter(), [], [], 0
    for address, row in truth.rows.items():
        if address not in found or found[address] == row + "\t0":
            continue
        said, ours = row_of(row), row_of(found[address])
        if said.kind == "!" or said.size == "!":
            unsaid += 1
            continue
        if said.kind != ours.kind:
            types.append((said.kind, ours.kind))
        if said.size != ours.size:
            sizes[said.kind, said.size, ours.size] += 1
        if not same_count(said.count, ours.count, deferred):
            counts.append((said.kind, said.count, ours.count))
        if said.generation not in ("-1", ours.generation):
            generations.append((said.kind, said.generation, ours.generation))
    wrong = sum(sizes.values())
    share = 1 - wrong / len(truth.rows)
    check(not types, f"{len(types)} types differ: {types[:5]}")
    check(not generations, f"{len(generations)} generations differ: {generations[:5]}")
    if sizes:
        print(f"    sizes that differ (type, truth, ours): {sizes.most_common(8)}")
    check(len(counts) <= WRONG_COUNTS, f"{len(counts)} reference counts differ: {counts[:8]}")
    check(share >= ENOUGH_SIZES, f"only {share:.2%} of the sizes agree")
    check(unsaid * 1000 <= len(truth.rows), f"{unsaid} objects of which Python says nothing")
    return len(truth.rows), share, len(counts)


def read_referents(lines):
    """By holders; those of each are one string until somebody looks."""
    referents, own = {}, set()
    for line in lines:
        holder, _, others = line.rstrip("\n").partition("\t")
        if holder == "own":
            own.add(others)
        else:
            referents[holder] = others
    return referents, own


def lacking(wanted, ours, own):
    """Of the addresses in a line of the truth those that are missing in a line of ours, as multisets,
    but for what is the dump's own."""
    wanted, ours = wanted.split(), ours.split()
    if len(set(wanted)) == len(wanted) and set(ours).issuperset(wanted):
        return {}  # as with most that have more than is visited
    return collections.Counter(one for one in wanted if one not in own) - collections.Counter(ours)


def compare_referents(build, target):
    """Of the references between tracked objects, and from those to others, the share that is found."""
    inside, outside = target.path("referents")
    check(target.ask(f"referents {inside}") == "done", "referents failed")
    with open(outside, encoding="ascii") as file:
        truth, own = read_referents(file)
    out = build.ok(target.pid, "clone", "referents", program="tools/graph_dump")
    found, _ = read_referents(out.splitlines())
    total, missing = 0, collections.Counter()
    for holder in truth.keys() & found.keys() - own:
        wanted, ours = truth[holder], found[holder]
        total += wanted.count("0x")
        if not f"{ours} ".startswith(f"{wanted} "):
            missing.update(lacking(wanted, ours, own))
    check(total > 2 * len(truth) and missing.total() <= CHANGED,
          f"{missing.total()} of {total} references are missing")
    return f"{1 - missing.total() / total:.3%}"


def oracle(build, interpreter, *options, tell=True):
    """One interpreter: build the workload, capture, compare."""
    # The table is about interpreters; where few of them are tried it is the tool that is looked at.
    tell = tell and not options and "PYTHONMALLOC" not in interpreter.env and not is_few()
    with Target(interpreter, "workload.py", "--dump", "truth", *options) as target:
        truth = read_truth(target.path("truth")[1])
        check(len(truth.rows) > 3000, "the workload is too small to say anything")
        found = capture(build, target.pid)
        objects, share, counts = compare(truth, found, deferred=interpreter.version.endswith("t"))
        check(set(capture(build, target.pid)) == set(found),
              "two captures of an idle process differ")
        references = compare_referents(build, target) if tell else None
        permanent = check_permanent(target, truth, found)
        check("--freeze" not in options or permanent > 3000, f"only {permanent} frozen objects")
        if "--subinterpreters" in options:
            check(not all(map(is_of_main, found.values())),
                  "no objects of a sub-interpreter")
    print(f"    {interpreter.name} {' '.join(options)}: {objects} objects, sizes {share:.3%}, "
          f"{counts} counts differ, {permanent} permanent", flush=True)
    if tell:
        record(interpreter, objects=objects, types="100 %", sizes=f"{share:.3%}",
               references=references)


# What answering "unfreeze" makes itself: a list of words, lists of objects and of lines.
MADE_BY_THE_ANSWER = 8


def check_permanent(target, truth, found):
    """What we say is permanent is what gc.unfreeze() lets gc.get_objects() tell, and all of it."""
    inside, outside = target.path("unfrozen")
    check(target.ask(f"unfreeze {inside}") == "done", "unfreeze failed")
    thawed = read_truth(outside).rows
    permanent = {a: row_of(row) for a, row in found.items()
                 if "\t3\t" in row and is_of_main(row) and row_of(row).generation == "3"}
    unknown = permanent.keys() - thawed.keys()
    check(not unknown, f"{len(unknown)} are not permanent at all")
    unseen = thawed.keys() - found.keys() - truth.own
    check(len(unseen) <= MADE_BY_THE_ANSWER, f"{len(unseen)} permanent objects not found")
    pairs = [(row_of(thawed[a]), ours) for a, ours in permanent.items()]
    types = [(said.kind, ours.kind) for said, ours in pairs if said.kind not in ("!", ours.kind)]
    check(not types, f"types of permanent objects differ: {types[:5]}")
    sizes = sum(said.size != ours.size for said, ours in pairs)
    check(sizes <= len(permanent) * (1 - ENOUGH_SIZES), f"sizes of {sizes} permanent ones differ")
    return len(permanent)


@test
def expected_interpreters_are_there(build):
    missing = set(EXPECTED) - {i.name for i in all_interpreters()}
    check(not missing, f"not on this machine (scripts/fetch-pythons, scripts/build-pythons): "
          f"{', '.join(sorted(missing))}")
    return len(EXPECTED)


def for_each(chosen, run):
    """All that fail are named, not only the first."""
    failed, done = [], 0
    for interpreter in chosen:
        try:
            run(interpreter)
            done += 1
        except AssertionError as error:
            failed.append(f"{interpreter.name}: {error}")
    check(not failed, "; ".join(failed))
    check(done, "no interpreter at all")
    return done


def for_all(build, chosen, *options):
    return for_each(chosen, lambda interpreter: oracle(build, interpreter, *options))


@long_test
def oracle_agrees_on_every_interpreter(build):
    return for_all(build, every_interpreter())


@long_test
def oracle_agrees_after_freeze(build):
    return for_all(build, versions(), "--freeze")


def totals(build, interpreter):
    """Enough objects that a clone's lists are entered at many places. A copy is read node by node."""
    with Target(interpreter, "million.py", "--objects", "200000", "--shape", "mixed") as target:
        target.process.stdin.write("count\n")
        target.process.stdin.flush()
        count = int(target.process.stdout.readline())
        wait_asleep(target.pid)
        clone, copy = (json.loads(build.ok("types", target.pid, "-j", "-n0", "--capture", way))
                       for way in ("clone", "copy"))
        check(clone["types"] == copy["types"] and clone["bytes"] == copy["bytes"],
              f"{interpreter.name}: {clone['types'][:5]} and {copy['types'][:5]}")
        # The list of them, and what came to say how many it has.
        check(abs(clone["objects"] - count) <= 5, f"{interpreter.name}: {clone['objects']}, {count}")


@long_test
def totals_are_those_of_the_interpreter(build):
    for interpreter in in_turn(versions(), 0, 3):
        totals(build, interpreter)


@long_test
def oracle_agrees_with_subinterpreters(build):
    return for_all(build, [i for i in versions() if not i.name.endswith("d")],
                   "--subinterpreters")


def stripped_copies(stack):
    """Interpreters with debug information, without it: libpython or the executable itself."""
    folder = stack.enter_context(tempfile.TemporaryDirectory())
    for interpreter in other_interpreters():
        shared = os.path.join(os.path.dirname(os.path.dirname(interpreter.path)), "lib",
                              f"libpython{interpreter.version}.so.1.0")
        if not os.path.exists(shared):
            continue
        place = os.path.join(folder, interpreter.version)
        os.mkdir(place)
        subprocess.run(["strip", "-o", os.path.join(place, os.path.basename(shared)), shared],
                       check=True)
        yield Interpreter(interpreter.name + "-stripped", "", interpreter.path,
                          interpreter.version, {"LD_LIBRARY_PATH": place})


def stripped_executables(stack):
    """Debug interpreters of Debian carry their DWARF inside: a stripped copy in the same root."""
    for interpreter in interpreters():
        if not interpreter.root or not interpreter.name.endswith("d"):
            continue
        folder = stack.enter_context(tempfile.TemporaryDirectory(dir=interpreter.root + "/tmp"))
        copy = f"{folder}/{os.path.basename(interpreter.path)}"
        subprocess.run(["strip", "-o", copy, interpreter.root + interpreter.path], check=True)
        yield Interpreter(interpreter.name + "-stripped", interpreter.root,
                          copy[len(interpreter.root):], interpreter.version,
                          {"PYTHONHOME": "/usr"})


def stripped_builds(stack):
    """What runs from where it was compiled: it finds its library by a file beside itself."""
    for interpreter in listed_interpreters("build-pythons"):
        folder = os.path.dirname(interpreter.path)
        copy = os.path.join(folder, f"stripped-{os.getpid()}")
        stack.callback(os.unlink, copy)
        subprocess.run(["strip", "-s", "-o", copy, interpreter.path], check=True)
        yield interpreter._replace(name=interpreter.name + "-stripped", path=copy)


def for_stripped(run):
    """What @run makes of a list of interpreters without their debug information."""
    with contextlib.ExitStack() as stack:
        # Each way to be without symbols once, where few are wanted.
        most = 1 if is_few() else None
        chosen = [interpreter for copies in (stripped_copies, stripped_executables, stripped_builds)
                  for interpreter in itertools.islice(copies(stack), most)]
        if not chosen:
            raise Skip("no interpreter with debug information here")
        return run(chosen)


@long_test
def oracle_agrees_on_stripped_copies(build):
    return for_stripped(lambda chosen: for_all(build, chosen))


@long_test
def oracle_agrees_with_every_allocator(build):
    """PYTHONMALLOC; what a version does not know, it refuses to start with."""
    chosen = []
    for turn, interpreter in enumerate(versions()):
        number = int(interpreter.version.split(".")[-1].rstrip("t"))
        for name in in_turn(["debug", "mimalloc" if number >= 13 else "malloc"], turn, 2):
            chosen.append(interpreter._replace(name=f"{interpreter.name}-{name}",
                                               env={"PYTHONMALLOC": name}))
    return for_all(build, chosen)


def jit_interpreters():
    """Those of each version that have the just-in-time compiler, with it."""
    asked = "import sys; j = getattr(sys, '_jit', None); print(bool(j and j.is_enabled()))"
    for interpreter in versions():
        root = ["chroot", interpreter.root] if interpreter.root else []
        said = subprocess.run([*root, interpreter.path, "-c", asked], capture_output=True, text=True,
                              check=False, env=dict(os.environ, PYTHON_JIT="1", **interpreter.env))
        if said.stdout.strip() == "True":
            yield interpreter._replace(name=interpreter.name + "-jit",
                                       env=dict(interpreter.env, PYTHON_JIT="1"))


@test
def oracle_agrees_with_compiled_code(build):
    chosen = list(jit_interpreters())
    if not chosen:
        raise Skip("no interpreter with a just-in-time compiler here")
    return for_each(chosen, lambda interpreter: oracle(build, interpreter, tell=False))


def config(*options):
    return subprocess.run(["/usr/bin/python3-config", *options], check=True, capture_output=True,
                          text=True).stdout.split()


def build_application(path, *options):
    subprocess.run(["cc", "-o", path, f"{TARGETS}/embed.c", *config("--includes"), *options,
                    "-pthread"], check=True)


@test
def oracle_agrees_on_an_application_that_embeds_python(build):
    with tempfile.TemporaryDirectory() as folder:
        program = f"{folder}/application"
        build_application(program, *config("--embed", "--ldflags"))
        oracle(build, Interpreter("embedded", "", program, "3", {}))
        shutil.copy(program, f"{folder}/stripped")
        subprocess.run(["strip", "-s", f"{folder}/stripped"], check=True)
        oracle(build, Interpreter("embedded-stripped", "", f"{folder}/stripped", "3", {}))
    return 2


def library_of(python):
    """libpython, installed beside an executable that does not need it."""
    words = "import sysconfig as s; print(s.get_config_var('LIBDIR'), s.get_config_var('INSTSONAME'))"
    place, name = subprocess.run([python.path, "-c", words], check=True, capture_output=True,
                                 text=True).stdout.split()
    library = os.path.realpath(f"{place}/{name}")
    if ".so" not in name or not os.path.exists(library):
        raise Skip(f"no {library}")
    return library


@test
def oracle_agrees_beside_a_libpython_that_sleeps(build):
    """What a module linked with libpython brings into an executable that has all of it itself."""
    python = first_python()
    library = library_of(python)
    with Target(python, "plain.py", "--dump", "truth", env={"LD_PRELOAD": library}) as target:
        with open(f"/proc/{target.pid}/maps") as maps:
            check(library in maps.read(), "it is not loaded")
    oracle(build, python._replace(name="beside", env={"LD_PRELOAD": library}), tell=False)
    return 1


def check_executable_is_read(build, python, library):
    with Target(python, "two_interpreters.py", "--dump", "truth", "--library", library) as target:
        truth = read_truth(target.path("truth")[1])
        compare(truth, capture(build, target.pid))
        told = build.run("types", str(target.pid))
        check(f"another CPython lives in the process and is not read: {library}" in told.stderr,
              told.stderr)
        doctor = json.loads(build.run("doctor", "--json", str(target.pid)).stdout)
        check(doctor["other"] == library and doctor["path"] == os.path.realpath(python.path),
              f"{doctor['path']}, {doctor['other']}")


@test
def oracle_agrees_beside_another_interpreter_that_lives(build):
    """It is the executable that is read, whatever it is called, and the other is named."""
    python = first_python()
    library = library_of(python)
    check_executable_is_read(build, python, library)
    with tempfile.TemporaryDirectory() as folder:
        program = f"{folder}/application"
        shutil.copy(python.path, program)
        home = os.path.dirname(os.path.dirname(python.path))
        check_executable_is_read(build, python._replace(path=program, env={"PYTHONHOME": home}),
                                 library)
    return 2


@test
def oracle_agrees_on_a_static_build_without_symbols(build):
    """libpython inside the executable, and no symbol of it anywhere: found by its section."""
    with tempfile.TemporaryDirectory() as folder:
        program = f"{folder}/static"
        version = ".".join(config("--libs", "--embed")[0].split("python")[-1].split(".")[:2])
        build_application(program, "-no-pie", "-Wl,-Bstatic", f"-lpython{version}",
                          "-Wl,-Bdynamic", "-lexpat", "-lz", "-lm", "-ldl", "-lutil")
        subprocess.run(["strip", "-s", program], check=True)
        symbols = subprocess.run(["nm", "-D", program], check=True, capture_output=True, text=True)
        check("_PyRuntime" not in symbols.stdout, "the symbol is there")
        interpreter = Interpreter("static", "", program, version, {})
        with Target(interpreter, "plain.py", "--dump", "truth") as target:
            truth = read_truth(target.path("truth")[1])
            check(len(truth.rows) > 8000, "too few objects to say anything")
            compare(truth, capture(build, target.pid))
    return 1


@long_test
def a_clone_and_a_copy_are_the_same_heap(build):
    """By clone a scout hands over the objects, by copy they are read: to the last hash."""
    done = 0
    for interpreter in every_interpreter():
        with Target(interpreter, "workload.py", "--dump", "truth") as target:
            lines = build.ok(target.pid, program="tools/heap_same").splitlines()
            counts = {name: int(count) for name, count in map(str.split, lines)}
            check(counts.pop("objects") > 50000, f"{interpreter.name}: few objects")
            check(len(counts) == 7 and not any(counts.values()), f"{interpreter.name}: {counts}")
        done += 1
    return done
