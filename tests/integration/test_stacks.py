"""Are the frames that we find what sys._current_frames() says? Threads, functions, files, lines,
variables."""
import json

from harness import (TARGETS, Skip, Target, check, every_interpreter, first_python, interpreters, is_few,
                     test, versions)
from test_oracle import for_stripped, jit_interpreters

SCRIPT = "threads_frames.py"


def number(address):
    return int(address, 16) if address else 0


def python_frames(thread):
    """The frames of a thread without the native ones, addresses as numbers."""
    for frame in thread["frames"]:
        if frame["kind"] == "python":
            yield dict(frame, code=number(frame["code"]), names=number(frame["names"]),
                       locals=[dict(local, object=number(local["object"]))
                               for local in frame["locals"]])


def read_stacks(build, pid, *options):
    """{(interpreter, ident): thread}, each with its Python frames and all its frames."""
    threads = {}
    document = json.loads(build.ok("stacks", pid, "-j", *options))
    check(document["schema"] == "reftracker.stacks/1" and document["pid"] == pid, "the head")
    for thread in document["threads"]:
        if thread["state"] is None:
            continue
        key = thread["interpreter"], number(thread["ident"])
        check(key not in threads, f"two threads {key}")
        threads[key] = dict(thread, all=thread["frames"], frames=list(python_frames(thread)))
    return threads


def is_hidden(local):
    """Of a comprehension that runs within its class body or module (3.12+)."""
    return local["hidden"] and local["object"] != 0


def our_locals(frame, truth):
    """What f_locals should be: the variables that are bound."""
    found = {}
    for local in frame["locals"]:
        if truth["optimized"] or truth["kind"] == "FrameLocalsProxy":
            wanted = local["kind"] != "name"
        else:
            wanted = local["kind"] == "name" or is_hidden(local)
        if local["object"] != 0 and local["name"] is not None and wanted:
            # A hidden variable may be called as one of the namespace, and covers it.
            check(local["name"] not in found or not truth["optimized"],
                  f"variable {local['name']} twice")
            found.setdefault(local["name"], local["object"])
    return found


def compare_frame(frame, truth):
    what = f"{truth['function']} in {truth['file']!r} line {truth['line']}"
    check(frame["function"] == truth["function"], f"{what}: function is {frame['function']}")
    check(frame["file"] == truth["file"].replace("\0", "?"), f"{what}: file is {frame['file']!r}")
    check(frame["line"] == truth["line"], f"{what}: line is {frame['line']}")
    check(frame["code"] == truth["code"], f"{what}: another code object")
    check(not frame["damaged"] and not frame["starting"], f"{what}: damaged or starting")
    # 3.12 makes a dict of its own where there are hidden variables.
    if "names" in truth and not any(map(is_hidden, frame["locals"])):
        check(frame["names"] == truth["names"], f"{what}: another namespace")
    if truth["optimized"]:
        check(frame["names"] == 0, f"{what}: a namespace for a function")
    if "locals" in truth:
        ours = our_locals(frame, truth)
        wrong = {name: (ours.get(name), truth["locals"].get(name))
                 for name in set(ours) ^ set(truth["locals"]) |
                 {n for n in ours if truth["locals"].get(n) != ours[n]}}
        check(not wrong, f"{what}: variables differ (ours, truth): {wrong}")
        titles = {local["name"]: local["title"] for local in frame["locals"]
                  if local["object"] == ours.get(local["name"]) and local["type"] != "builtins.type"}
        wrong = {name: (title, truth["titles"][name]) for name, title in titles.items()
                 if title != truth["titles"][name]}
        check(not wrong, f"{what}: their names differ (ours, truth): {wrong}")


def compare_thread(thread, truth, version):
    check(thread["damage"] is None, f"damage: {thread['damage']}")
    # The main thread goes on from its dump to where it waits.
    check(truth["main"] or not thread["gil"], "a thread that waits holds the GIL")
    if not truth["busy"]:
        ours, theirs = thread["frames"], truth["frames"]
        if truth["main"]:  # it has gone on since: only where it came from is still true
            ours, theirs = ours[-1:], [dict(theirs[-1], line=ours[-1]["line"])]
        check([f["function"] for f in ours] == [f["function"] for f in theirs],
              f"functions {[f['function'] for f in ours]}, not "
              f"{[f['function'] for f in theirs]}")
        for frame, frame_truth in zip(ours, theirs):
            compare_frame(frame, frame_truth)
    check(truth["native"] is None or thread["tid"] == truth["native"],
          f"thread {thread['tid']}, not {truth['native']}")
    if int(version.split(".")[1]) >= 11:
        check(truth["native"] is None or thread["native_id"] == truth["native"],
              f"native id {thread['native_id']}, not {truth['native']}")
    else:
        check(thread["native_id"] is None, "a native id from nowhere")
    return len(truth["frames"])


