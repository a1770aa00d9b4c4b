"""The two ways to take memory: which one is taken, when it is refused, what the target sees of it."""
import contextlib
import json
import os
import re
import signal
import struct
import subprocess
import sys
import tempfile
import time

from harness import (PATIENCE, Skip, Target, check, eventually, first_python, goes_on, state_of,
                     test, wait_asleep)

IDLE = "import time\nkeep = [[] for _ in range(50000)]\nprint('ready', flush=True)\ntime.sleep(600)\n"

# A filter that kills the process for clone() and clone3(), as a sandbox would.
KILLED_FOR_CLONE = """
import ctypes, struct, time
LOAD, JUMP, RETURN = 0x20, 0x15, 0x06
KILL, ALLOW = 0x80000000, 0x7fff0000
code = [(LOAD, 0, 0, 0), (JUMP, 2, 0, 56), (JUMP, 1, 0, 435), (RETURN, 0, 0, ALLOW), (RETURN, 0, 0, KILL)]
program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in code))
class Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_void_p)]
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.byref(Filter(len(code), ctypes.addressof(program)))) == 0
print("ready", flush=True)
time.sleep(600)
"""

# Another program under the same PID, again and again.
EXECS = """
import os, sys, time
if len(sys.argv) == 1:
    print("ready", flush=True)
keep = [[] for _ in range(20000)]
time.sleep(0.01 + int(sys.argv[1] if len(sys.argv) > 1 else 0) % 7 / 200)
os.execv(sys.executable, [sys.executable, __file__, str(int(sys.argv[1]) + 1 if len(sys.argv) > 1 else 1)])
"""

# Memory that holds objects, kept from children: of lists that the collector knows, or of a text that
# is so long that it has a mapping of its own.
KEEPS_BACK = """
import ctypes, re, time
items = %s
libc = ctypes.CDLL(None, use_errno=True)
with open("/proc/self/maps") as file:
    maps = re.findall("^(\\\\w+)-(\\\\w+) rw", file.read(), re.M)
start, end = next((int(a, 16), int(b, 16)) for a, b in maps
                  if int(a, 16) <= id(items[-1]) < int(b, 16))
assert libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), %d) == 0
print("ready", flush=True)
time.sleep(600)
"""

# What a list of texts points to them with is partly wiped in children, or partly absent until a
# handler (there is none) fills it: UFFDIO_API, UFFDIO_REGISTER, MADV_DONTNEED. As zeros, which a
# child and a copy would see there, it would pass for a list with room for more.
EMPTY = """
import ctypes, fcntl, os, struct, time
items = [str(i) * 2 for i in range(300000)]
libc = ctypes.CDLL(None, use_errno=True)
start = (ctypes.c_void_p.from_address(id(items) + 24).value // 4096 + 10) * 4096
size = 400 * 4096
def advise(what):
    assert libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(size), what) == 0
if %r == "wiped":
    advise(18)
else:
    fd = libc.syscall(323, os.O_CLOEXEC)
    try:
        fcntl.ioctl(fd, 0xc018aa3f, struct.pack("QQQ", 0xaa, %d, 0))
        fcntl.ioctl(fd, 0xc020aa00, struct.pack("QQQQ", start, size, 1, 0))
        advise(4)
    except OSError:
        print("unavailable", flush=True)
print("ready", flush=True)
time.sleep(600)
"""

# Private huge pages that are not reserved (MAP_NORESERVE): as many as the argument says are written to
# again and again, one more never is.
HUGE = """
import ctypes
used, size = %d, 2 << 20
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
start = libc.mmap(None, ctypes.c_size_t((used + 1) * size), 3, 0x44022, -1, ctypes.c_long(0))
assert start != ctypes.c_void_p(-1).value
print("ready", flush=True)
while True:
    for i in range(used):
        ctypes.memset(start + i * size, 1, 64)
"""

# Tells where the heads of the collector's lists are: before the oldest object of each.
TELLS_HEADS = """
import ctypes, gc, time
gc.disable()
def head(generation):
    nodes = {id(thing) - 16 for thing in gc.get_objects(generation)}
    node = nodes.pop()
    nodes.add(node)
    while node in nodes:
        node = ctypes.c_uint64.from_address(node + 8).value & ~3
    return node
gc.collect()
keep = []
heads = [head(generation) for generation in (0, 2)]
print("ready", flush=True)
print(*heads, flush=True)
time.sleep(600)
"""

