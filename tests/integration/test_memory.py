"""Where resident memory goes: against what the kernel and the allocator themselves say, and whether
what a process grows by is called by its name."""
import json
import re
import signal
import struct
import subprocess

from harness import (FEW, Target, check, eventually, first_python, interpreters, test,
                     wait_asleep)

PARTS = ["objects", "blocks", "free", "outside", "malloc", "native", "stacks", "program", "files",
         "shared", "kernel"]


def memory(build, *args):
    document = json.loads(build.ok("memory", "-j", *args))
    check(document["schema"] == "reftracker.memory/1", document)
    check([part["part"] for part in document["parts"]] == PARTS, document["parts"])
    return document


def parts(document):
    return {part["part"]: part["bytes"] for part in document["parts"]}


def kernel_says(pid, key):
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return int(re.search(rf"^{key}: +(\d+) kB", file.read(), re.M)[1]) * 1024


def allocator_says(target):
    """sys._debugmallocstats() in the words of the report; {} where pymalloc is not in use."""
    check(target.ask("stats") == "stats", "no stats")
    wait_asleep(target.pid)
    with open(target.path("truth")[1]) as file:
        text = file.read().replace(",", "")

    def number(pattern):
        found = re.search(pattern, text)
        return int(found[1]) if found else 0
    return {
        "count": number(r"# arenas allocated current += +(\d+)"),
        "used": number(r"# bytes in allocated blocks += +(\d+)"),
        "free": number(r"# bytes in available blocks += +(\d+)"),
        "free_pools": number(r"(\d+) unused pools \* "),
        "pool_size": number(r"\d+ unused pools \* (\d+) bytes"),
    }


def near(a, b, most):
    return abs(a - b) <= most


def compare(build, target, *options):
    truth = allocator_says(target)
    before = kernel_says(target.pid, "Rss")
    document = memory(build, target.pid, *options)
    after = kernel_says(target.pid, "Rss")
    now, said = document["snapshots"][0], parts(document)
    check(sum(value or 0 for value in said.values()) == now["resident"], document)
    # Where the interpreter's files are read, their pages count as resident from then on.
    check(before <= now["resident"] <= after <= before + (2 << 20), f"{before} {now} {after}")
    check(now["swapped"] == kernel_says(target.pid, "Swap"), now)
    return truth, document


