"""Wrappers and pools: which processes below a PID are CPython, and which of them is odd."""
import json
import os
import signal
import subprocess
import tempfile

from harness import (PATIENCE, Target, check, eventually, first_python, interpreters, wait_asleep,
                     waiting_test)
from test_cli import Attach


def processes():
    """PID -> (parent, state) of all."""
    found = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                fields = file.read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        found[int(name)] = (int(fields[1]), fields[0])
    return found


def below(pid):
    """All that live below it."""
    every = processes()
    found = [pid]
    for parent in found:
        found += [child for child, (above, state) in every.items()
                  if above == parent and state not in "ZX"]
    return found[1:]


class Pool(Target):
    """pool.py, whose workers end with it."""

    def __init__(self, interpreter, *args):
        super().__init__(interpreter, "pool.py", *args)
        self.workers = {}
        for number in range(len([n for n in os.listdir(self.work) if n.startswith("ready.")])):
            with open(f"{self.work}/ready.{number}", encoding="ascii") as file:
                self.workers[number] = int(file.read())
            wait_asleep(self.workers[number])

    def __exit__(self, *exc):
        children = below(self.pid)
        super().__exit__(*exc)
        for pid in children:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


def pool_types(build, pid):
    """Of processes that sleep, so nothing is told but the numbers: a reading that is not whole is a note."""
    result = build.run("types", "-s", pid, "-j")
    check(result.returncode == 0 and not result.stderr, f"exit {result.returncode}: {result.stderr}")
    return json.loads(result.stdout)


def totals(document):
    """What each process has, to look at where one is odd that should not be."""
    return [(process["pid"], len(process["types"]), sum(row["count"] for row in process["types"]))
            for process in document["processes"]]


@waiting_test
def the_worker_that_hoards_is_the_odd_one_out(build):
    """On each kind of interpreter, of a pool of plain forks."""
    cases = 0
    for interpreter in interpreters():
        with Pool(interpreter, "--hoarder", "2") as pool:
            document = pool_types(build, pool.pid)
            check(document["schema"] == "reftracker.types.subprocesses/1", document["schema"])
            pids = [process["pid"] for process in document["processes"]]
            check(pids == [pool.pid, *sorted(pool.workers.values())],
                  f"{interpreter.name}: {pids}, not {pool.pid} and {pool.workers}")
            for process in document["processes"]:
                numbers = {g["type"]: g["count"] for g in process["types"]}
                check(numbers.get("__main__.Session", 0) ==
                      (1000 if process["pid"] == pool.workers[2] else 0), process["pid"])
            check(len(document["siblings"]) == 1, document["siblings"])
            siblings = document["siblings"][0]
            check(siblings["pids"] == sorted(pool.workers.values()), siblings["pids"])
            check([odd["pid"] for odd in siblings["odd"]] == [pool.workers[2]],
                  f"{interpreter.name}: {totals(document)}: {siblings['odd']}")
            types = {t["type"]: t for t in siblings["odd"][0]["types"]}
            check(types["__main__.Session"]["count"] == 1000 and
                  types["__main__.Session"]["usual_count"] == 0 and
                  "__main__.Work" not in types, types)
            cases += 1
    return cases


@waiting_test
def workers_that_are_alike_are_not_odd(build):
    with Pool(first_python(), "--workers", "5") as pool:
        siblings = pool_types(build, pool.pid)["siblings"]
        check(len(siblings) == 1 and siblings[0]["odd"] == [], siblings)


@waiting_test
def workers_of_multiprocessing_are_siblings(build):
    """Forked and spawned; the tracker that Python itself starts besides is none of them."""
    cases = 0
    for start in ("fork", "spawn"):
        with Pool(first_python(), "--start", start, "--hoarder", "0") as pool:
            siblings = pool_types(build, pool.pid)["siblings"]
            check(len(siblings) == 1 and sorted(siblings[0]["pids"]) ==
                  sorted(pool.workers.values()), f"{start}: {siblings}")
            check([odd["pid"] for odd in siblings[0]["odd"]] == [pool.workers[0]], siblings)
            cases += 1
    return cases


