"""Exports of real processes: what each reader of a format demands, and that it says the truth."""
import base64
import hashlib
import json
import os
import re
import subprocess
import tempfile

from harness import Target, check, first_python, interpreters, test


def verify(path):
    """What DevTools and memlab rely on and do not check: see src/report/export_heapsnapshot.c."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    keys = re.findall(r'^\]?,?\{?"([a-z_]+)":', text, re.M)
    order = [key for key in keys if key in ("snapshot", "nodes", "edges", "trace_function_infos",
                                            "trace_tree", "samples", "locations", "strings")]
    check(order == ["snapshot", "nodes", "edges", "trace_function_infos", "trace_tree", "samples",
                    "locations", "strings"], f"{path}: keys are {order}")
    check('" :' not in text[:text.index('"strings"')], f"{path}: a space before a colon")
    data = json.loads(text)
    about, nodes, edges = data["snapshot"], data["nodes"], data["edges"]
    strings = len(data["strings"])
    fields = len(about["meta"]["node_fields"])
    check(len(nodes) == about["node_count"] * fields and len(edges) == about["edge_count"] * 3,
          f"{path}: counts")
    check(all(isinstance(n, int) and 0 <= n < 2**32 for n in nodes + edges), f"{path}: a number")
    ids = nodes[2::fields]
    check(len(set(ids)) == len(ids) and all(n % 2 for n in ids) and ids[0] == 1, f"{path}: ids")
    check(all(n < strings for n in nodes[1::fields]), f"{path}: a name is no string")
    check(sum(nodes[4::fields]) == about["edge_count"], f"{path}: edges of nodes")
    weak = about["meta"]["edge_types"][0].index("weak")
    element = about["meta"]["edge_types"][0].index("element")
    reached = {0}
    starts = [0]
    for count in nodes[4::fields]:
        starts.append(starts[-1] + count)
    todo = [0]
    while todo:
        node = todo.pop()
        for edge in range(starts[node], starts[node + 1]):
            kind, name, to = edges[3 * edge:3 * edge + 3]
            check(to % fields == 0 and to < len(nodes), f"{path}: a target")
            check(kind == element or name < strings, f"{path}: the name of an edge")
            if kind != weak and to // fields not in reached:
                reached.add(to // fields)
                todo.append(to // fields)
    check(len(reached) == about["node_count"], f"{path}: some nodes cannot be reached")
    return data


def rows_of(data, name):
    """{id: self size} of the nodes called @name."""
    number = data["strings"].index(name)
    nodes = data["nodes"]
    return {nodes[i + 2]: nodes[i + 3] for i in range(0, len(nodes), 7) if nodes[i + 1] == number}


@test
def heapsnapshots_are_as_devtools_wants_them(build):
    """Of some interpreters; and the same objects and references as the JSON of the snapshot."""
    cases = 0
    for interpreter in interpreters()[::4]:
        with tempfile.TemporaryDirectory() as folder:
            snapshot, out = f"{folder}/one", f"{folder}/one.heapsnapshot"
            with Target(interpreter, "scripted_leak.py", "--gc", "off") as target:
                target.ask("make 100")
                build.ok("snapshot", target.pid, "-o", snapshot)
            build.ok("export", snapshot, "-o", out)
            data = verify(out)
            lines = build.ok("export", snapshot, "--format", "json", "-o", "-").splitlines()
            rows = [json.loads(line) for line in lines]
            head = rows[0]
            objects = [row for row in rows if "object" in row]
            check(head["objects"] == len(objects), f"{interpreter.name}: {head}")
            check(head["references"] == sum("reference" in row for row in rows), "references")
            check(head["roots"] == sum("root" in row for row in rows), "roots")
            check(sum(max(row["size"], 1) for row in objects) == sum(data["nodes"][3::7]),
                  f"{interpreter.name}: bytes differ")
            check(os.stat(out).st_mode & 0o777 == 0o600, "others may read it")
            cases += 1
    return cases


def series(build, folder, count, leaked=200):
    """Snapshots between which a target leaks."""
    with Target(first_python(), "scripted_leak.py", "--gc", "off") as target:
        for i in range(count):
            build.ok("snapshot", target.pid, "-o", f"{folder}/{i}.rts")
            target.ask(f"make {leaked}")
    return [f"{folder}/{i}.rts" for i in range(count)]


@test
def an_object_keeps_its_number_over_a_series(build):
    with tempfile.TemporaryDirectory() as folder:
        files = series(build, folder, 3)
        build.ok("export", *files, "-o", f"{folder}/out")
        names = sorted(os.listdir(f"{folder}/out"))
        check(names == ["1-0.heapsnapshot", "2-1.heapsnapshot", "3-2.heapsnapshot"], names)
        all_ids = [set(verify(f"{folder}/out/{name}")["nodes"][2::7]) for name in names]
        for before, after in zip(all_ids, all_ids[1:]):
            same, new = before & after, after - before
            check(len(same) > 0.98 * len(before), f"{len(before) - len(same)} were renumbered")
            check(len(new) >= 200 and min(new) > max(before), "numbers of new objects are not new")
    return 1


@test
def a_series_is_of_one_process_in_the_order_of_time(build):
    """Whatever takes one says so alike, and nothing is written."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as second:
        files, others = series(build, folder, 3), series(build, second, 1)
        for command in (["leaks"], ["export", "-o", f"{folder}/out"],
                        ["export", "--format", "html", "-o", f"{folder}/out"],
                        ["export", "--format", "dot", "-o", f"{folder}/out"]):
            said = build.fails(1, *command, *files[:2], *others)
            check(f"{others[0]} is of another process than {files[0]}" in said, said)
            said = build.fails(2, *command, files[0], files[2], files[1])
            check(f"{files[1]} is older than {files[2]}, the file before it" in said, said)
            check(not os.path.exists(f"{folder}/out"), f"{command}: it is written")
        said = build.run("diff", files[1], files[0]).stderr
        check(f"{files[0]} is older than {files[1]}, the file before it" in said, said)
    return 9


