"""SQL over snapshots, and the cookbook of the man page, query by query."""
import csv
import io
import json
import os
import pty
import re
import subprocess

from harness import TOP, Skip, Target, check, first_python, test

TYPE = "__main__.Churn"


def cookbook():
    """[(how many snapshots, SQL)] as the man page prints them, in its order."""
    with open(f"{TOP}/man/reftracker.1") as file:
        section = file.read().split(".Ss Cookbook\n")[1].split(".Sh ")[0]
    recipes = re.findall(r"\.Bd -literal -offset indent\n(.*?)\.Ed", section, re.S)
    for sql in recipes:
        check(not re.search(r"^[.']|\\", sql, re.M), f"roff would read this: {sql}")
        sql = sql.replace("app.Session", TYPE)
        yield 3 if "c." in sql and "c.objects" in sql else 2 if "b." in sql else 1, sql


def rows_of(build, sources, sql):
    document = json.loads(build.ok("query", *sources, sql, "-j"))
    check(list(document)[0] == "schema" and document["schema"] == "reftracker.query/1", document)
    return document["rows"]


# What each recipe must say of a target with 300 objects of TYPE in a list, by a word in it.
def check_recipe(sql, rows):
    by_first = {row[0]: row for row in rows}
    if "retained" in sql and "frames" not in sql:
        check(rows == sorted(rows, key=lambda row: -row[2]), rows)
        check(rows[0][2] > rows[-1][2] > 0, rows)
    elif "ORDER BY size" in sql:
        check(all(re.fullmatch("0x[0-9a-f]+", row[0]) for row in rows), rows)
        check(rows == sorted(rows, key=lambda row: -row[2]), rows)
    elif "referents" in sql:
        check("builtins.list" in {row[1] for row in rows if row[2] >= 300}, rows)
    elif "AS package" in sql:
        check(by_first["__main__"][1] >= 300 and by_first["builtins"][1] > 1000, rows)
    elif "s.type" in sql:
        check(by_first["builtins.list"][3] == 300, rows)
    elif "RECURSIVE" in sql:
        check(rows[0][0] == 0 and rows[0][2] == TYPE, rows)
        check(rows[1][0] == 1 and rows[1][2] == "builtins.list", rows)
        check({row[0] for row in rows} == {0, 1, 2, 3}, rows)
    elif "frames" in sql:
        check({"main", "<module>"} <= set(by_first), rows)
        check(any(row[2] == "options" and row[3] == "builtins.dict" for row in rows), rows)
    elif "unexplained" in sql:
        check(all(row[1] > 0 and row[2] >= row[1] for row in rows), rows)
    elif "GROUP BY type ORDER BY 3" in sql:
        check(rows == sorted(rows, key=lambda row: -row[2]) and len(rows) == 20, rows)
    else:
        return False
    return True


@test
def cookbook_queries_answer(build):
    cases = 0
    with Target(first_python(), "scripted_leak.py", "--gc", "on") as target:
        target.ask("churn 300")
        for snapshots, sql in cookbook():
            rows = rows_of(build, [target.pid] * snapshots, sql)
            if snapshots == 1:
                check(check_recipe(sql, rows), f"nothing is checked of {sql}")
            cases += 1
    check(cases >= 10, f"{cases} recipes")
    return cases


@test
def tables_agree_with_each_other(build):
    with Target(first_python(), "scripted_leak.py", "--gc", "on") as target:
        target.ask("make 100")
        one = rows_of(build, [target.pid], """
            SELECT (SELECT count(*) FROM objects), (SELECT sum(count) FROM types),
                   (SELECT count(*) FROM refs), (SELECT sum(referents) FROM objects),
                   (SELECT sum(referrers) FROM objects), (SELECT sum(size) FROM objects),
                   (SELECT sum(size) FROM types),
                   (SELECT count(*) FROM objects WHERE tracked AND generation IS NULL),
                   (SELECT count(*) FROM refs r LEFT JOIN objects o ON o.address = r.target
                    WHERE o.address IS NULL),
                   (SELECT count(*) FROM types t WHERE count <>
                    (SELECT count(*) FROM objects o WHERE o.type = t.type)),
                   (SELECT count(*) FROM objects WHERE retained < size),
                   (SELECT value FROM info WHERE key = 'pid')""")[0]
    check(one[0] == one[1] and one[2] == one[3] == one[4] and one[5] == one[6], one)
    check(one[7:11] == [0, 0, 0, 0] and one[11] == str(target.pid), one)
    return 7


@test
def query_formats_and_input(build):
    with Target(first_python(), "scripted_leak.py", "--gc", "on") as target:
        pid = target.pid
        table = build.ok("query", pid, "SELECT 1 AS one, 'a\nb' AS two UNION ALL SELECT 22, NULL")
        check(table.splitlines() == ["one two", "  1 a\\x0ab", " 22 "], repr(table))
        out = build.ok("query", pid, "SELECT 'say \"x\"', NULL, 1.5", "--format", "csv")
        check(list(csv.reader(io.StringIO(out)))[1] == ['say "x"', "", "1.5"], out)
        many = build.ok("query", pid, "-n", "2", "SELECT type FROM types")
        check(len(many.splitlines()) == 4 and "more rows (-n 0 shows all)" in many, many)
        out = build.ok("query", pid, "--format", "csv", input="SELECT 1;\nSELECT 2 AS b -- end\n")
        check(out == '"1"\n1\n"b"\n2\n', out)
        check("CREATE TABLE objects(address INTEGER" in build.ok("query", pid, ".schema"), "schema")
        check("a.objects" in build.ok("query", pid, pid, ".tables"), ".tables")
        check("b.objects" in build.ok("query", pid, pid, ".tables"), ".tables")
        check(build.ok("query", pid, "SELECT 1 WHERE 0") == "no rows\n", "no rows")
        # No statement is none, whatever is in the memory that a line would have got.
        environment = dict(os.environ, MALLOC_PERTURB_="165")
        check(build.ok("query", pid, input="", env=environment) == "", "an empty input")
        build.fails(1, "query", "-q", pid, "SELECT nonsense FROM objects")
        build.fails(1, "query", "-q", pid, "DELETE FROM objects")
        build.fails(1, "query", "-q", pid, "ATTACH '/tmp/x' AS x")
        build.fails(2, "query", pid, "SELECT 1", "--format", "openmetrics")
        for beyond in ("0", str(2**32 + target.pid), str(2**64)):
            error = build.fails(2, "query", pid, beyond, "SELECT 1")
            check("is not a process id" in error, error)
    build.fails(2, "query")
    build.fails(2, "query", "SELECT 1 ")
    check("cannot open" in build.fails(1, "query", "/nonexistent", "SELECT 1"), "no file")
    return 17


@test
def query_prompts_on_a_terminal(build):
    try:
        terminal, slave = pty.openpty()
    except OSError as error:
        raise Skip(f"no pseudo terminals here ({error})") from error
    with Target(first_python(), "scripted_leak.py", "--gc", "on") as target:
        process = subprocess.Popen([build.program("reftracker"), "query", str(target.pid)],
                                   stdin=slave, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True)
        os.close(slave)
        os.write(terminal, b"SELECT 'x' ||\n'y' AS z;\nSELECT nonsense;\n.tables\n.quit\n")
        out, err = process.communicate(timeout=60)
        os.close(terminal)
    check(process.returncode == 0, f"exit {process.returncode}: {err}")
    check(out.split() == ["z", "xy", "table", "a.frames", "a.info", "a.objects", "a.refs",
                          "a.roots", "a.types"], out)
    check("no such column: nonsense" in err, err)
    return 3
