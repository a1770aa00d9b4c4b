"""Are the roots that we find what the interpreter says of itself? Modules, threads, the frames of
each and every variable in them."""
import collections
import json
import re

from harness import Target, check, test, versions

Root = collections.namedtuple("Root", "kind name target counted thread frame")
Frame = collections.namedtuple("Frame", "thread depth function file line object")


def unescape(field):
    return re.sub(r"\\x(..)", lambda match: chr(int(match[1], 16)), field) if "\\" in field else field


class Dump:
    """What tools/graph_dump says."""

    def __init__(self, build, pid):
        self.roots, self.threads, self.frames = [], [], []
        for line in build.ok(pid, "roots", program="tools/graph_dump").split("\n"):
            kind, *fields = map(unescape, line.split("\t"))
            if kind == "T":
                self.roots.append(Root(fields[0], fields[1], int(fields[2], 16),
                                       *map(int, fields[3:])))
            elif kind == "H":
                self.threads.append(tuple(map(int, fields)))
            elif kind == "F":
                self.frames.append(Frame(int(fields[0]), int(fields[1]), fields[2], fields[3],
                                         int(fields[4]), int(fields[5], 16)))

    def frames_of(self, thread):
        """The frames of thread number @thread, innermost first, each with its variables."""
        found = []
        for number, frame in enumerate(self.frames):
            if frame.thread != thread:
                continue
            check(frame.depth == len(found), "frames are not in order")
            found.append((frame, self.variables.get(number, {})))
        return found

    def index(self):
        self.variables = {}
        for root in self.roots:
            if root.kind == "frame":
                check(root.thread == self.frames[root.frame].thread, "a frame of another thread")
                names = self.variables.setdefault(root.frame, {})
                names.setdefault(root.name, set()).add(root.target)


def compare_variables(frame, variables, truth):
    what = f"{truth['function']} line {truth['line']}"
    check(frame.function == truth["function"], f"{what}: function is {frame.function}")
    check(frame.line == truth["line"], f"{what}: line is {frame.line}")
    # A namespace that is the module's, or of a mapping that is no dict, is not taken apart.
    if not truth["optimized"]:
        return 0
    for name, target in truth["locals"].items():
        check(target in variables.get(name, ()), f"{what}: {name} is {variables.get(name)}")
    return len(truth["locals"])


def compare_frames(dump, truths):
    variables = 0
    for number, (interp, native, ident) in enumerate(dump.threads):
        truth = truths.get(str(ident))
        check(interp == 0 and truth, f"thread {ident} is not there")
        check(native == 0 or native == truth["native"], f"native id {native}")
        if truth["main"]:  # it has gone on since
            continue
        ours = dump.frames_of(number)
        check(len(ours) == len(truth["frames"]), f"{len(ours)} frames of {ident}")
        for (frame, found), frame_truth in zip(ours, truth["frames"]):
            variables += compare_variables(frame, found, frame_truth)
    return variables


@test
def every_variable_of_every_frame_is_a_root(build):
    variables = cases = 0
    for interpreter in versions():
        with Target(interpreter, "threads_frames.py", "--dump", "truth") as target:
            with open(target.path("truth")[1], encoding="utf-8") as file:
                truths = json.load(file)
            dump = Dump(build, target.pid)
        try:
            dump.index()
            variables += compare_frames(dump, truths)
            cases += 1
        except AssertionError as error:
            raise AssertionError(f"{interpreter.name}: {error}") from None
    check(variables > 1000 * cases, "hardly any variables compared")
    return cases


def compare_named(dump, truth):
    found = {}
    for root in dump.roots:
        found.setdefault((root.kind == "module", root.name), set()).add(root.target)
    for name, targets in truth["named"].items():
        check(set(targets) <= found.get((False, name), set()), f"{name} is not {targets}")
    for name, target in truth["modules"].items():
        check(target in found.get((True, name), ()), f"module {name} is no root")
    # What nobody can be seen to hold is a root that says so; what a C function holds is one of it.
    kinds = {root.target: root.kind for root in dump.roots if root.kind != "static"}
    nobody = truth["only_native"]["nobody"]
    check(kinds.get(nobody) == "unexplained", f"held by nobody: {kinds.get(nobody)}")
    reduced = truth["only_native"]["reduce"]
    check(kinds.get(reduced) == "stack", f"held by a C function: {kinds.get(reduced)}")
    return len(truth["named"])


@test
def what_interpreters_and_threads_hold_is_a_root_by_its_name(build):
    cases = 0
    for interpreter in versions():
        with Target(interpreter, "roots.py", "--dump", "truth") as target:
            with open(target.path("truth")[1], encoding="utf-8") as file:
                truth = json.load(file)
            dump = Dump(build, target.pid)
        try:
            check(compare_named(dump, truth) >= 10, "too few names")
        except AssertionError as error:
            raise AssertionError(f"{interpreter.name}: {error}") from None
        cases += 1
    return cases


ENOUGH_EXPLAINED = 0.9996
# What objects of a type lack, or have too many of, together: what is static has a count of its own,
# and the others of these are all held by something that is known.
MOST_LEFT = 10
LEAVE_LITTLE = ("builtins.type", "builtins.moduledef", "builtins.dict", "builtins.set", "builtins.int",
                "builtins.tuple", "builtins.bytes", "builtins.code")


def check_types_explained(lines):
    for line in lines:
        unexplained, _, surplus, name = line.split("\t")
        check(name not in LEAVE_LITTLE or max(int(unexplained), int(surplus)) <= MOST_LEFT,
              f"{name}: {unexplained} not explained, {surplus} beyond their counts")


@test
def reference_counts_are_explained(build):
    cases = 0
    for interpreter in versions():
        with Target(interpreter, "workload.py", "--dump", "truth") as target:
            out = build.ok(target.pid, "summary", program="tools/graph_dump")
        share = float(out.split()[1])
        check(share >= ENOUGH_EXPLAINED,
              f"{interpreter.name}: {share} of the counts; not: {out.splitlines()[1:6]}")
        cases += 1
    return cases
