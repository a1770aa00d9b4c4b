"""The command line as people and scripts use it."""
import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import time

from harness import (PATIENCE, TOP, Skip, Target, check, first_python, interpreters, long_test, switches,
                     test)


class Attach:
    """An attach session on a terminal: Enter takes the next snapshot."""

    def __init__(self, build, pid, *options):
        try:
            self.terminal, slave = pty.openpty()
        except OSError as error:
            raise Skip(f"no pseudo terminals here ({error})") from error
        self.process = subprocess.Popen(
            [build.program("reftracker"), "attach", str(pid), "--every", "1h", *options],
            stdin=slave, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        os.close(slave)
        note = self.process.stderr.readline()
        check("Enter" in note, f"no baseline: {note}{self.process.stderr.read() if not note else ''}")

    def enter(self, last=""):
        """Take a snapshot; returns the line of its report that begins with @last."""
        os.write(self.terminal, b"\n")
        lines = iter(self.process.stdout.readline, "")
        return next((line for line in lines if line.startswith(last)), "")

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)
        out, err = self.process.communicate(timeout=PATIENCE)
        return out, err, self.process.returncode

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.process.kill()
        self.process.communicate()
        os.close(self.terminal)


def counts(document, key):
    prefix = "__main__."
    return {g["type"][len(prefix):]: g["count"] for g in document[key]
            if g["type"].startswith(prefix)}


COLLECTS = """
import gc, sys, time
gc.disable()
print('ready', flush=True)
sys.stdin.readline()
gc.callbacks.append(lambda phase, info: (print('collecting', flush=True), time.sleep(600)))
gc.collect()
"""