EXITS = "import time\nkeep = [[] for _ in range(100000)]\nprint('ready', flush=True)\ntime.sleep(%s)\n"

FORKS = """
import os, time
keep = [[i] for i in range(300000)]
child = os.fork()
if child:
    with open(__file__ + ".pid", "w") as file:
        file.write(str(child))
    print("ready", flush=True)
time.sleep(600)
"""


class Script:
    """A program of some lines; ready when it says so, and asleep then, if it @rests."""

    def __init__(self, text, stdin=None, rests=True):
        self.file = tempfile.NamedTemporaryFile("w", suffix=".py")
        self.file.write(text)
        self.file.flush()
        self.process = subprocess.Popen([sys.executable, self.file.name], stdin=stdin,
                                        stdout=subprocess.PIPE)
        self.pid = self.process.pid
        check(self.process.stdout.readline() == b"ready\n", "the target is never ready")
        if rests:
            wait_asleep(self.pid)

    def children(self):
        with open(f"/proc/{self.pid}/task/{self.pid}/children") as file:
            return file.read().split()

    def check_untouched(self):
        check(self.process.poll() is None and goes_on(self.pid), "the target is harmed")
        check(not self.children(), f"children are left: {self.children()}")

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.file.close()


class ControlGroup:
    """A group of the pids or the memory controller with one process in it, where that is allowed."""

    def __init__(self, controller, pid):
        self.controller = controller
        base = f"/sys/fs/cgroup/{controller}"
        if not os.path.isdir(base):
            base = "/sys/fs/cgroup"
        self.path = f"{base}/reftracker-test-{pid}"
        try:
            os.mkdir(self.path)
            self.write("cgroup.procs", pid)
        except OSError as error:
            self.remove()
            raise Skip(f"no control group of {controller} can be made: {error}") from None

    def write(self, name, value):
        with open(f"{self.path}/{name}", "w") as file:
            file.write(str(value))

    def limit(self, *names):
        """Set the first of the files that exists."""
        for name, value in names:
            if os.path.exists(f"{self.path}/{name}"):
                self.write(name, value)
                return
        self.remove()
        raise Skip(f"the controller {self.controller} is not there")

    def remove(self):
        for _ in range(100):
            try:
                os.rmdir(self.path)
                return
            except FileNotFoundError:
                return
            except OSError:
                time.sleep(0.02)


def types(build, pid, *options):
    result = build.run("types", pid, "-j", *options)
    check(result.returncode == 0, f"{options}: {result.stderr.strip()}")
    return json.loads(result.stdout), result.stderr


@test
def both_ways_find_the_same(build):
    with Script(IDLE) as target:
        clone, _ = types(build, target.pid, "--capture", "clone")
        copy, _ = types(build, target.pid, "--capture", "copy")
        auto, said = types(build, target.pid)
        target.check_untouched()
    check(clone["types"] == copy["types"] == auto["types"], "the ways do not agree")
    check([clone["capture"], copy["capture"], auto["capture"]] == ["clone", "copy", "clone"],
          "the way that was taken is told wrongly")
    check(not said and clone["pause_ms"] > 0 and copy["pause_ms"] > 0, f"said {said!r}")


@test
def an_interpreter_without_objects_is_starting_or_ending(build):
    """Its lists are there before and after all objects, for a moment."""
    with Script(TELLS_HEADS) as target, open(f"/proc/{target.pid}/mem", "r+b", 0) as memory, \
            tempfile.TemporaryDirectory() as folder:
        heads = [int(word) for word in target.process.stdout.readline().split()]
        os.kill(target.pid, signal.SIGSTOP)
        eventually(lambda: state_of(target.pid) == "T", "it does not stop")
        links = [os.pread(memory.fileno(), 16, head) for head in heads]
        for head in heads:
            os.pwrite(memory.fileno(), struct.pack("QQ", head, head), head)
        said = build.fails(6, "types", target.pid, "--wait-gc", "50ms", "-o", f"{folder}/report")
        check("starting or ending" in said and not os.listdir(folder), said)
        for head, link in zip(heads, links):
            os.pwrite(memory.fileno(), link, head)
        check(types(build, target.pid)[0]["objects"] > 1000, "the lists are not as they were")
        os.kill(target.pid, signal.SIGCONT)
        eventually(lambda: state_of(target.pid) == "S", "it does not go on")
        target.check_untouched()
    return 2