@test
def arenas_are_those_of_the_interpreter(build):
    cases = 0
    for interpreter in interpreters():
        with Target(interpreter, "memory.py", "truth") as target:
            target.ask("objects")
            target.ask("free")
            truth, document = compare(build, target)
            arenas = document["snapshots"][0]["arenas"]
            check(arenas is not None, f"{interpreter.name}: not known")
            if not truth["count"]:
                check(arenas["count"] == 0 and parts(document)["free"] is None, arenas)
                cases += 1
                continue
            said = {key: arenas[key] for key in truth}
            check(said == truth, f"{interpreter.name}: {said} {truth}")
            check(arenas["resident"] <= arenas["bytes"] and
                  near(arenas["resident"], arenas["bytes"], arenas["bytes"] // 4), arenas)
            check(parts(document)["free"] >= truth["free"] * 0.9 > 8 << 20, document["parts"])
            cases += 1
    check(cases >= len(FEW), f"{cases} interpreters")
    return cases


@test
def memory_by_every_way_of_capture(build):
    for way in ("clone", "copy"):
        with Target(first_python(), "memory.py", "truth") as target:
            truth, document = compare(build, target, "--capture", way)
            arenas = document["snapshots"][0]["arenas"]
            check({key: arenas[key] for key in truth} == truth, f"{way} {arenas} {truth}")
    return 2


@test
def other_allocators_have_no_arenas(build):
    for value in ("malloc", "malloc_debug"):
        with Target(first_python(), "memory.py", "truth", env={"PYTHONMALLOC": value}) as target:
            _, document = compare(build, target)
            arenas = document["snapshots"][0]["arenas"]
            check(arenas is None or arenas["count"] == 0, f"{value}: {arenas}")
            check(parts(document)["free"] is None and parts(document)["objects"] > 1 << 20,
                  document["parts"])
    with Target(first_python(), "memory.py", "truth", env={"PYTHONMALLOC": "debug"}) as target:
        truth, document = compare(build, target)
        arenas = document["snapshots"][0]["arenas"]
        check({key: arenas[key] for key in truth} == truth, f"{arenas} {truth}")
    return 3


@test
def what_is_free_in_malloc_is_what_glibc_says(build):
    cases = 0
    for interpreter in interpreters():
        with Target(interpreter, "memory.py", "truth") as target:
            target.ask("malloc")
            target.ask("heaps")
            check(target.ask("mallinfo") == "mallinfo", "no mallinfo")
            wait_asleep(target.pid)
            with open(target.path("truth")[1], "rb") as file:
                text = file.read()
            numbers = struct.unpack("10N" if len(text) == 80 else "10i", text)
            # fordblks, without fsmblks: quick lists are not free for anybody else.
            free = numbers[8] - numbers[6]
            said = parts(memory(build, target.pid))["malloc"]
            check(said is not None, f"{interpreter.name}: not known")
            # What was never touched at the ends of heaps is free, and not resident.
            check(free > 90 << 20 and free - (512 << 10) <= said <= free,
                  f"{interpreter.name}: {said} {free}")
            cases += 1
    check(cases >= len(FEW), f"{cases} interpreters")
    return cases


# The part that each way to grow shows in, and bytes by which at least.
WAYS = {"objects": 12 << 20, "outside": 23 << 20, "free": 12 << 20, "native": 23 << 20,
        "malloc": 20 << 20,
        "shared": 23 << 20, "files": 23 << 20, "stacks": 2 << 20}


@test
def what_grows_is_called_by_its_name(build):
    for way, least in WAYS.items():
        with Target(first_python(), "memory.py", "truth") as target:
            files = [f"{target.work}/{number}" for number in range(2)]
            wait_asleep(target.pid)
            build.ok("snapshot", target.pid, "-o", files[0])
            check(target.ask(way) == way, way)
            wait_asleep(target.pid)
            build.ok("snapshot", target.pid, "-o", files[1])
            document = memory(build, *files)
            grown = {part["part"]: part["change"] or 0 for part in document["parts"]}
            check(max(grown, key=grown.get) == way and grown[way] >= least, f"{way}: {grown}")
            check("it grew by" in document["sentence"], document["sentence"])
            text = build.ok("memory", *files)
            check(document["sentence"] in text and "BEFORE" in text, text)
            lines = build.ok("memory", "--format", "csv", *files).splitlines()
            check(lines[0] == "part,before,bytes,change" and len(lines) == 1 + len(PARTS), lines)
            back = memory(build, *reversed(files))
            check("it has not grown" in back["sentence"], back["sentence"])
    return len(WAYS)


@test
def a_file_says_what_the_process_said(build):
    with Target(first_python(), "memory.py", "truth") as target:
        wait_asleep(target.pid)
        file = f"{target.work}/file"
        live = memory(build, target.pid)
        build.ok("snapshot", target.pid, "-o", file)
        saved = memory(build, file)
        check(live["snapshots"][0]["arenas"] == saved["snapshots"][0]["arenas"],
              f"{live['snapshots']} {saved['snapshots']}")
        # The first capture has made pages of the interpreter's files resident.
        for part, value in parts(live).items():
            check(near(value, parts(saved)[part], 2 << 20 if part == "program" else 64 << 10),
                  f"{part}: {live['parts']} {saved['parts']}")
        said = build.fails(2, "memory", target.pid, file)
        check("two FILEs" in said, said)
        build.fails(2, "memory", file, file, file)
        build.fails(2, "memory")
        build.fails(5, "memory", 2 ** 22 - 1)
        build.fails(7, "memory", file, "/etc/passwd")
    return 1


@test
def two_processes_are_compared_with_a_word(build):
    with Target(first_python(), "memory.py", "truth") as one, Target(first_python(), "memory.py", "truth") as two:
        files = [f"{target.work}/file" for target in (one, one, two)]
        files[1] += "-later"
        for target, file in zip((one, one, two), files):
            build.ok("snapshot", target.pid, "-o", file)
        check("another process" in build.run("memory", files[0], files[2]).stderr, "nothing is said")
        check(not build.run("memory", *files[:2]).stderr, "something is said of one process")
    return 2


@test
def forked_workers_share_what_their_parent_has(build):
    """What copy-on-write leaves in common is not the worker's own."""
    code = ("import os, sys, time\n"
            "kept = bytearray(b'x') * (32 << 20)\n"
            "child = os.fork()\n"
            "if child: print(child, flush=True)\n"
            "time.sleep(3600)\n")
    parent = subprocess.Popen([first_python().path, "-c", code], stdout=subprocess.PIPE, text=True)
    child = int(parent.stdout.readline())
    try:
        eventually(lambda: kernel_says(child, "Rss") > 32 << 20, "the child is never there")
        wait_asleep(child)
        now = memory(build, child)["snapshots"][0]
        check(now["resident"] > 32 << 20 > now["own"] and now["proportional"] < now["resident"], now)
        check(near(now["own"], kernel_says(child, "Private_Dirty"), 8 << 20), now)
    finally:
        for pid in (child, parent.pid):
            subprocess.run(["kill", f"-{int(signal.SIGKILL)}", str(pid)], check=False)
        parent.wait()
        parent.stdout.close()
    return 1
