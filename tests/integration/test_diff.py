"""diff: what came, went and persists between snapshots of programs that know what they did."""
import csv
import io
import json
import os
import re

from harness import Target, check, first_python, interpreters, test
from test_query import cookbook

LEAK, TEMP, CHURN = "__main__.Leak", "__main__.Temp", "__main__.Churn"


def take(build, target, name):
    path = os.path.join(target.work, name)
    build.ok("snapshot", target.pid, "-o", path)
    return path


def leak_and_churn(build, target):
    """Three snapshots: 10 leaked before, 20 and 30 between them; 50 others replaced each time."""
    files = []
    for number, leaked in enumerate((10, 20, 30)):
        target.ask(f"make {leaked}")
        target.ask("churn 50")
        target.ask(f"temp {number}")
        files.append(take(build, target, f"{number}.snapshot"))
    return files


def counts(groups):
    return {group["type"]: group["count"] for group in groups}


@test
def diff_tells_what_the_program_did(build):
    """On each kind of interpreter, with collections between and without."""
    cases = 0
    for interpreter in interpreters():
        for gc in ("on", "off"):
            with Target(interpreter, "scripted_leak.py", "--gc", gc) as target:
                files = leak_and_churn(build, target)
                document = json.loads(build.ok("diff", *files, "-j"))
                what = f"{interpreter.name}, gc {gc}: "
                created, deleted, persistent = (
                    counts(document[key]) for key in ("created", "deleted", "persistent"))
                check(created[LEAK] == 30 and created[TEMP] == 2, what + f"created {created}")
                check(LEAK not in deleted, what + f"deleted {deleted}")
                check(persistent[LEAK] == 20, what + f"persistent {persistent}")
                check(persistent[TEMP] == 1, what + f"persistent {persistent}")
                check(created.get(CHURN, 0) == deleted.get(CHURN, 0), what + f"{created} {deleted}")
                # Without the GIL there is no order of age: who takes all the places of others of
                # its like may be taken for them.
                check(CHURN in created or interpreter.version.endswith("t"), what + f"{created}")
                grown = {group["type"]: group for group in document["grown"]}
                check(grown[LEAK]["growth"] == [10, 30, 60] and grown[LEAK]["count"] == 50,
                      what + f"grown {grown}")
                check(CHURN not in grown, what + f"grown {grown}")
                sizes = [group["size"] for group in document["persistent"]]
                check(sizes == sorted(sizes, reverse=True), what + f"sizes {sizes}")
                check(all(0 <= group["certain"] <= group["count"]
                          for group in document["persistent"]), what + "certain")
                cases += 1
    return cases


@test
def diff_of_two_has_no_persistent(build):
    with Target(first_python(), "scripted_leak.py", "--gc", "on") as target:
        files = leak_and_churn(build, target)
        document = json.loads(build.ok("diff", *files[:2], "-j"))
        check(list(document)[0] == "schema" and document["schema"] == "reftracker.diff/1", "schema")
        check(document["persistent"] == [] and counts(document["created"])[LEAK] == 20, document)
        check([s["file"] for s in document["snapshots"]] == files[:2], document["snapshots"])
        for file, said in zip(files, document["snapshots"]):
            info = json.loads(build.ok("info", file, "-j"))
            check(said["objects"] == info["objects"] and said["pid"] == target.pid,
                  f"{said} {info}")
        same = json.loads(build.ok("diff", "--force", files[0], files[0], files[0], "-j"))
        check(same["created"] == same["deleted"] == same["persistent"] == same["grown"] == [], same)
        text = build.ok("diff", *files[:2])
        check("PERSISTENT" not in text and "created" in text and LEAK in text, text)
    return 5