@test
def the_pause_is_always_told(build):
    """In the report or beside it; by snapshot -d in the file only."""
    with Script(IDLE) as target, tempfile.TemporaryDirectory() as folder:
        pid, file, told = target.pid, f"{folder}/file", f"process {target.pid} stood still for "
        named = (["referrers", pid, "builtins.module#1"], ["paths", pid, "builtins.module#1"],
                 ["show", pid, "builtins.module#1"], ["retained", pid],
                 ["retained", pid, "builtins.module#1"])
        reports = (["types", pid], ["memory", pid], ["stacks", pid])
        watched = ["watch", pid, "-d", folder, "--count", "1"]
        beside = (*named, ["query", pid, "SELECT 1 AS one"], ["snapshot", pid, "-o", file],
                  ["export", pid, "-o", f"{file}.heapsnapshot"], ["types", pid, "--format", "csv"],
                  ["memory", pid, "--format", "csv"])
        for command in beside:
            said = build.run(*command).stderr
            check(said.startswith("reftracker: " + told) and said.count("\n") == 1, f"{command}: {said}")
            check(not build.run(*command, "-q").stderr, f"{command}: -q is not quiet")
        for command in (*reports, watched):
            result = build.run(*command)
            check(told in result.stdout and not result.stderr, f"{command}: {result}")
        for command in (*named, *reports, watched):
            document = json.loads(build.ok(*command, "-j"))
            check(document["pause_ms"] > 0 and document["capture"] == "clone", f"{command}: {document}")
        silent = build.run("snapshot", pid, "-d", folder)
        check(not silent.stdout and not silent.stderr, f"snapshot -d says {silent}")
        check(json.loads(build.ok("info", file, "-j"))["pause_ms"] > 0, "info")
        target.check_untouched()
    return len(beside) + len(reports) + len(named) + 2


@test
def a_pause_that_is_too_long_is_refused(build):
    with Script(IDLE) as target:
        for way in ("auto", "clone", "copy"):
            said = build.fails(6, "types", target.pid, "--capture", way, "--max-pause", "50us")
            check("to be expected" in said, said)
        document, _ = types(build, target.pid, "--max-pause", "10s")
        check(document["capture"] == "clone", "auto takes the clone where both fit")
        target.check_untouched()
    return 4


@test
def a_filter_that_kills_for_clone_is_seen(build):
    with Script(KILLED_FOR_CLONE) as target:
        document, said = types(build, target.pid)
        check(document["capture"] == "copy" and "copied, not cloned" in said, said)
        check("seccomp" in build.fails(1, "types", target.pid, "--capture", "clone"), "no reason")
        check(not types(build, target.pid, "-q")[1], "-q is not quiet")
        target.check_untouched()
    return 3


@test
def memory_that_children_do_not_get_is_copied(build):
    for what in ("[[] for _ in range(50000)]", "['x' * (1 << 26)]"):
        for advice, name in ((10, "MADV_DONTFORK"), (18, "MADV_WIPEONFORK")):
            with Script(KEEPS_BACK % (what, advice)) as target, \
                    tempfile.NamedTemporaryFile() as file:
                result = build.run("snapshot", target.pid, "-o", file.name)
                check(result.returncode == 0 and "copied, not cloned" in result.stderr and
                      name in result.stderr, f"{what}, {name}: {result.stderr}")
                info = json.loads(build.ok("info", file.name, "-j"))
                check(info["capture"] == "copy" and info["objects"] > 10000 and
                      not info["readings"]["failed"], f"{what}, {name}: {info}")
                if "for" in what:
                    said = build.fails(1, "snapshot", target.pid, "-o", file.name, "--capture",
                                       "clone")
                else:
                    said = build.run("snapshot", target.pid, "-o", file.name, "--capture",
                                     "clone").stderr
                    check("may be missing" in said, said)
                check(name in said, f"{what}, {name}: {said}")
                target.check_untouched()
    return 8


@contextlib.contextmanager
def pool_of_huge_pages(wanted):
    """That many and no more are free, for as long as it lasts."""
    path = "/proc/sys/vm/nr_hugepages"
    try:
        with open(path) as file:
            before = int(file.read())
        with open(path, "w") as file:
            file.write(str(before + wanted))
    except OSError as error:
        raise Skip(f"no huge pages: {error}") from None
    try:
        if free_huge_pages() != wanted:
            raise Skip(f"{free_huge_pages()} huge pages are free, not {wanted}")
        yield
    finally:
        with open(path, "w") as file:
            file.write(str(before))


