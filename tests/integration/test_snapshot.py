"""Snapshot files, and folders of them as cron fills them."""
import fcntl
import json
import os
import re
import signal
import shutil
import subprocess
import struct
import tempfile
import time

from harness import TOP, Skip, Target, check, eventually, first_python, interpreters, test

NAME = re.compile(r"^\d{8}T\d{6}\.\d{3}Z-(\d+)-s(\d+)\.rtsnap$")


class Folder:
    """A folder that is gone afterwards."""

    def __enter__(self):
        self.path = tempfile.mkdtemp()
        return self

    def __exit__(self, *exc):
        shutil.rmtree(self.path, ignore_errors=True)

    def file(self, name):
        return os.path.join(self.path, name)

    def snapshots(self):
        return sorted(name for name in os.listdir(self.path) if NAME.match(name))


def waits_for_input(pid):
    with open(f"/proc/{pid}/wchan") as file:
        return "pipe" in file.read()


def histogram(text):
    return {g["type"]: (g["count"], g["size"]) for g in json.loads(text)["types"]}


@test
def types_of_a_snapshot_are_those_of_the_process(build):
    """Of each kind of interpreter, plain and compressed, with nothing but the file there afterwards."""
    cases = 0
    for interpreter in interpreters():
        with Folder() as folder:
            with Target(interpreter, "scripted_leak.py", "--gc", "off") as target:
                target.ask("make 1000")
                live = histogram(build.ok("types", target.pid, "-j"))
                build.ok("snapshot", target.pid, "-o", folder.file("a"))
                build.ok("snapshot", "-p", target.pid, "-o", folder.file("b"), "--compress")
                pid = target.pid
            for name in "ab":
                got = histogram(build.ok("types", folder.file(name), "-j"))
                check(got == live, f"{interpreter.name}: {name} differs from the process in "
                                   f"{set(got.items()) ^ set(live.items())}")
                info = json.loads(build.ok("info", folder.file(name), "-j"))
                check(info["pid"] == pid and "scripted_leak.py" in info["command"] and
                      info["graph"] and not info["values"], info)
                check(info["tracked"] == sum(count for count, _ in got.values()), info)
                cases += 1
            check(sorted(os.listdir(folder.path)) == ["a", "b"], os.listdir(folder.path))
            check(os.stat(folder.file("a")).st_mode & 0o777 == 0o600, "others may read it")
    return cases