@waiting_test
def the_table_names_the_odd_one(build):
    with Pool(first_python(), "--hoarder", "1") as pool:
        text = build.ok("types", "-s", pool.pid, "-n", "2")
        check(text.count("=== process ") == 5 and
              f"odd one out: process {pool.workers[1]}: 1,000 objects and " in text, text)
        check("__main__.Session 1,000       0" in text, text)
        build.fails(2, "types", "-s", pool.pid, "--format", "csv")
    with Pool(first_python(), "--workers", "2", "--hoarder", "1") as pool:
        text = build.ok("types", "-s", pool.pid)
        check("with fewer than 3 none can be odd" in text, text)


@waiting_test
def a_wrapper_is_refused_with_what_runs_below(build):
    """Shells and timeout: status 3, and the second line has PID and command."""
    python = first_python().path
    script = "import time; print('up', flush=True); time.sleep(600)"
    cases = 0
    for wrapper in (["sh", "-c", '"$@"; true', "sh"], ["timeout", "600"],
                    ["sh", "-c", '(sleep 600 & "$@"; true); true', "sh"]):
        with subprocess.Popen([*wrapper, python, "-u", "-c", script], stdout=subprocess.PIPE,
                              start_new_session=True, text=True) as process:
            try:
                check(process.stdout.readline() == "up\n", "it never runs")
                inner = next(pid for pid in below(process.pid)
                             if os.readlink(f"/proc/{pid}/exe") == os.path.realpath(python))
                for command in ("types", "attach", "stacks", "doctor"):
                    err = build.fails(3, command, process.pid)
                    check(f"CPython runs below it: {inner} ({python} -u -c " in err, err)
                    cases += 1
                document = pool_types(build, process.pid)
                check([p["pid"] for p in document["processes"]] == [inner], document)
            finally:
                os.killpg(process.pid, signal.SIGKILL)
    with subprocess.Popen(["sleep", "600"]) as process:
        err = build.fails(3, "types", process.pid)
        check("below" not in err, err)
        check("nor any below it" in build.fails(3, "types", "-s", process.pid), "no reason")
        process.kill()
    return cases


@waiting_test
def doctor_says_who_is_below(build):
    with Pool(first_python()) as pool:
        wanted = sorted(pool.workers.values())
        check(json.loads(build.ok("doctor", pool.pid, "-j"))["subprocesses"] == wanted, wanted)
        text = build.ok("doctor", pool.pid)
        check("below        CPython processes " + ", ".join(map(str, wanted)) in text, text)
        worker = pool.workers[0]
        check(json.loads(build.ok("doctor", worker, "-j"))["subprocesses"] == [], "a worker")
        check("below" not in build.ok("doctor", worker), "a worker")


@waiting_test
def snapshots_of_a_pool_are_a_series_for_each(build):
    with tempfile.TemporaryDirectory() as folder, Pool(first_python()) as pool:
        everybody = {pool.pid, *pool.workers.values()}
        for _ in range(3):
            build.ok("snapshot", "-s", pool.pid, "-d", folder)
        files = sorted(name for name in os.listdir(folder) if name.endswith(".rtsnap"))
        series = {}
        for name in files:
            pid = int(name.split("-")[1])
            series.setdefault((pid, name.split("-")[2]), []).append(os.path.join(folder, name))
        check({pid for pid, _ in series} == everybody and len(series) == len(everybody), files)
        for of_one in series.values():
            check(len(of_one) == 3, of_one)
            build.ok("leaks", *of_one)
        build.fails(2, "snapshot", "-s", pool.pid, "-o", os.path.join(folder, "x"))
        build.fails(2, "types", "-s", os.path.join(folder, files[0]))