@test
def diff_shows_what_is_wanted(build):
    """Filters, groups and formats."""
    with Target(first_python(), "scripted_leak.py", "--gc", "on") as target:
        files = leak_and_churn(build, target)
        ignore = os.path.join(target.work, "ignore")
        with open(ignore, "w") as file:
            file.write("# not ours\n\n  ^builtins\\.  \n(Churn|Temp)$ # these come and go\r\n")
        document = json.loads(build.ok("diff", *files, "-j", "--ignore-file", ignore,
                                       "--ignore", "^_io"))
        check(counts(document["persistent"]) == {LEAK: 20}, document["persistent"])
        document = json.loads(build.ok("diff", *files, "-j", "--type", "^__main__"))
        check(set(counts(document["created"])) == {LEAK, TEMP, CHURN}, document["created"])
        document = json.loads(build.ok("diff", *files, "-j", "--by", "module",
                                       "--type", "^__main__.(Leak|Temp)"))
        check(counts(document["created"]) == {"__main__": 32}, document["created"])
        check(document["grown"][0]["growth"] == [10, 31, 63], document["grown"])
        rows = list(csv.DictReader(io.StringIO(build.ok("diff", *files, "--format", "csv"))))
        leaks = {row["change"]: row["count"] for row in rows if row["type"] == LEAK}
        check(leaks == {"created": "30", "persistent": "20", "grown": "50"}, leaks)
        growth = {row["change"]: row["growth"] for row in rows if row["type"] == LEAK}
        check(growth == {"created": "", "persistent": "", "grown": "10 30 60"}, growth)
        text = build.ok("diff", *files, "--type", "Leak", "--by", "type")
        check("PERSISTENT" in text and "10 → 30 → 60" in text, text)
        text = build.ok("diff", *files, "--by", "module")
        check("MODULE" in text and "TYPE" not in text, text)
        with open(ignore, "w") as file:
            file.write("ok\n(\n")
        check("line 2" in build.fails(2, "diff", *files, "--ignore-file", ignore), "which line")
        build.fails(1, "diff", *files, "--ignore-file", ignore + ".none")
    return 8


@test
def diff_gates(build):
    """Exit status 10 with the whole report where the condition holds, and 0 where not."""
    cases = 0
    with Target(first_python(), "scripted_leak.py", "--gc", "on") as target:
        files = leak_and_churn(build, target)
        for condition, trips in (("persistent>19", True), ("persistent > 20", False),
                                 ("persistent>=20", True), ("persistent==20", True),
                                 ("created<31", True), ("created<30", False),
                                 ("deleted<=0", True), ("deleted>0", False),
                                 ("objects>49", True), ("objects>50", False),
                                 ("bytes>0", True), ("bytes<-1", False),
                                 ("grown>=1", True), ("grown>1", False)):
            result = build.run("diff", *files, "-j", "--type", "Leak$", "--fail-if", condition)
            check(result.returncode == (10 if trips else 0),
                  f"{condition}: exit {result.returncode}, {result.stderr}")
            check(counts(json.loads(result.stdout)["persistent"]) == {LEAK: 20}, condition)
            check(len(result.stderr.splitlines()) == trips, result.stderr)
            cases += 1
        for condition in ("", "persistent", "persistent>", "persistent>x", "nothing>1", "created=1",
                          "created>1k", ">1", "created>99999999999999999999"):
            build.fails(2, "diff", *files, "--fail-if", condition)
            cases += 1
        build.fails(2, "diff", *files[:2], "--fail-if", "persistent>1")
    return cases + 1


@test
def diff_refuses_what_cannot_be_compared(build):
    python = first_python()
    with Target(python, "scripted_leak.py", "--gc", "on") as one, \
            Target(python, "scripted_leak.py", "--gc", "on") as two:
        first, later, other = take(build, one, "a"), take(build, one, "b"), take(build, two, "a")
        check("another process" in build.fails(1, "diff", first, other), "which process")
        build.ok("diff", first, other, "--force")
        result = build.run("diff", later, first)
        check(result.returncode == 0 and "older" in result.stderr, result.stderr)
        check(not build.run("diff", later, first, "-q").stderr, "-q")
        check(not build.run("diff", first, later).stderr, "a warning without reason")
        build.fails(2, "diff", first)
        build.fails(2, "diff")
        with open(first, "r+b") as file:
            file.truncate(1000)
        build.fails(7, "diff", first, later)
    return 8


SAMPLE = re.compile(r'([a-z_]+)\{((?:[a-z]+="(?:[^"\\\n]|\\["\\n])*",?)+)\} (-?[0-9]+(?:\.[0-9]{9})?)')


def samples(text):
    """{(family, labels): value} of a well-formed document: families whole, no sample twice."""
    lines, found, family, seen = text.splitlines(), {}, None, set()
    check(lines[-1] == "# EOF" and text.endswith("\n"), "the end is missing")
    for line in lines[:-1]:
        if line.startswith("# HELP "):
            family = line.split()[2]
            check(family not in seen, f"{family} begins twice")
            seen.add(family)
        elif line.startswith("# TYPE "):
            check(line == f"# TYPE {family} gauge", line)
        else:
            match = SAMPLE.fullmatch(line)
            check(match and match[1] == family, f"no sample of {family}: {line}")
            check((family, match[2]) not in found, f"twice: {line}")
            found[family, match[2]] = float(match[3]) if "." in match[3] else int(match[3])
    return found