def free_huge_pages():
    with open("/proc/meminfo") as file:
        return int(re.search("^HugePages_Free: *([0-9]+)", file.read(), re.M).group(1))


@test
def huge_pages_are_neither_shared_nor_taken(build):
    """A write to one that a clone has, too, would be the end of a process where the pool is empty."""
    with pool_of_huge_pages(5), Script(HUGE % 5, rests=False) as target:
        eventually(lambda: free_huge_pages() == 0, "the pool is not empty")
        for _ in range(3):
            document, said = types(build, target.pid)
            check(document["capture"] == "copy" and "huge pages" in said, said)
        check("huge pages" in build.fails(1, "types", target.pid, "--capture", "clone"), "clone")
        check("huge pages" in build.ok("doctor", target.pid), "doctor")
        target.check_untouched()
    with pool_of_huge_pages(6), Script(HUGE % 5, rests=False) as target:
        eventually(lambda: free_huge_pages() == 1, "pages are missing")
        types(build, target.pid)
        check(free_huge_pages() == 1, "a page that the target never touched has been taken")
        target.check_untouched()
    return 6


@test
def what_is_empty_only_in_a_clone_is_copied(build):
    with Script(EMPTY % ("wiped", 0)) as target, tempfile.NamedTemporaryFile() as file:
        said = build.run("snapshot", target.pid, "-o", file.name).stderr
        check("copied, not cloned" in said and "MADV_WIPEONFORK" in said, said)
        info = json.loads(build.ok("info", file.name, "-j"))
        check(info["objects"] > 300000 and not info["readings"]["failed"], info)
        said = build.run("snapshot", target.pid, "-o", file.name, "--capture", "clone").stderr
        check("may be missing" in said and "MADV_WIPEONFORK" in said, said)
        target.check_untouched()
    return 2


@test
def what_a_handler_has_not_filled_yet_does_not_pass_for_empty(build):
    told_of_forks = 2  # UFFD_FEATURE_EVENT_FORK: clone() would wait for somebody who reads that
    for features in (0, told_of_forks):
        try:
            target = Script(EMPTY % ("absent", features))
        except AssertionError:
            raise Skip("no userfaultfd") from None
        with target, tempfile.NamedTemporaryFile() as file:
            document, _ = types(build, target.pid)
            check(document["capture"] == "copy", document)
            for way in ("auto", "copy"):
                said = build.run("snapshot", target.pid, "-o", file.name, "--capture", way).stderr
                check("may be missing" in said and "userfaultfd" in said, said)
                info = json.loads(build.ok("info", file.name, "-j"))
                check(info["capture"] == "copy" and info["readings"]["failed"] == 1, info)
            said = build.fails(1, "snapshot", target.pid, "-o", file.name, "--capture", "clone")
            check("userfaultfd" in said, said)
            target.check_untouched()
    return 8


@contextlib.contextmanager
def idle_in_group(controller):
    """An idle target and the control group that it is alone in."""
    with Script(IDLE) as target:
        group = ControlGroup(controller, target.pid)
        try:
            yield target, group
        finally:
            target.process.kill()
            target.process.wait()
            group.remove()


def limited(build, controller, *files):
    with idle_in_group(controller) as (target, group):
        group.limit(*files)
        document, said = types(build, target.pid)
        check(document["capture"] == "copy" and "copied, not cloned" in said, said)
        build.fails(1, "types", target.pid, "--capture", "clone")
        target.check_untouched()
    return 2


@test
def a_limit_of_processes_is_respected(build):
    return limited(build, "pids", ("pids.max", 4))


@test
def a_limit_of_memory_is_respected(build):
    return limited(build, "memory", ("memory.max", 8 << 20),
                   ("memory.limit_in_bytes", 8 << 20))


@test
def a_frozen_target_is_copied_and_not_touched(build):
    """A container that is paused: its threads stand, and none can make a call."""
    with idle_in_group("unified") as (target, group):
        group.limit(("cgroup.freeze", 1))
        with open(f"{group.path}/cgroup.events") as events:
            eventually(lambda: "frozen 1" in (events.seek(0), events.read())[1], "never frozen")
        document, said = types(build, target.pid)
        check(document["capture"] == "copy" and "is frozen" in said, said)
        group.write("cgroup.freeze", 0)
        time.sleep(0.1)
        target.check_untouched()
        check(types(build, target.pid)[0]["capture"] == "clone", "not cloned afterwards")
        target.check_untouched()
    return 2