def wait_for_collection(build, pid, collect):
    """Exit status and output of an attach that would wait for long; @collect: after a diff."""
    with subprocess.Popen([build.program("reftracker"), "attach", str(pid), "--every", "10ms",
                           "--wait-gc", "1h"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as attach:
        try:
            if collect:
                while "--- diff 1" not in attach.stdout.readline():
                    check(attach.poll() is None, "it has ended")
                collect()
            time.sleep(1)
            attach.send_signal(signal.SIGINT)
            out, err = attach.communicate(timeout=PATIENCE)
        finally:
            attach.kill()
    return attach.returncode, out, err


@test
def ctrl_c_ends_the_wait_for_a_collection(build):
    """With the result of the diffs until then; without one there is none."""
    for diffs in (1, 0):
        with subprocess.Popen([first_python().path, "-c", COLLECTS], text=True,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE) as target:
            def collect(target=target):
                target.stdin.write("\n")
                target.stdin.flush()
                check(target.stdout.readline() == "collecting\n", "no collection")

            try:
                target.stdout.readline()
                if not diffs:
                    collect()
                status, out, err = wait_for_collection(build, target.pid, diffs and collect)
            finally:
                target.kill()
        check(status == (0 if diffs else 6), f"{status}: {err}")
        check(("=== result" in out) == bool(diffs), out)
        check(diffs or "a garbage collection is running" in err, err)
    return 2


# Command lists and what the diff behind each must say of the script's own classes.
SCRIPT = [
    (["make 100", "temp 30", "churn 500"],
     {"created": {"Leak": 100, "Temp": 30, "Churn": 500}, "deleted": {}, "persistent": {}}),
    (["make 40", "cleartemp", "churn 500"],
     {"created": {"Leak": 40, "Churn": 500}, "deleted": {"Temp": 30, "Churn": 500},
      "persistent": {"Leak": 100}}),
    (["drop 10", "make 7", "churn 300"],
     {"created": {"Leak": 7, "Churn": 300}, "deleted": {"Leak": 10, "Churn": 500},
      "persistent": {"Leak": 130}}),
    (["temp 5"],
     {"created": {"Temp": 5}, "deleted": {}, "persistent": {"Leak": 137, "Churn": 300}}),
]


def differ(got, wanted, interpreter, alike):
    """Without the GIL there is no order of age: what takes the place of its like is not seen. Nor are
    the @alike Churn objects that have even the same number, after a collection has changed the order."""
    kinds = {kind for kind in got.keys() | wanted.keys() if got.get(kind, 0) != wanted.get(kind, 0)}
    if interpreter.version.endswith("t") or abs(got.get("Churn", 0) - wanted.get("Churn", 0)) <= alike:
        kinds.discard("Churn")
    return kinds


@long_test
def scripted_leak_is_counted_exactly(build):
    """In both modes of the collector, and with full collections between the snapshots."""
    cases = 0
    for interpreter in interpreters():
        for mode, collect in (("off", False), ("on", False), ("on", True)):
            with Target(interpreter, "scripted_leak.py", "--gc", mode) as target:
                with Attach(build, target.pid, "-j") as attach:
                    for commands, wanted in SCRIPT:
                        for command in commands + (["collect"] if collect else []):
                            check(target.ask(command) == "ok", command)
                        alike = int(target.ask("alike")) if collect else 0
                        document = json.loads(attach.enter())
                        for key, value in wanted.items():
                            got = counts(document, key)
                            check(not differ(got, value, interpreter, alike),
                                  f"{interpreter.name}, gc {mode}, collect {collect}, step "
                                  f"{document['step']}: {key} {got}, not {value}, {alike} alike")
                    cases += 1
    return cases


@test
def attach_ends_with_the_result_at_ctrl_c(build):
    with Target(first_python(), "scripted_leak.py", "--gc", "on") as target:
        with Attach(build, target.pid, "--color", "never") as attach:
            for _ in range(2):
                target.ask("make 50")
                check(attach.enter("identity:"), "no diff")
            out, err, status = attach.interrupt()
    check(status == 0, f"exit {status}: {err}")
    result = out.split("=== result")[1]
    check("PERSISTENT" in result and "__main__.Leak" in result, result)
    check(re.search(r"PERSISTENT.*: [\d,]+ tracked objects, ", result), result)
    check(result.splitlines()[4].split()[:2] == ["__main__.Leak", "50"], result)


@test
def attach_says_when_a_place_did_not_grow(build):
    """It grew since the baseline, so it must not be said that it does not grow."""
    with Target(first_python(), "scripted_leak.py", "--gc", "on") as target:
        with Attach(build, target.pid, "--color", "never") as attach:
            for command in "make 50", "make 50", None:
                if command:
                    target.ask(command)
                check(attach.enter("identity:"), "no diff")
            out, err, status = attach.interrupt()
    check(status == 0, f"exit {status}: {err}")
    result = out.split("=== result")[1]
    check("keeps all, but did not grow in the last diff" in result, result)
    check("both up to the diff before and in the last one" in result, result)


@test
def json_lines_follow_the_contract(build):
    with Target(first_python(), "scripted_leak.py", "--gc", "on") as target:
        out = build.ok("attach", target.pid, "--every", "50ms", "--count", "3", "--format", "json",
                       stdin=subprocess.DEVNULL)
        types = json.loads(build.ok("types", "-p", target.pid, "-j"))
        doctor = json.loads(build.ok("doctor", target.pid, "-j"))
    lines = [json.loads(line) for line in out.splitlines()]
    check([line["step"] for line in lines] == [1, 2, 3], out)
    for line in lines:
        check(list(line)[0] == "schema" and line["schema"] == "reftracker.attach/1", line)
        check({"created", "deleted", "persistent", "pause_ms", "pid"} <= set(line), line)
        for key in ("created", "deleted", "persistent"):
            sizes = [group["size"] for group in line[key]]
            check(sizes == sorted(sizes, reverse=True), f"{key} not sorted by size")
    check(list(types)[0] == "schema" and types["schema"] == "reftracker.types/1", types)
    check(types["objects"] == sum(g["count"] for g in types["types"]), "objects do not add up")
    check(types["bytes"] == sum(g["size"] for g in types["types"]), "bytes do not add up")
    check(doctor["schema"] == "reftracker.doctor/1" and doctor["bytes"] > 0, doctor)
    return 3


def check_metrics(build, target):
    """A collector of another user reads them, as far as the umask lets it."""
    path = f"{target.work}/metrics.prom"
    umask = os.umask(0o022)
    try:
        build.ok("types", target.pid, "--format", "openmetrics", "-o", path)
    finally:
        os.umask(umask)
    check(os.stat(path).st_mode & 0o777 == 0o644, "metrics are for others, too")


@test
def options_filter_sort_and_limit(build):
    with Target(first_python(), "scripted_leak.py", "--gc", "on") as target:
        target.ask("make 10")
        only = build.ok("types", target.pid, "--type", r"^__main__\.", "--format", "csv")
        check(only == 'type,count,size\n"__main__.Leak",10,' + only.rsplit(",", 1)[1], only)
        without = json.loads(build.ok("types", target.pid, "--ignore", r"^builtins\.", "-j"))
        check(not [g for g in without["types"] if g["type"].startswith("builtins.")], "--ignore")
        table = build.ok("types", target.pid, "-n", "3", "--sort", "count")
        rows = [line.split() for line in table.splitlines()[1:4]]
        numbers = [int(row[1].replace(",", "")) for row in rows]
        check(numbers == sorted(numbers, reverse=True), table)
        check("more types (-n 0 shows all)" in table, table)
        names = [line.split()[0] for line in
                 build.ok("types", target.pid, "-n0", "--sort=type").splitlines()[1:-2]]
        check(names == sorted(names), "--sort type")
        path = f"{target.work}/report"
        check(build.ok("types", target.pid, "-o", path) == "", "-o prints")
        with open(path) as file:
            check("builtins.dict" in file.read(), "-o writes nothing")
        check(os.stat(path).st_mode & 0o777 == 0o600, "a report is for its owner only")
        check_metrics(build, target)
        check(build.ok("typ", target.pid, "--col", "always"), "prefixes")
    return 7


@test
def a_report_replaces_the_file_at_once(build):
    """Who reads the file meanwhile has the one or the other whole; a session is read as it grows."""
    with Target(first_python(), "scripted_leak.py", "--gc", "on") as target:
        path = f"{target.work}/report"
        build.ok("types", target.pid, "-o", path)
        with open(path) as before:
            build.ok("types", target.pid, "-n", "1", "-o", path)
            check("more types" in before.read(), "written into the file that was there")
        with open(path) as file:
            whole = file.read()
        build.fails(1, "show", "-q", target.pid, "no.such.Type", "-o", path)
        with open(path) as file:
            check(file.read() == whole, "an error takes the report that was there")
        with open(path) as session:
            build.ok("attach", target.pid, "--every", "100ms", "--count", "1", "-o", path)
            check(os.path.samestat(os.fstat(session.fileno()), os.stat(path)), "not in place")
            check(str(target.pid) in session.read(), "a session writes nothing")
        check(os.listdir(target.work) and not
              [name for name in os.listdir(target.work) if "tmp" in name], os.listdir(target.work))


@test
def doctor_changes_nothing(build):
    with Target(first_python(), "scripted_leak.py", "--gc", "on") as target:
        before = switches(target.pid)
        out = build.ok("doctor", target.pid, "-v")
        # A process that is stopped counts another one when it goes on.
        check(switches(target.pid) == before, "the target was scheduled by doctor")
    for word in ("interpreter", "layout", "permission", "threads", "pause", "PyTypeObject.tp_name"):
        check(word in out, f"no {word} in {out[:500]}")


@test
def demo_names_the_leak_first(build):
    result = subprocess.run([f"{TOP}/scripts/demo"], capture_output=True, text=True, timeout=300)
    check(result.returncode == 0, result.stderr)
    after = result.stdout.split("PERSISTENT", 1)[1].splitlines()
    check(after[2].split()[0] == "__main__.CachedPage", after[:4])


@test
def help_and_version(build):
    check("3.8 to 3.15" in build.ok("--version"), "--version")
    overview = build.ok("--help")
    for command in ("attach", "types", "doctor"):
        check(command in overview, command)
        check("usage: reftracker " + command in build.ok(command, "--help"), command)
        check(build.ok("help", command) == build.ok(command, "-h"), command)
    for command, formats in (("types", "table (default), json, csv or openmetrics"),
                             ("leaks", "table (default), json or csv"),
                             ("info", "table (default) or json")):
        check(formats + "\n" in build.ok(command, "--help"), f"{command}: formats")
    said = build.fails(2, "leaks", "a", "b", "c", "--format", "openmetrics")
    check("table, json or csv" in said, said)
    # What a command does nothing with its help does not offer.
    for option, commands in (("--rows", ("info", "doctor", "stacks", "watch", "export")),
                             ("--type", ("info", "doctor", "stacks", "show", "query")),
                             ("--verbose", ("types", "diff", "stacks", "info"))):
        for command in commands:
            check(option not in build.ok(command, "--help"), f"{command} offers {option}")
    for option, command in (("--rows", "show"), ("--type", "types"), ("--verbose", "doctor")):
        check(option in build.ok(command, "--help"), f"{command} has no {option}")
    check("unknown option" in build.fails(2, "stacks", os.getpid(), "--type", "x"), "stacks --type")
    return 12


@test
def every_document_says_first_what_it_is(build):
    with Target(first_python(), "scripted_leak.py", "--gc", "on") as target:
        files = [os.path.join(target.work, name) for name in "abc"]
        for file in files:
            build.ok("snapshot", target.pid, "-o", file)
        commands = [["types", files[0]], ["diff", *files], ["leaks", *files], ["info", files[0]],
                    ["memory", *files[:2]], ["retained", files[0]],
                    ["retained", files[0], "builtins.dict#1"], ["stacks", target.pid],
                    ["doctor", target.pid], *([name, files[0], "builtins.dict#1"]
                                              for name in ("show", "paths", "referrers"))]
        for command in commands:
            first, value = next(iter(json.loads(build.ok(*command, "-j")).items()))
            check(first == "schema" and value == f"reftracker.{command[0]}/1", (command, first))
    return len(commands)


@test
def wrong_usage_is_status_2(build):
    cases = [["types"], ["attach", "abc"], ["types", "0"], ["types", "-5"], ["nonsense"],
             ["types", "1", "2"], ["types", "1", "--nonsense"], ["types", "1", "-n", "many"],
             ["types", "1", "--format", "xml"], ["attach", "1", "--every", "soon"],
             ["types", "1", "--type", "("], ["types", "1", "--wait-gc"], ["attach", "--", "-x"]]
    for case in cases:
        build.fails(2, *case)
    return len(cases)


@test
def wrong_arguments_are_answered_with_the_usage(build):
    takes = {"diff": "FILE FILE [FILE...]", "leaks": "FILE FILE FILE [FILE...]", "attach": "PID",
             "memory": "PID|FILE [FILE]", "types": "PID|FILE", "info": "FILE",
             "show": "PID|FILE OBJECT", "retained": "PID|FILE [OBJECT]"}
    cases = [["diff", "1"], ["diff"], ["leaks", "a", "b"], ["attach", "1", "2"], ["attach", "file"],
             ["memory", "1", "file"], ["memory", "a", "b", "c"], ["types", "a", "b"], ["types"],
             ["info"], ["info", "a", "b"], ["show", "file"], ["retained", "1", "a", "b"]]
    for case in cases:
        said = build.fails(2, *case).splitlines()
        usage = f"  usage: reftracker {case[0]} [OPTION...] {takes[case[0]]}"
        check(len(said) == 2 and said[1].startswith(usage), said)
    for case in (["diff", "1", "2"], ["leaks", "1", "2", "3"], ["info", "1"]):
        said = build.fails(2, *case)
        check("'1' is a PID, where the FILE of a snapshot is needed" in said, said)
        check("\n  snapshot 1 -o FILE makes one\n" in said, said)
    return len(cases) + 3


@test
def errors_show_names_as_text(build):
    """Whatever the name of a file or type is, it is one line and nothing that a terminal obeys."""
    name = b"/no\x1b[31m\n\xe2\x80\xae\xff\xc2\x9b"
    result = subprocess.run([os.fsencode(build.program("reftracker")), b"types", name],
                            capture_output=True, check=False)
    check(result.stderr == b"reftracker: types: cannot open /no\\x1b[31m\\x0a\\xe2\\x80\\xae\\xff"
          b"\\xc2\\x9b: No such file or directory\n", result.stderr)


def on_a_terminal(build, columns, *args):
    """What the command prints on a terminal that is @columns wide, in lines."""
    pid, terminal = pty.fork()
    if not pid:
        os.environ.update(COLUMNS=str(columns), NO_COLOR="1")
        os.execv(build.program("reftracker"), ["reftracker", *map(str, args)])
    text = b""
    with contextlib.suppress(OSError):  # EIO: it has ended
        while part := os.read(terminal, 65536):
            text += part
    os.close(terminal)
    check(os.waitpid(pid, 0)[1] == 0, text)
    return text.decode().splitlines()


@test
def tables_fit_the_terminal(build):
    """A long name goes on below itself; in a pipe it is in one line. A very long one is cut."""
    with Target(first_python(), "long_name.py") as target:
        lines = on_a_terminal(build, 80, "types", target.pid, "--type", "Page")
        piped = build.ok("types", target.pid, "--type", "Page").splitlines()
    table = lines[:lines.index("")]
    check(all(len(line) <= 80 for line in table) and len(table) > 6, lines)
    name, numbers = re.fullmatch(r"(.*?)\s+(7 .* %)", table[1]).groups()
    whole = "".join([name, *table[2:]] + [numbers])
    check(whole.replace(" ", "") == piped[1].replace(" ", ""), (whole, piped))
    check(len(piped[1].split(" 7 ")[0].rstrip()) == 400 and "…" in piped[1], piped)
    return 3


@test
def tables_fit_a_narrow_terminal(build):
    """Columns of words are left with less than they should have; then some of numbers go."""
    left = ["RETAINED", "SHARE", "OWN", "ADDRESS", "TYPE", "PATH"]
    with Target(first_python(), "scripted_leak.py", "--gc", "on") as target:
        for width, without in ((72, []), (60, ["SHARE"]), (50, ["SHARE", "OWN"])):
            lines = on_a_terminal(build, width, "retained", target.pid, "-q", "-n", "5")
            table = lines[:lines.index("")]
            check(table[0].split() == [title for title in left if title not in without], table)
            check(all(len(line) <= width for line in table), table)
    return 3


@test
def of_two_formats_none_is_chosen(build):
    """Options that contradict each other are an error, in whatever order they stand."""
    for case in (["-j", "--format", "csv"], ["--format=table", "-j"]):
        said = build.fails(2, "types", os.getpid(), *case)
        wanted = f"reftracker: types: -j or --format {case[-1] if case[-1] != '-j' else 'table'}"
        check(said == f"{wanted}, but not both\n", said)
    with Target(first_python(), "scripted_leak.py", "--gc", "on") as target:
        check(json.loads(build.ok("types", target.pid, "-j", "--format", "json")), "both are one")
    return 3


@test
def an_unknown_option_is_answered_with_where_they_are(build):
    for case in (["types", "1", "--nonsense"], ["diff", "-Z"], ["stacks", "--max-pause"]):
        said = build.fails(2, *case).splitlines()
        check(said[1:] == [f"  reftracker {case[0]} --help lists the options"], said)
    return 3


@test
def what_is_ambiguous_is_answered_with_what_it_may_be(build):
    for case, may_be in ((["re", "1"], "command 're': referrers, retained"),
                         (["d", "1"], "command 'd': diff, describe, doctor"),
                         (["types", "--co", "1"], "option '--co': --core, --color")):
        said = build.fails(2, *case).splitlines()[0]
        check(said.endswith(f"ambiguous {may_be}"), said)
    return 3


@test
def class_with_a_very_long_name_is_counted(build):
    """It is shown cut; it once was taken for damage, and nothing of the process could be seen."""
    with Target(first_python(), "long_name.py") as target:
        types = json.loads(build.ok("types", target.pid, "-j"))["types"]
    found = [group for group in types if group["type"].startswith("__main__.Page[argument, ")]
    check(len(found) == 1 and found[0]["count"] == 7 and found[0]["type"].endswith("..."), found)
    return 1