@test
def openmetrics_say_what_json_says(build):
    with Target(first_python(), "scripted_leak.py", "--gc", "on") as target:
        files = leak_and_churn(build, target)
        pid = f'pid="{target.pid}"'
        document = json.loads(build.ok("types", files[2], "-j"))
        wanted = {(f"reftracker_type_{what}", f'{pid},type="{group["type"]}"'): group[key]
                  for group in document["types"]
                  for what, key in (("objects", "count"), ("bytes", "size"))}
        got = samples(build.ok("types", files[2], "--format", "openmetrics", "-n", "0"))
        pause = got.pop(("reftracker_pause_seconds", pid))
        check(abs(1000 * pause - document["pause_ms"]) < 0.001, f"{pause} s")
        check(got == wanted, f"{set(got.items()) ^ set(wanted.items())}")
        few = samples(build.ok("types", files[2], "--format", "openmetrics", "-n", "3"))
        check(few.pop(("reftracker_pause_seconds", pid)) == pause, few)
        check(len(few) == 8 and sum(few.values()) == sum(wanted.values()), few)
        check(("reftracker_type_bytes", pid + ',type="(other)"') in few, few)
        document = json.loads(build.ok("diff", *files, "-j"))
        wanted = {("reftracker_diff_" + what, f'{pid},change="{change}",type="{group["type"]}"'):
                  group[key] for change in ("created", "deleted", "persistent", "grown")
                  for group in document[change]
                  for what, key in (("objects", "count"), ("bytes", "size"))}
        got = samples(build.ok("diff", *files, "--format", "openmetrics", "-n", "0"))
        check(got.pop(("reftracker_objects", pid)) == document["snapshots"][2]["objects"], "all")
        check(got.pop(("reftracker_bytes", pid)) == document["snapshots"][2]["bytes"], "bytes")
        check(got.pop(("reftracker_time_seconds", pid)) == int(document["snapshots"][2]["time"]),
              "time")
        check(got == wanted, f"{set(got.items()) ^ set(wanted.items())}")
        few = samples(build.ok("diff", *files, "--format", "openmetrics", "-n", "1"))
        check(len(few) <= 2 * 4 * 2 + 3, few)
        build.fails(2, "leaks", *files, "--format", "openmetrics")
    return 8


@test
def cookbook_of_several_snapshots_agrees(build):
    """The recipes of the man page that compare find what the program did and what diff says."""
    with Target(first_python(), "scripted_leak.py", "--gc", "on") as target:
        files = leak_and_churn(build, target)
        three = json.loads(build.ok("diff", *files, "-j"))
        two = json.loads(build.ok("diff", *files[:2], "-j"))
        cases = 0
        for snapshots, sql in cookbook():
            if snapshots == 1:
                continue
            rows = json.loads(build.ok("query", *files[:snapshots], sql, "-j", "-n", "0"))["rows"]
            found = {row[0]: row[1:] for row in rows}
            if snapshots == 3:
                group = [g for g in three["persistent"] if g["type"] == LEAK][0]
                check(found[LEAK] == [20, group["size"], group["certain"]], f"{found} {group}")
            elif "earlier" in sql:
                group = [g for g in two["created"] if g["type"] == LEAK][0]
                check(found[LEAK] == [20, group["size"]], f"{found} {group}")
            else:
                check(found[LEAK][0] == 20 and CHURN not in {row[0] for row in rows if row[1]},
                      found)
            cases += 1
    check(cases == 3, f"{cases} recipes")
    return cases


@test
def items_of_a_list_that_is_replaced_persist(build):
    """A list made anew with most of its items: a full collection moves these behind it."""
    cases = 0
    for interpreter in interpreters():
        with Target(interpreter, "replaced_list.py") as target:
            files = []
            for number in range(4):
                target.ask("more")
                files.append(take(build, target, f"{number}.snapshot"))
            document = json.loads(build.ok("diff", *files, "-j", "--type", "^__main__.Session$"))
        kept = {key: sum(group["count"] for group in document[key])
                for key in ("created", "deleted", "persistent")}
        check(kept == {"created": 100, "deleted": 0, "persistent": 100}, f"{interpreter.name}: {kept}")
        cases += 1
    return cases