@test
def no_snapshot_is_exit_status_7(build):
    with Folder() as folder:
        with Target(first_python(), "scripted_leak.py", "--gc", "off") as target:
            build.ok("snapshot", target.pid, "-o", folder.file("good"))
        with open(folder.file("good"), "rb") as file:
            good = file.read()
        damaged = bytearray(good)
        damaged[len(good) // 2] ^= 4
        for name, content in (("empty", b""), ("text", b"no snapshot\n"), ("short", good[:-1]),
                              ("half", good[:len(good) // 2]), ("long", good + b"\0"),
                              ("bit", bytes(damaged))):
            with open(folder.file(name), "wb") as file:
                file.write(content)
            build.fails(7, "types", folder.file(name))
        os.mkfifo(folder.file("pipe"))
        build.fails(7, "types", folder.file("pipe"))
        build.fails(7, "info", folder.file("text"))
        build.fails(1, "types", folder.file("missing"))
        build.fails(2, "info")
    return 10


@test
def the_file_replaces_a_link_and_nothing_else(build):
    with Folder() as folder, Target(first_python(), "scripted_leak.py", "--gc", "off") as target:
        with open(folder.file("precious"), "w") as file:
            file.write("mine")
        os.symlink(folder.file("precious"), folder.file("link"))
        build.ok("snapshot", target.pid, "-o", folder.file("link"))
        check(not os.path.islink(folder.file("link")), "the link is still there")
        with open(folder.file("precious")) as file:
            check(file.read() == "mine", "the link was followed")
        os.mkfifo(folder.file("pipe"))
        # Found out before the process stands still, which here is refused with 6.
        quick = ("snapshot", "-q", target.pid, "--max-pause", "1us", "-o")
        build.fails(6, *quick, folder.file("a"))
        build.fails(2, *quick, folder.file("pipe"))
        build.fails(2, *quick, "/dev/null")
        build.fails(2, *quick, "-")
        build.fails(2, *quick, folder.path + "/")
        build.fails(1, *quick, folder.file("none/a"))
        check(sorted(os.listdir(folder.path)) == ["link", "pipe", "precious"], os.listdir(folder.path))
        build.fails(2, "snapshot", target.pid)
        build.fails(2, "snapshot", target.pid, "-o", folder.file("a"), "--keep", "3")
        build.fails(2, "snapshot", target.pid, "-d", folder.path, "--max-bytes", "3x")
        build.fails(2, "snapshot", "-d", folder.path)
    return 9


@test
def another_program_in_the_process_is_another_series(build):
    """execve() keeps PID and start time, and nothing else."""
    with Folder() as folder, Target(first_python(), "reexec.py") as target:
        check(target.process.stdout.readline() == "begun\n", "not begun")
        for begin in range(2):
            if begin:
                check(target.ask("again") == "begun", "not begun again")
            for _ in range(2):
                build.ok("snapshot", target.pid, "-d", folder.path)
        files = [folder.file(name) for name in folder.snapshots()]
        check([NAME.match(name).group(2) for name in folder.snapshots()] == list("1122"), files)
        build.ok("diff", files[0], files[1])
        check("another program" in build.fails(1, "diff", *files[1:3]), "diff")
        check("another program" in build.fails(1, "leaks", *files[:3]), "leaks")
        build.ok("diff", "--force", *files[1:3])
        build.ok("diff", files[2], files[3])
    return 7


@test
def a_folder_keeps_the_newest(build):
    """Quiet, only our own files are counted and removed, and a restart begins a new series."""
    with Folder() as folder:
        for name in ("20200101T000000.000Z-1-s1.rtsnap.bak", "notes", "a-1-s1.rtsnap"):
            with open(folder.file(name), "w") as file:
                file.write("mine")
        others = set(os.listdir(folder.path))
        for series in (1, 2):
            with Target(first_python(), "scripted_leak.py", "--gc", "off") as target:
                for _ in range(4):
                    done = build.run("snapshot", target.pid, "-d", folder.path, "--keep", "3")
                    check((done.returncode, done.stdout, done.stderr) == (0, "", ""), done)
                names = folder.snapshots()
                check(len(names) == 3, names)
                check(all(NAME.match(name).groups() == (str(target.pid), str(series))
                          for name in names), names)
                newest = names[-1]
        with Target(first_python(), "scripted_leak.py", "--gc", "off") as target:
            one = os.path.getsize(folder.file(newest))
            build.ok("snapshot", target.pid, "-d", folder.path, "--max-bytes", one * 5 // 2)
            check(len(folder.snapshots()) == 2, folder.snapshots())
            build.ok("snapshot", target.pid, "-d", folder.path, "--max-bytes", "1")
            check(len(folder.snapshots()) == 1, folder.snapshots())
        left = set(os.listdir(folder.path)) - set(folder.snapshots()) - {".reftracker.lock"}
        check(left == others, f"{left}, not {others}")
    return 4


@test
def one_run_at_a_time(build):
    with Folder() as folder, Target(first_python(), "scripted_leak.py", "--gc", "off") as target:
        build.ok("snapshot", target.pid, "-d", folder.path)
        with open(folder.file(".reftracker.lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            said = build.fails(1, "snapshot", target.pid, "-d", folder.path)
            check("not finished" in said, said)
        build.ok("snapshot", target.pid, "-d", folder.path)
        check(len(folder.snapshots()) == 2, folder.snapshots())


@test
def the_process_is_found_without_its_pid(build):
    with Folder() as folder:
        out = folder.file("a")
        with Target(first_python(), "scripted_leak.py", "--gc", "off") as target, \
                Target(first_python(), "scripted_leak.py", "--gc", "on") as other:
            def found(*how):
                build.ok("snapshot", *how, "-o", out)
                return json.loads(build.ok("info", out, "-j"))["pid"]

            folder_name = os.path.basename(target.inside)
            check(found("--match", f"{folder_name}/scripted_leak") == target.pid, "--match")
            check(found("--name", "scripted_leak.py", "--match", folder_name) == target.pid,
                  "--name and --match")
            with open(folder.file("pid"), "w") as file:
                file.write(f"{other.pid}\n")
            check(found("--pidfile", folder.file("pid")) == other.pid, "--pidfile")
            # A shell whose command line matches as well is no Python.
            done = subprocess.run(["sh", "-c", f"{build.program('reftracker')} snapshot -q --match "
                                   f"{folder_name} -o {out}; true"], capture_output=True)
            check(not done.stderr, done.stderr)
            said = build.fails(2, "snapshot", "--name", "scripted_leak.py", "-o", out)
            check(str(target.pid) in said and str(other.pid) in said, said)
            build.fails(2, "snapshot", target.pid, "--name", "x", "-o", out)
            build.fails(2, "snapshot", "--match", "(", "-o", out)
        build.fails(5, "snapshot", "--match", f"{folder_name}/scripted_leak", "-o", out)
        build.fails(5, "snapshot", "--pidfile", folder.file("pid"), "-o", out)
        build.fails(5, "snapshot", "--unit", "no-such-unit", "-o", out)
        # What never ends, or is never there to be read, is no file with a PID.
        os.mkfifo(folder.file("fifo"))
        for path in (folder.file("fifo"), "/dev/zero"):
            check("no regular file" in build.fails(1, "snapshot", "--pidfile", path, "-o", out,
                                                   timeout=60), path)
        with open(folder.file("pid"), "w") as file:
            file.write("1" + " " * 1000 + "2")
        build.fails(5, "snapshot", "--pidfile", folder.file("pid"), "-o", out)
    return 13


@test
def a_kill_leaves_older_files_alone(build):
    """At random instants; then the next run succeeds and finds nothing in its way."""
    with Folder() as folder, Target(first_python(), "scripted_leak.py", "--gc", "off") as target:
        target.ask("make 100000")
        start = time.monotonic()
        build.ok("snapshot", target.pid, "-d", folder.path)
        whole = time.monotonic() - start
        first = folder.snapshots()[0]
        with open(folder.file(first), "rb") as file:
            content = file.read()
        kills = int(os.environ.get("CAPTURES", "24"))
        for i in range(kills):
            process = subprocess.Popen([build.program("reftracker"), "snapshot", str(target.pid),
                                        "-d", folder.path], stderr=subprocess.DEVNULL)
            time.sleep(whole * (i + 1) / kills)
            process.send_signal(signal.SIGKILL)
            process.wait()
        with open(folder.file(first), "rb") as file:
            check(file.read() == content, "an older file has changed")
        for name in folder.snapshots():
            build.ok("types", folder.file(name))
        left = [name for name in os.listdir(folder.path) if not NAME.match(name)]
        check(left == [".reftracker.lock"], left)
        build.ok("snapshot", target.pid, "-d", folder.path, "--keep", "1")
        check(len(folder.snapshots()) == 1, folder.snapshots())
        check(target.ask("make 1") == "ok", "the target is harmed")
    return kills


@test
def a_full_disk_is_one_line(build):
    """A file system of its own; the older snapshots stay, and there is no half of a new one."""
    with Folder() as folder, Target(first_python(), "scripted_leak.py", "--gc", "off") as target:
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", folder.path],
                                 capture_output=True).returncode == 0
        if not mounted:
            raise Skip("no right to mount a file system")
        try:
            target.ask("make 1000")
            build.ok("snapshot", target.pid, "-d", folder.path)
            before = os.listdir(folder.path)
            target.ask("make 200000")
            said = build.fails(1, "snapshot", target.pid, "-d", folder.path, "--keep", "1")
            check("No space left" in said, said)
            check(sorted(os.listdir(folder.path)) == sorted(before), os.listdir(folder.path))
            build.ok("types", folder.file(folder.snapshots()[0]))
        finally:
            subprocess.run(["umount", folder.path], check=True)


@test
def the_crontab_line_works_as_shipped(build):
    """Installed, and run as cron does it: by sh, with next to no environment; in a unit's group."""
    group = next((path for path in ("/sys/fs/cgroup/systemd", "/sys/fs/cgroup")
                  if os.path.exists(f"{path}/cgroup.procs") and os.access(path, os.W_OK)), None)
    if not group:
        raise Skip("control groups cannot be made here")
    unit = f"reftracker-test-{os.getpid()}"
    with Folder() as folder:
        subprocess.run(["make", "-s", "-C", TOP, "install", f"DESTDIR={folder.path}", "prefix=/usr",
                        f"BUILD={build.folder}"], check=True, capture_output=True)
        with open(folder.file("usr/share/doc/reftracker/crontab")) as file:
            line = [text for text in file if not text.startswith("#")][-1]
        with open(folder.file("usr/lib/systemd/system/reftracker-snapshot@.service")) as file:
            service = re.search(r"^ExecStart=(.*)$", file.read(), re.M)[1]
        snapshots = folder.file("var/lib/reftracker/app")
        os.makedirs(snapshots, 0o700)
        commands = [line.split("root", 1)[1], service.replace("%i", "app").replace("%S", "/var/lib")]
        try:
            os.mkdir(f"{group}/{unit}.service")
            with Target(first_python(), "scripted_leak.py", "--gc", "off") as target:
                with open(f"{group}/{unit}.service/cgroup.procs", "w") as file:
                    file.write(str(target.pid))
                for command in commands:
                    check("/usr/bin/reftracker snapshot --unit app -d /var/lib/" in command, command)
                    command = command.replace("/usr/bin", folder.file("usr/bin"))
                    command = command.replace("/var/lib", folder.file("var/lib"))
                    done = subprocess.run(["/bin/sh", "-c", command.replace("unit app", f"unit {unit}")],
                                          env={"PATH": "/usr/bin:/bin", "HOME": "/"},
                                          capture_output=True, text=True)
                    check((done.returncode, done.stdout, done.stderr) == (0, "", ""), done)
                names = [name for name in os.listdir(snapshots) if NAME.match(name)]
                check(len(names) == 2 and all(f"-{target.pid}-s1." in n for n in names), names)
        finally:
            os.rmdir(f"{group}/{unit}.service")
    return 2


def rows(data, chunks, name, form):
    size, offset, stored = chunks[name]
    check(size == struct.calcsize("<" + form), f"{name}: rows of {size} bytes")
    return list(struct.iter_unpack("<" + form, data[offset:offset + stored]))


@test
def the_manual_describes_the_file(build):
    """A reader by reftracker-snapshot(5) alone finds what ours does."""
    with Folder() as folder:
        with Target(first_python(), "scripted_leak.py", "--gc", "off") as target:
            target.ask("make 500")
            build.ok("snapshot", target.pid, "-o", folder.file("a"))
            pid = target.pid
        with open(folder.file("a"), "rb") as file:
            data = file.read()
        ours = histogram(build.ok("types", folder.file("a"), "-j"))
        info = json.loads(build.ok("info", folder.file("a"), "-j"))
    magic, major, _, order, count, entry, table, size = struct.unpack("<8sHHIIIQQ", data[:40])
    check((magic, major, order, entry, table, size) ==
          (b"\x89RFTK\r\n\x1a", 2, 0x01020304, 48, 64, len(data)), data[:64])
    chunks = {}
    for i in range(count):
        name, codec, row, offset, stored, raw, _ = struct.unpack_from("<8sIIQQQQ", data, 64 + 48 * i)
        check(codec == 0 and stored == raw and offset % 8 == 0, name)
        chunks[name.rstrip(b"\0").decode()] = row, offset, stored
    with open(f"{TOP}/man/reftracker-snapshot.5") as file:
        told = set(re.findall(r"^\.It Li (.*)$", file.read(), re.M))
    told = {name for names in told for name in names.split(" , ")}
    check(told == set(chunks), f"{told ^ set(chunks)}")
    starts = [start for start, in rows(data, chunks, "text", "I")]
    _, at, length = chunks["bytes"]
    texts = [data[at + start:data.index(b"\0", at + start)].decode() for start in starts]
    types = rows(data, chunks, "types", "QQQII")
    sizes, big = rows(data, chunks, "size", "H"), dict(
        (row, value) for row, _, value in rows(data, chunks, "bigsize", "IIQ"))
    tracked = rows(data, chunks, "tracked", "Q")
    found = {}
    for n, (kind,) in enumerate(rows(data, chunks, "type", "I")):
        if not tracked[n // 64][0] >> n % 64 & 1:
            continue
        name, (shallow,) = texts[types[kind][3]], sizes[n]
        old = found.get(name, (0, 0))
        found[name] = old[0] + 1, old[1] + (big[n] if shallow == 0xffff else shallow)
    check(found == ours, "not the same types")
    facts = struct.unpack_from("<QQ", data, chunks["facts"][1])
    check(facts[0] == pid and info["references"] == len(rows(data, chunks, "reftarg", "I")), facts)


@test
def frames_are_of_threads_that_the_kernel_knows(build):
    """Also where CPython does not keep their ids, before 3.11."""
    cases = 0
    for interpreter in interpreters():
        with Folder() as folder, Target(interpreter, "roots.py", "--dump",
                                          "truth") as target:
            build.ok("snapshot", target.pid, "-o", folder.file("a"))
            said = build.ok("query", folder.file("a"), "--format", "csv",
                            "SELECT DISTINCT thread FROM frames ORDER BY 1")
            tasks = set(os.listdir(f"/proc/{target.pid}/task"))
            threads = said.splitlines()[1:]
            check(len(threads) > 1 and str(target.pid) in threads and tasks.issuperset(threads),
                  f"{interpreter.name}: {said} {tasks}")
            cases += 1
    return cases


@test
def previews_are_what_python_writes(build):
    """Whole where they are short; else as they begin."""
    cases = 0
    for interpreter in interpreters():
        with Folder() as folder, Target(interpreter, "previews.py", "--dump", "truth") as target:
            build.ok("snapshot", target.pid, "-o", folder.file("a"), "--values")
            with open(target.path("truth")[1]) as file:
                truth = json.load(file)
            rows = json.loads(build.ok("query", folder.file("a"), "-j",
                                       "SELECT address, text FROM objects WHERE type IN ("
                                       "'builtins.float', 'builtins.complex', 'builtins.int', "
                                       "'builtins.bytes', 'builtins.bytearray')"))["rows"]
            texts = dict(rows)
            for address, wanted in truth:
                text = texts[address]
                check(text == wanted or len(wanted) > 60 and len(text) > 55 and
                      text.endswith("...") and wanted.startswith(text[:-3]),
                      f"{interpreter.name}: {text} and not {wanted}")
                cases += 1
    return cases


@test
def a_file_that_shrinks_is_status_7(build):
    """Truncated when it has been checked and is being asked: the program waits for its SQL then."""
    with Folder() as folder, Target(first_python(), "scripted_leak.py", "--gc", "off") as target:
        path = folder.file("a")
        build.ok("snapshot", target.pid, "-o", path)
        query = subprocess.Popen([build.program("reftracker"), "query", path], text=True,
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE)
        eventually(lambda: os.readlink(f"/proc/{query.pid}/exe").endswith("reftracker") and
                   path in open(f"/proc/{query.pid}/maps").read() and
                   waits_for_input(query.pid), "it never asks")
        os.truncate(path, 4096)
        said = query.communicate("SELECT sum(size), sum(refcount) FROM objects;")
        check(query.returncode == 7 and said[1].startswith("reftracker: a file was truncated") and
              said[1].count("\n") == 1, said)
    return 1


@test
def values_are_not_written_unless_asked_for(build):
    """Names of the program's are; no str, no number, no other key or attribute, in the whole file."""
    names = [b"customers", b"sessions", b"colour", b"max_age", "grün_1".encode(),
             b"some_package.part"]
    secrets = [b"anna.berg@example.com", b"tulips-and-roses", b"Oslo street 5", b"9f86d081884c7d65",
               b"granted-token", b"a3f5c9b2e17d4", b"ultramarine", b"8675309123", b"123456789012345",
               b"tokenQ_abc", b"john.smith", b"not an@attribute", b"number123456", b"no module@all"]
    cases = 0
    for interpreter in interpreters():
        with Folder() as folder:
            with Target(interpreter, "secrets.py") as target:
                build.ok("snapshot", target.pid, "-o", folder.file("names"))
                build.ok("snapshot", target.pid, "-o", folder.file("values"), "--values")
            for name, told, untold in (("names", names, secrets), ("values", names + secrets, [])):
                with open(folder.file(name), "rb") as file:
                    data = file.read()
                missing = [text for text in told if text + b"\0" not in data]
                leaked = [text for text in untold if text in data]
                check(not missing, f"{interpreter.name}: {name}: {missing} are missing")
                check(not leaked, f"{interpreter.name}: {name}: {leaked} are there")
                info = json.loads(build.ok("info", folder.file(name), "-j"))
                check(info["values"] == (name == "values"), info)
                check(b"tail-end" not in data or name == "values", "the end of a long text")
                cases += 1
    return cases