def compare(threads, truths, version):
    # A thread that runs another interpreter has a state in both, one of them with frames, which
    # only sys._current_frames() of 3.13 shows.
    order = sorted(threads.items(), key=lambda item: -item[0][0])  # the main one counts
    running = {ident: thread for (_, ident), thread in order if thread["frames"]}
    main = {ident for ident, thread in running.items() if thread["interpreter"] == 0}
    check(main <= set(truths) <= set(running), f"threads {main ^ set(truths)} are not in both")
    frames = 0
    for ident, truth in truths.items():
        frames += compare_thread(running[ident], truth, version)
    return frames


def compare_native(build, pid, threads, truths):
    """The same frames stand between native ones, by a clone and by a copy."""
    for way in ("clone", "copy"):
        joined = read_stacks(build, pid, "--native", "--capture", way)
        check(set(joined) == set(threads), "other threads")
        for key, thread in joined.items():
            if key[1] not in truths or truths[key[1]]["busy"] or truths[key[1]]["main"]:
                continue
            check([f["address"] for f in thread["frames"]] ==
                  [f["address"] for f in threads[key]["frames"]], "other frames")
            check(thread["joined"], f"calls and frames do not match: {names_of(thread)}")
            check(thread["all"][0]["kind"] == "native", "it waits in no C function")
            check(any(f["kind"] == "native" for f in thread["all"][-4:]), "no thread's start")


def names_of(thread):
    return [frame["function"] for frame in thread["all"]]


def version_of(build, target):
    out = build.ok("doctor", target.pid)
    return out.split("CPython ")[1].split()[0].rstrip(",")


def stacks(build, interpreter, *options):
    with Target(interpreter, SCRIPT, "--dump", "truth", *options) as target:
        with open(target.path("truth")[1], encoding="utf-8") as file:
            truths = {int(ident): truth for ident, truth in json.load(file).items()}
        version = version_of(build, target)
        check(len(truths) > 40, "too few threads to say anything")
        threads = read_stacks(build, target.pid)
        frames = compare(threads, truths, version)
        compare_native(build, target.pid, threads, truths)
    print(f"    {interpreter.name} {version} {' '.join(options)}: {len(truths)} threads, "
          f"{frames} frames", flush=True)
    return threads


def for_all(build, chosen, *options, look=None):
    failed = []
    for interpreter in chosen:
        try:
            threads = stacks(build, interpreter, *options)
            if look:
                look(threads)
        except AssertionError as error:
            failed.append(f"{interpreter.name}: {error}")
    check(not failed, "; ".join(failed))
    check(chosen, "no interpreter at all")
    return len(chosen)


@test
def stacks_agree_on_every_interpreter(build):
    return for_all(build, every_interpreter())


@test
def stacks_agree_on_stripped_copies(build):
    """Built-in tables instead of debug information."""
    return for_stripped(lambda chosen: for_all(build, chosen))


@test
def stacks_agree_while_tracing(build):
    return for_all(build, versions(), "--trace")


def look_at_subinterpreter(threads):
    others = [thread for (interp, _), thread in threads.items() if interp != 0]
    check(len(others) == 1, f"{len(others)} threads in other interpreters")
    frames = [(frame["function"], frame["line"]) for frame in others[0]["frames"]]
    check(frames == [("sleeper", 6), ("<module>", 9)], f"frames {frames}")


@test
def stacks_of_subinterpreters(build):
    return for_all(build, versions(), "--subinterpreter",
                   look=look_at_subinterpreter)


def busy_lines():
    """The first and the last line of the code that never stands still."""
    with open(f"{TARGETS}/{SCRIPT}", encoding="utf-8") as file:
        lines = file.read().split("\n")
    first = lines.index("def busy(level=0, kept=None):") + 1
    last = lines.index("        busy()") + 1
    return first, last