COMMIT_NEVER = """
mount --bind "$1/overcommit" /proc/sys/vm/overcommit_memory && mount --bind "$1/meminfo" /proc/meminfo && shift &&
    exec "$@"
"""


@test
def a_limit_of_what_may_be_committed_is_respected(build):
    """vm.overcommit_memory=2 as one process sees it: the machine's own is left alone."""
    with Script(IDLE) as target, tempfile.TemporaryDirectory() as work:
        with open("/proc/meminfo") as file, open(f"{work}/meminfo", "w") as out:
            out.write(re.sub(r"(?m)^(CommitLimit|Committed_AS):.*", r"\1: 1000000 kB", file.read()))
        with open(f"{work}/overcommit", "w") as out:
            out.write("2")
        run = ["unshare", "-m", "sh", "-c", COMMIT_NEVER, "sh", work]
        result = subprocess.run([*run, "true"], capture_output=True, text=True)
        if result.returncode:
            raise Skip(f"no mount namespace: {result.stderr.strip()}")
        command = [*run, build.program("reftracker"), "types", str(target.pid), "-j", "--capture"]
        auto = subprocess.run([*command, "auto"], capture_output=True, text=True)
        check(auto.returncode == 0 and json.loads(auto.stdout)["capture"] == "copy" and
              "vm.overcommit_memory=2" in auto.stderr, f"{auto.returncode}: {auto.stderr}")
        clone = subprocess.run([*command, "clone"], capture_output=True, text=True)
        check(clone.returncode == 1, f"exit {clone.returncode}: {clone.stderr}")
        target.check_untouched()
    return 2


@test
def a_limit_of_processes_of_the_user_is_respected(build):
    limits = "import os, resource\nresource.setrlimit(resource.RLIMIT_NPROC, (5, 5))\n" \
             "os.setgid(54321)\nos.setuid(54321)\n"
    if os.geteuid() != 0:
        raise Skip("only root can become another user")
    with Script(limits + IDLE) as target:
        document, said = types(build, target.pid)
        check(document["capture"] == "copy" and "RLIMIT_NPROC" in said, said)
        build.fails(1, "types", target.pid, "--capture", "clone")
        target.check_untouched()
    return 2


@test
def a_limit_of_queued_signals_is_respected(build):
    limit = "import resource\nresource.setrlimit(resource.RLIMIT_SIGPENDING, (0, 0))\n"
    with Script(limit + IDLE) as target:
        document, said = types(build, target.pid)
        check(document["capture"] == "copy" and "RLIMIT_SIGPENDING" in said, said)
        said = build.fails(1, "types", target.pid, "--capture", "clone")
        check("RLIMIT_SIGPENDING" in said and "--capture auto or copy" in said, said)
        target.check_untouched()
    return 2


@test
def a_clone_does_not_outlive_its_time(build):
    with Script(IDLE) as target:
        # It ends while it is settled, while the scout is put into it, or while it is read.
        for life in ("100us", "200us", "500us", "1ms", "1500us", "2ms", "3ms") * 5:
            said = build.fails(1, "types", target.pid, "--capture", "clone", "--clone-life", life)
            check("was not read within" in said, said)
        build.fails(2, "types", target.pid, "--clone-life", "0")
        build.fails(6, "types", target.pid, "--max-pause", "0")
        target.check_untouched()


@test
def a_target_that_execs_meanwhile_goes_on(build):
    rounds = 40
    with Script(EXECS, rests=False) as target:
        for index in range(rounds):
            way = ("clone", "copy")[index % 2]
            result = build.run("types", target.pid, "--capture", way, "--wait-gc", "300ms")
            # Between two programs there is no interpreter, or another one.
            check(result.returncode in (0, 3, 5, 6), f"exit {result.returncode}: {result.stderr}")
        check(target.process.poll() is None, f"it ended with {target.process.returncode}")
        check(not target.children(), f"children are left: {target.children()}")
    return rounds