@waiting_test
def attach_tracks_each_of_a_pool(build):
    """And goes on without a worker that ends; the result is told for each."""
    with Pool(first_python(), "--workers", "3") as pool:
        everybody = [pool.pid, *sorted(pool.workers.values())]
        text = build.ok("attach", "-s", pool.pid, "--every", "50ms", "--count", "2", "-j",
                        stdin=subprocess.DEVNULL)
        steps = [(line["step"], line["pid"]) for line in map(json.loads, text.splitlines())]
        check(steps == [(step, pid) for step in (1, 2) for pid in everybody], steps)
        with subprocess.Popen([build.program("reftracker"), "attach", "-s", str(pool.pid),
                               "--every", "100ms"], stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as attach:
            while f"--- diff 1 of process {everybody[-1]}," not in attach.stdout.readline():
                check(attach.poll() is None, "it has ended")
            os.kill(everybody[1], signal.SIGKILL)
            while f"--- diff 4 of process {everybody[-1]}," not in attach.stdout.readline():
                check(attach.poll() is None, "it has ended")
            attach.send_signal(signal.SIGINT)
            out, err = attach.communicate(timeout=PATIENCE)
        check(attach.returncode == 0 and str(everybody[1]) in err, err)
        for pid in (everybody[0], *everybody[2:]):
            check(out.count(f"=== result of process {pid}\n") == 1, out)
        check(f"=== result of process {everybody[1]}\n" not in out, out)


REPLACES = """
import os, sys, time
class Kept: pass
def work():
    kept = []
    print(os.getpid(), flush=True)
    while True:
        kept.append(Kept())
        time.sleep(0.01)
for line in sys.stdin:
    if not os.fork():
        work()
"""


@waiting_test
def attach_adopts_workers_that_come_later(build):
    """A pool that replaces its workers: the new one has a baseline, diffs and a result of its own."""
    with subprocess.Popen([first_python().path, "-c", REPLACES], text=True, start_new_session=True,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as pool:
        def more():
            pool.stdin.write("\n")
            pool.stdin.flush()
            return int(pool.stdout.readline())

        try:
            first = more()
            with subprocess.Popen([build.program("reftracker"), "attach", "-s", str(pool.pid),
                                   "--every", "100ms"], stdin=subprocess.DEVNULL, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE) as attach:
                def wait_for(text):
                    while text not in attach.stdout.readline():
                        check(attach.poll() is None, f"it has ended without '{text}'")

                wait_for(f"--- diff 1 of process {first},")
                os.kill(first, signal.SIGKILL)
                second = more()
                wait_for(f"--- diff 3 of process {second},")
                attach.send_signal(signal.SIGINT)
                out, err = attach.communicate(timeout=PATIENCE)
            check(attach.returncode == 0 and str(first) in err and str(second) not in err, err)
            result = out.split(f"=== result of process {second}\n")[1]
            check("__main__.Kept" in result and "kept[*]" in result, result)
            # With a number of diffs it has as many as there are still to come.
            with Attach(build, pool.pid, "-s", "-j", "--count", "3") as attach:
                seen = []
                for step in (1, 2, 3):
                    seen.append(json.loads(attach.enter()))
                    while seen[-1]["pid"] != second:
                        seen.append(json.loads(attach.process.stdout.readline()))
                    third = more() if step == 1 else third
                seen += map(json.loads, attach.process.stdout)
                check(attach.process.wait(PATIENCE) == 0, f"exit {attach.process.returncode}")
            steps = {pid: [line["step"] for line in seen if line["pid"] == pid]
                     for pid in (pool.pid, second, third)}
            check(steps[pool.pid] == steps[second] == [1, 2, 3] and steps[third] in ([1], [1, 2]),
                  steps)
        finally:
            os.killpg(pool.pid, signal.SIGKILL)
    return 2


@waiting_test
def workers_that_come_and_go_do_no_harm(build):
    """Python starts and ends children all the time while the tree is read."""
    script = ("import os, sys, time\nprint('up', flush=True)\nwhile True:\n"
              "    pids = []\n    for _ in range(5):\n        pid = os.fork()\n"
              "        if not pid:\n            time.sleep(0.02)\n            os._exit(0)\n"
              "        pids.append(pid)\n    for pid in pids:\n        os.waitpid(pid, 0)\n")
    with subprocess.Popen([first_python().path, "-c", script], stdout=subprocess.PIPE,
                          text=True) as process:
        try:
            check(process.stdout.readline() == "up\n", "it never runs")
            for _ in range(10):
                document = json.loads(build.ok("types", "-s", process.pid, "-j", "-q"))
                check(document["processes"][0]["pid"] == process.pid, "the master is missing")
            check(eventually(lambda: process.poll() is None, "it has ended"), "it has ended")
        finally:
            process.kill()
    return 10