@test
def the_html_report_is_one_file_that_trusts_nothing(build):
    """Its policy has the hashes of its own script and style, its data are what leaks says."""
    with tempfile.TemporaryDirectory() as folder:
        files = series(build, folder, 4)
        build.ok("export", *files, "--format", "html", "-o", f"{folder}/report.html")
        leaks = json.loads(build.ok("leaks", *files, "-j"))
        drawing = build.ok("export", *files, "--format", "dot", "-o", "-")
        build.fails(2, "export", *files[:2], "--format", "dot", "-o", "-")
        build.fails(2, "export", files[0], files[0], files[0], "--format", "dot", "-o", "-")
        build.fails(1, "export", *series(build, folder, 3, 0), "--format", "dot", "-o", "-")
        with open(f"{folder}/report.html", encoding="utf-8") as file:
            text = file.read()
    check("__main__.Leak" in drawing and "module __main__" in drawing and "more)" in drawing,
          drawing)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
    check(policy.startswith("default-src 'none'; script-src 'sha256-"), policy)
    for tag in ("script", "style"):
        body = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.S)
        check(len(body) == 1, f"{len(body)} of {tag}")
        digest = base64.b64encode(hashlib.sha256(body[0].encode()).digest()).decode()
        check(f"{tag}-src 'sha256-{digest}'" in policy, f"the hash of the {tag} is another one")
    check(not re.search(r'(?:src|href)="(?!#|data:,)', text), "it loads something")
    check(text.count("://") == text.count("http://www.w3.org/2000/svg"), "it knows a place")
    data = json.loads(re.search(r'id="data">(.*?)</script>', text, re.S)[1])
    check(len(data["snapshots"]) == 4 and data["snapshots"][3]["name"] == "3.rts", data["snapshots"])
    check(data["leaks"]["groups"] == leaks["groups"], "other suspects than those of leaks")
    check(data["leaks"]["larger"] == leaks["larger"], "other buffers than those of leaks")
    check(data["leaks"]["replaced"] == leaks["replaced"], "other places than those of leaks")
    check(len(leaks["groups"]) >= 1, "no suspect where something leaks")
    top = [node for node in data["tree"] if node[0] < 0]
    check(sum(node[5] for node in top) == data["total"] == data["snapshots"][3]["bytes"],
          "the tree does not add up")
    check(len(text) < 600000, f"{len(text)} bytes")
    return 1


@test
def a_drawing_leads_from_the_object_to_its_holder(build):
    with Target(first_python(), "scripted_leak.py", "--gc", "off") as target:
        target.ask("make 20")
        rows = [json.loads(line) for line in build.ok(
            "export", target.pid, "--format", "json", "-o", "-").splitlines()]
        name = next(row["type"] for row in rows if row.get("type", "").startswith("__main__."))
        text = build.ok("export", target.pid, "--format", "dot", "--object", f"{name}#1",
                        "-o", "-")
        check(text.startswith("digraph heap {") and text.endswith("}\n"), text[:100])
        check('label="module __main__"' in text and "->" in text, text)
        build.fails(2, "export", target.pid, "--format", "dot", "-o", "-")
        build.fails(2, "export", target.pid, "--format", "json")
        build.fails(1, "export", "-q", target.pid, "--format", "json", "-o", "/nowhere/at/all")
        with tempfile.TemporaryDirectory() as folder:
            build.fails(1, "export", "-q", target.pid, "--format", "dot", "--object", "no.such.Type",
                        "-o", f"{folder}/out")
            check(not os.listdir(folder), "half a file is left")
    return 5


@test
def an_option_of_another_format_is_refused(build):
    """And so are sources that cannot be, before a process stands still."""
    with Target(first_python(), "scripted_leak.py", "--gc", "off") as target, \
            tempfile.TemporaryDirectory() as folder:
        refused = (["--layout", "folded", "--format", "json"], ["--retained"], ["--object", "a"],
                   ["--direction", "both", "--format", "html"], ["--depth", "5"],
                   ["--each", "8", "--format", "json"], ["--depth", "2", "--format", "dot"])
        for options in refused:
            said = build.fails(2, "export", target.pid, "-o", f"{folder}/out", *options)
            check(f"{options[0]} is for --" in said, said)
        said = build.fails(2, "export", target.pid, target.pid, "-o", f"{folder}/out")
        check("is a PID" in said, said)
        said = build.fails(2, "export", target.pid, f"{folder}/a", "-o", "-")
        check("folder" in said and not os.listdir(folder), said)
        with open("/dev/full", "w") as full:
            for name in ("heapsnapshot", "json", "html"):
                result = subprocess.run([build.program("reftracker"), "export", "-q", str(target.pid),
                                         "--format", name, "-o", "-"], stdout=full, text=True,
                                        stderr=subprocess.PIPE)
                check(result.returncode == 1 and "standard output: cannot write: No space" in
                      result.stderr, result.stderr)
    return len(refused) + 5