@test
def a_target_that_exits_meanwhile_is_no_hang(build):
    """One that is ending takes long where much else runs, and is said to be ending then: exit status 6."""
    rounds = 30
    for index in range(rounds):
        with Script(EXITS % (0.001 * index), rests=False) as target:
            way = ("clone", "copy")[index % 2]
            result = build.run("types", target.pid, "--capture", way, timeout=PATIENCE)
            check(result.returncode in (0, 3, 5, 6), f"exit {result.returncode}: {result.stderr}")
            check(target.process.wait(PATIENCE) == 0,
                  f"it ended with {target.process.returncode}")
    return rounds


@test
def a_killed_run_leaves_nothing_for_long(build):
    """Whatever it leaves, the next capture reaps."""
    rounds = 20
    with Script(IDLE) as target:
        for index in range(rounds):
            process = subprocess.Popen([build.program("reftracker"), "attach", str(target.pid),
                                        "--every", "1ms", "--count", "50"],
                                       stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
            time.sleep(0.05 + index * 0.003)
            process.kill()
            process.wait()
            eventually(lambda: all(state_of(child) == "Z" for child in target.children()),
                       "a clone lives on without its tracer")
        types(build, target.pid)
        target.check_untouched()
    return rounds


def proportional_size(pid):
    """Its share of what is no file: other processes come and go that use the same files."""
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Pss_Anon:"))


@test
def relatives_keep_their_shared_pages(build):
    """Reading a page must not give the process one of its own."""
    with Script(FORKS) as target:
        with open(f"{target.file.name}.pid") as file:
            child = int(file.read())
        try:
            for way in ("clone", "copy"):
                before = proportional_size(child)
                types(build, child, "--capture", way)
                after = proportional_size(child)
                check(after < before * 1.1, f"{way}: Pss went from {before} to {after} kB")
        finally:
            os.kill(child, 9)
            os.remove(f"{target.file.name}.pid")
    return 2


# One thread, deeper in its stack than it has ever been. max() takes stack in every version.
DEEP = """
import sys, time
sys.setrecursionlimit(100000)
def down(levels):
    return max([levels], key=lambda _: down(levels - 1)) if levels else time.sleep(600)
time.sleep(0)  # the dynamic linker looks for what it calls, which takes stack
print("ready", flush=True)
down(%d)
"""


@test
def a_single_thread_deep_in_its_stack_is_cloned(build):
    depths = range(500, 700, 12)
    for depth in depths:
        with Script(DEEP % depth) as target:
            types(build, target.pid, "--capture", "clone")
            target.check_untouched()
    return len(depths)


# The main thread ends at a line of input and another, which is older than the rest, at the next one.
LEADERLESS = """
import ctypes, sys, threading, time
keep = [[] for _ in range(5000)]
gates = [threading.Event() for _ in range(2)]
def listen():
    for gate in gates:
        sys.stdin.readline()
        gate.set()
    time.sleep(600)
threading.Thread(target=gates[1].wait).start()
threading.Thread(target=listen).start()
print("ready", flush=True)
gates[0].wait()
ctypes.CDLL(None).pthread_exit(None)
"""


def children_of_all(pid):
    found = []
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/children") as file:
            found += file.read().split()
    return found


def next_end(target):
    """One more of its threads ends."""
    before = len(os.listdir(f"/proc/{target.pid}/task")), state_of(target.pid)
    target.process.stdin.write(b"\n")
    target.process.stdin.flush()
    eventually(lambda: (len(os.listdir(f"/proc/{target.pid}/task")), state_of(target.pid)) != before,
               "no thread ends")


@test
def a_process_whose_main_thread_has_ended_is_captured(build):
    with Script(LEADERLESS, stdin=subprocess.PIPE) as target:
        command = [build.program("reftracker"), "attach", str(target.pid), "--every", "20ms", "-j"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
                              text=True) as attach:
            # The thread by which it is read ends while it is watched, twice.
            for _ in range(2):
                check(attach.stdout.readline(), "no diff")
                next_end(target)
                for _ in range(3):
                    check(attach.stdout.readline(), "the process is said to have ended")
            attach.terminate()
            attach.communicate(timeout=PATIENCE)
            check(attach.returncode == 0, f"exit {attach.returncode}")
        check(state_of(target.pid) == "Z", "the main thread has not ended")
        clone, _ = types(build, target.pid, "--capture", "clone")
        copy, _ = types(build, target.pid, "--capture", "copy")
        check(clone["types"] == copy["types"] and clone["objects"] > 5000, "other objects")
        names = [frame["function"] for thread in json.loads(build.ok("stacks", target.pid, "-j"))
                 ["threads"] for frame in thread["frames"]]
        check("listen" in names, f"functions {names}")
        check(json.loads(build.ok("doctor", target.pid, "-j"))["not_clonable"] is None, "doctor")
        check(not children_of_all(target.pid), "children are left")
    return 5


BIG = "import time\nkeep = [[i] for i in range(900000)]\nprint('ready', flush=True)\ntime.sleep(600)\n"


@test
def a_run_that_is_ended_politely_leaves_nothing(build):
    """Ctrl-C and its like at any time: the clone is reaped first."""
    rounds = 36
    with Script(BIG) as target:
        for index in range(rounds):
            command = (["types"], ["stacks"], ["attach", "--every", "1ms"])[index % 3]
            process = subprocess.Popen([build.program("reftracker"), *command, str(target.pid)],
                                       stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
            time.sleep(0.02 + index * 0.007)
            process.send_signal((2, 15, 1)[index // 3 % 3])
            process.wait(PATIENCE)
            target.check_untouched()
    return rounds


@test
def a_blocked_signal_ends_nothing(build):
    """As its parent has it: SIGTERM waits, in this program as in all others."""
    with Script(BIG) as target:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        try:
            process = subprocess.Popen([build.program("reftracker"), "types", str(target.pid)],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        process.send_signal(15)
        said = process.communicate(timeout=PATIENCE)[1]
        check(process.returncode == 0, f"{process.returncode}: {said}")
    return 1


LARGE = ("import time\nkeep = bytearray(1 << 30)\nkeep[::4096] = b'x' * (1 << 18)\n"
         "print('ready', flush=True)\ntime.sleep(600)\n")


@test
def a_copy_of_much_memory_is_given_up_at_once(build):
    """While its pages are made ready, and while they are copied and the process stands."""
    rounds = 6
    took = []
    with Script(LARGE) as target:
        for index in range(rounds):
            process = subprocess.Popen([build.program("reftracker"), "types", "--capture", "copy",
                                        str(target.pid)], stdout=subprocess.DEVNULL)
            time.sleep(0.05 + index * 0.1)
            start = time.monotonic()
            process.send_signal(2)
            process.wait(PATIENCE)
            took.append(time.monotonic() - start)
            target.check_untouched()
    check(sorted(took)[rounds // 2] < 0.5, f"seconds to the end: {took}")
    return rounds


@test
def a_suspended_run_does_not_suspend_its_target(build):
    """Ctrl-Z: SIGTSTP at any time."""
    rounds = 20
    with Script(BIG) as target:
        for index in range(rounds):
            way = ("clone", "copy")[index % 2]
            process = subprocess.Popen([build.program("reftracker"), "types", str(target.pid),
                                        "--capture", way], stdout=subprocess.DEVNULL,
                                       stdin=subprocess.DEVNULL)
            time.sleep(0.02 + index * 0.003)
            process.send_signal(20)
            eventually(lambda: process.poll() is not None or state_of(process.pid) == "T",
                       "SIGTSTP does not suspend it")
            check(goes_on(target.pid), f"state {state_of(target.pid)} after SIGTSTP")
            process.send_signal(18)
            process.wait(PATIENCE)
        target.check_untouched()
    return rounds


@test
def the_way_is_told_by_doctor(build):
    with Script(IDLE) as target:
        document = json.loads(build.ok("doctor", "-j", target.pid))
        check(document["not_clonable"] is None, f"not clonable: {document['not_clonable']}")
        check(document["clone_pause_ms"] > 0 and document["copy_pause_ms"] > 0, "no estimate")
        check(re.search(r"^clone +pause about ", build.ok("doctor", target.pid), re.M), "no line")
    return 2


@test
def a_stopped_target_stays_stopped(build):
    with Target(first_python(), "victim.py") as target:
        os.kill(target.pid, 19)
        eventually(lambda: state_of(target.pid) == "T", "SIGSTOP does not stop it")
        for way in ("clone", "copy"):
            types(build, target.pid, "--capture", way)
            # Let go, it wakes and stops again: on a loaded machine that is to be seen.
            eventually(lambda: state_of(target.pid) == "T", f"not stopped after {way}")
        os.kill(target.pid, 18)
        check(target.ask("report") == "sound", "the target is harmed")
    return 2