def check_busy_frame(frame, first, last):
    name = frame["function"].rpartition(".")[2]
    check(not frame["damaged"], f"{name} is damaged")
    if name in ("inner", "Body", "busy", "busy_forever", "<genexpr>", "<listcomp>"):
        line = frame["line"]
        # GEN_START, with which 3.10 begins a generator, belongs to no line (Python/compile.c).
        starting = frame["starting"] or name == "<genexpr>"
        check(line is not None and first <= line <= last or (line is None and starting),
              f"{name} at line {line}, not {first} to {last}")
        check(frame["starting"] or any(local["object"] for local in frame["locals"]) or
              name in ("Body", "busy_forever"), f"{name} has no variable that is bound")
        return
    check(name == "run", f"function {frame['function']}")


def check_busy_threads(threads, busy):
    """Returns the number of frames of the busy ones."""
    first, last = busy_lines()
    frames = 0
    for (_, ident), thread in threads.items():
        check(thread["damage"] is None, f"damage: {thread['damage']}")
        if ident not in busy:
            continue
        names = [frame["function"] for frame in thread["frames"]]
        check(names and names[-1].endswith("run"), f"the chain is cut off: {names}")
        for frame in thread["frames"]:
            check_busy_frame(frame, first, last)
        frames += len(names)
    return frames


def busy_stacks(build, interpreter, rounds):
    """Stopped anywhere: no chain is damaged, every frame is one that can be. Returns how many."""
    frames, holders, done = 0, 0, 0
    no_gil = interpreter.version.endswith("t")
    with Target(interpreter, SCRIPT, "--dump", "truth", "--busy") as target:
        with open(target.path("truth")[1], encoding="utf-8") as file:
            truths = {int(ident): truth for ident, truth in json.load(file).items()}
        busy = {ident for ident, truth in truths.items() if truth["busy"]}
        check(len(busy) == 2, "no busy threads")
        # The main one may still be on its way to where it waits.
        able = busy | {ident for ident, truth in truths.items() if truth.get("main")}
        # While the GIL is handed over nobody holds it, which takes long where much else runs.
        while done < rounds or (not holders and not no_gil and done < 10 * rounds):
            threads = read_stacks(build, target.pid)
            held = [ident for (_, ident), thread in threads.items() if thread["gil"]]
            check(len(held) <= 1 and set(held) <= able, f"the GIL is held by {held}")
            holders += len(busy & set(held))
            frames += check_busy_threads(threads, busy)
            done += 1
    check(bool(holders) != no_gil, f"{holders} times a thread held the GIL")
    return frames


@test
def stacks_of_running_threads_are_whole(build):
    failed, rounds, done = [], 4 if is_few() else 12, 0
    for interpreter in [*versions(), *jit_interpreters()]:
        try:
            frames = busy_stacks(build, interpreter, rounds)
            print(f"    {interpreter.name}: {frames} frames in {rounds} captures", flush=True)
            done += rounds
        except AssertionError as error:
            failed.append(f"{interpreter.name}: {error}")
    check(not failed, "; ".join(failed))
    check(done, "no interpreter at all")
    return done


def damages(build, pid):
    return [thread["damage"] for thread in read_stacks(build, pid).values() if thread["damage"]]


@test
def a_chain_that_stays_torn_is_told_after_some_attempts(build):
    """One that is torn for a moment is looked at again; this one is torn until the target mends it."""
    python = first_python()
    if not python.path.endswith("3.11"):
        raise Skip("the frame of the target is that of 3.11")
    with Target(python, "torn_frame.py") as target:
        file = f"{target.work}/snapshot"
        for command, attempts, told in (("tear", 4, ["a frame has no code object"]), ("mend", 1, [])):
            target.ask(command)
            check(damages(build, target.pid) == told, f"{command}: {damages(build, target.pid)}")
            build.ok("snapshot", target.pid, "-o", file)
            info = json.loads(build.ok("info", "-j", file))
            check(info["attempts"] == attempts, f"{command}: {info['attempts']} attempts")
        check(target.ask("end", settled=False) == "went on", "the thread does not go on")
        check(target.process.wait(60) == 0, "the target is harmed")
    return 2
