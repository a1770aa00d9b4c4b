"""Names come from the process, and may be anything. Whatever is printed of them is text: nothing that a
terminal obeys, turns a line round or breaks it, and each format can be read as what it is."""
import csv
import io
import json
import os
import re
import subprocess
import tempfile

from harness import Target, check, first_python, test

# Controls but for the newline, and what is between two lines or changes their direction.
NEVER = re.compile("[\0-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
ARGUMENT = b"argument\x1b[31m\n\xff\xe2\x80\xae"
OBJECTS = ["builtins.list", "/LEAK|lone|semi/", "/./#3"]
SQL = ("SELECT o.type AS \"ty\x1b\u202epe\", hex_address(o.address), r.name, r.kind FROM objects o "
       "JOIN refs r ON r.source = o.address WHERE o.type LIKE 'mod%' OR r.name LIKE '%lo%'")


def run(build, *args, but=""):
    """What was printed, in which @but may be all the same; bytes that are no UTF-8 are an error."""
    result = subprocess.run([build.program("reftracker"), *map(str, args)], capture_output=True,
                            timeout=300, check=False)
    texts = [text.decode() for text in (result.stdout, result.stderr)]
    for text in texts:
        found = NEVER.search(text.replace(but, " ") if but else text)
        check(not found, f"{args}: {found and text[max(found.start() - 40, 0):found.end() + 20]!r}")
    check(result.returncode == 0, f"{args}: {result.returncode}: {texts[1]}")
    return texts[0]


def check_json(text, args):
    """Each document says what it is, and no key comes twice."""
    def unique(pairs):
        keys = [key for key, _ in pairs]
        check(len(keys) == len(set(keys)), f"{args}: {keys}")
        return dict(pairs)

    documents = [text] if text.startswith("{\n") or "query" in args else text.splitlines()
    for document in documents:
        value = json.loads(document, object_pairs_hook=unique)
        check(list(value)[0] == "schema", args)
    check(documents, args)


def check_csv(text, args):
    """All rows have as many fields as the first, and none has a newline in it."""
    rows = list(csv.reader(io.StringIO(text), strict=True))
    check(len(rows) == text.count("\n") and len({len(row) for row in rows}) == 1, args)
    check(len(rows) > 1 and len(rows[0]) > 1, args)


def check_table(text, args):
    check(text.endswith("\n") and "\\x5c" not in text, args)


FORMATS = {"table": check_table, "json": check_json, "csv": check_csv}


def formats_of(build, command):
    text = build.ok(command, "--help")
    return [name for name in FORMATS if re.search(rf"--format FMT .*\b{name}\b", text)]


def commands(pid, files):
    """Those with a table, on a live process and on snapshots."""
    for source in (pid, files[-1]):
        yield "types", source, "-n", 0
        yield "memory", source
        for by in ("object", "type", "module", "thread", "task"):
            yield "retained", source, "--by", by, "-n", 200
        for name in OBJECTS:
            yield "show", source, name
            yield "referrers", source, name, "--depth", 4
            yield "paths", source, name
        yield "query", source, SQL, "-n", 0
        yield "query", source, "SELECT * FROM frames", "-n", 0
        yield "query", source, "SELECT * FROM roots WHERE kind = 'module'", "-n", 0
        yield "query", source, "SELECT * FROM info", "-n", 0
    yield "stacks", pid
    yield "stacks", pid, "--native"
    yield "doctor", pid
    yield "doctor", pid, "-v"
    yield "info", files[-1]
    yield "memory", files[0], files[-1]
    for by in ("type", "module"):
        yield "diff", *files, "--by", by, "-n", 0
    yield "leaks", *files, "-n", 0
    yield "attach", pid, "--every", "10ms", "--count", 2


def series(build, target, folder):
    files = [f"{folder}/{number}\x1b\u202e.rts" for number in range(3)]
    for file in files:
        check(target.ask("more") == "ok", "no answer")
        build.ok("snapshot", target.pid, "-o", file, "--values")
    return files


@test
def foreign_text_is_text_in_all_reports(build):
    cases = 0
    with Target(first_python(), "foreign_text.py", os.fsdecode(ARGUMENT)) as target, \
            tempfile.TemporaryDirectory() as folder:
        for command in commands(target.pid, series(build, target, folder)):
            for form in formats_of(build, command[0]):
                args = (*command, "--format", form)
                FORMATS[form](run(build, *args), args)
                cases += 1
        types = json.loads(build.ok("types", target.pid, "-j"))["types"]
        check("mod.line\nfeed.line\nfeed\r" in {group["type"] for group in types}, types)
    return cases


@test
def foreign_text_is_text_in_exports(build):
    with Target(first_python(), "foreign_text.py", os.fsdecode(ARGUMENT)) as target, \
            tempfile.TemporaryDirectory() as folder:
        files = series(build, target, folder)
        for line in run(build, "export", files[-1], "--format", "json", "-o", "-").splitlines():
            json.loads(line)
        json.loads(run(build, "export", files[-1], "--format", "heapsnapshot", "-o", "-"))
        run(build, "export", *files, "--format", "html", "-o", "-", but="\t")
        run(build, "export", files[-1], "--format", "dot", "--object", "/LEAK|lone|semi/", "-o", "-",
            but="\t")
        for command in ("types", "diff"):
            text = run(build, command, *files[-1 if command == "types" else 0:], "--format",
                       "openmetrics", "-n", 0)
            check(text.endswith("# EOF\n"), text[-40:])
    return 6
