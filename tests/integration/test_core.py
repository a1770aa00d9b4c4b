"""Core files: of gcore and of the kernel, whole, truncated, without what is needed, of others."""
import contextlib
import glob
import json
import os
import re
import shutil
import subprocess
import tempfile

from harness import (TARGETS, Skip, Target, check, first_python, interpreters, test, version_key,
                     versions, wait_asleep)
from test_errors import Sleeper
from test_graph import capture as capture_graph
from test_graph import Comparison, compare_objects, compare_refs
from test_graph import read_truth as read_graph
from test_oracle import capture, compare, for_each, for_stripped, read_truth

# Of references, as by copy: without a clone C types that we do not know are read by guess.
MOST_MISSING = 0.001


def gcore(pid, folder):
    result = subprocess.run(["gcore", "-o", f"{folder}/core", str(pid)], capture_output=True,
                            text=True, check=False)
    path = f"{folder}/core.{pid}"
    check(os.path.exists(path), f"gcore: {result.stderr}")
    return path


@contextlib.contextmanager
def core_of(interpreter, script, *args, before=None):
    """A target, and the path of its core file."""
    with Target(interpreter, script, *args) as target, \
            tempfile.TemporaryDirectory() as folder:
        if before:
            before(target)
        yield target, gcore(target.pid, folder)


def oracle(build, interpreter):
    with core_of(interpreter, "workload.py", "--dump", "truth") as (target, core):
        objects, share, counts = compare(read_truth(target.path("truth")[1]), capture(build, core),
                                         deferred=interpreter.version.endswith("t"))
    print(f"    {interpreter.name}, gcore: {objects} objects, sizes {share:.3%}, {counts} counts "
          f"differ", flush=True)


def for_all(build, chosen):
    return for_each(chosen, lambda interpreter: oracle(build, interpreter))


@test
def core_agrees_on_each_kind_of_interpreter(build):
    return for_all(build, interpreters())


@test
def core_agrees_on_stripped_copies(build):
    return for_stripped(lambda chosen: for_all(build, chosen))


@test
def graph_of_core_is_what_the_interpreter_says(build):
    chosen = sorted(versions(), key=version_key)[1::3]
    for interpreter in chosen:
        with core_of(interpreter, "workload.py", "--dump", "truth", "--graph", "graph") as \
                (target, core):
            truth = read_graph(target.path("graph")[1])
            both = Comparison(truth, capture_graph(build, core, "copy"))
            sizes = compare_objects(both)
            refs, missing = compare_refs(both, MOST_MISSING)
        print(f"    {interpreter.name}, gcore: sizes {sizes:.3%}, {refs} references, "
              f"{missing:.3%} missing", flush=True)
    return len(chosen)


@test
def every_command_takes_a_core(build):
    with core_of(first_python(), "workload.py", "--dump", "truth") as (target, core):
        live = json.loads(build.ok("types", target.pid, "-j"))
        ours = json.loads(build.ok("types", "--core", core, "-j"))
        check(ours["types"] == live["types"], "types of the core and of its process differ")
        check((ours["pid"], ours["capture"]) == (target.pid, "core"), ours)
        for command in (["retained"], ["show", "builtins.dict#1"], ["referrers", "builtins.dict#1"],
                        ["paths", "builtins.dict#1"], ["stacks"], ["stacks", "--native"],
                        ["export", "--format", "json", "-o", "/dev/stdout"], ["doctor"]):
            check(build.ok(*command, "--core", core).strip(), command)
        build.ok("snapshot", "--core", core, "-o", f"{core}.snapshot")
        same = "SELECT a.n = b.n FROM (SELECT count(*) AS n FROM a.objects) AS a, " \
               "(SELECT count(*) AS n FROM b.objects) AS b"
        out = build.ok("query", "--core", core, f"{core}.snapshot", same, "--format", "csv")
        check(out.splitlines()[1:] == ["1"], out)
        text = build.ok("info", f"{core}.snapshot")
        check("core file of process" in text and "not known" in text and "python" in text, text)
        document = json.loads(build.ok("doctor", "--core", core, "-j"))
        check(document["core"]["absent"] == 0 and document["start_time"] is None, document)
        build.fails(2, "types", "--core", core, "-p", target.pid)
        build.fails(2, "types", "--exe", core, target.pid)
        build.fails(2, "attach", "--core", core)
        build.fails(2, "watch", "--core", core, "-d", target.work)
    return 16


# Parts of what is resident that a core file tells as well, if not what is zero.
SAME_PARTS = ["objects", "blocks", "free", "stacks"]
# Before Linux 6.7 free memory that was only read is not told from what is resident.
if [int(number) for number in os.uname().release.split(".")[:2]] >= [6, 7]:
    SAME_PARTS.append("outside")


def parts(build, *args):
    document = json.loads(build.ok("memory", *args, "-j"))
    return {part["part"]: part["bytes"] for part in document["parts"]}


@test
def memory_of_core_is_that_of_the_process(build):
    """gcore reads each page, which then is present, but holds zeros: neither takes it for memory."""
    with Target(first_python(), "memory.py", "truth") as target, \
            tempfile.TemporaryDirectory() as folder:
        for way in ("outside", "free", "stacks"):
            check(target.ask(way) == way, way)
        wait_asleep(target.pid)
        before = parts(build, target.pid)
        core = gcore(target.pid, folder)
        after, ours = parts(build, target.pid), parts(build, "--core", core)
        for part in SAME_PARTS:
            check(abs(after[part] - before[part]) <= 1 << 20, f"{part}: {before} {after}")
            check(abs(ours[part] - before[part]) <= 1 << 20, f"{part}: {before} {ours}")
        build.ok("snapshot", "--core", core, "-o", f"{core}.0")
        build.ok("snapshot", target.pid, "-o", f"{core}.1")
        check(parts(build, f"{core}.0") == ours, "a snapshot of the core says something else")
        check("in the core" in build.ok("info", f"{core}.0"), "info of a core says resident")
        check("the same snapshot" in build.fails(2, "memory", f"{core}.0", f"{core}.0"), "one core twice")
        check("core file" in build.fails(1, "memory", f"{core}.0", f"{core}.1"), "not alike")
        check("--core FILE" in build.fails(7, "memory", core), "a core as a snapshot")
    return 2 * len(SAME_PARTS) + 5


@test
def stacks_of_core_are_those_of_the_process(build):
    def functions(*args):
        document = json.loads(build.ok("stacks", "-j", *args))
        return [[frame["function"] for frame in thread["frames"]]
                for thread in document["threads"]]
    with core_of(first_python(), "threads_frames.py", "--dump", "truth") as (target, core):
        live, ours = functions(target.pid), functions("--core", core)
        check(sorted(live) == sorted(ours) and len(ours) > 1, f"{live} {ours}")
        native = functions("--core", core, "--native")
        check(all(len(a) > 3 for a in native), native)
    return 3


def stack_of(core, pid):
    """Where the bytes at the stack pointer of a thread that sleeps stand in the core file."""
    with open(f"/proc/{pid}/syscall") as file:  # number, six arguments, stack pointer, instruction
        address = int(file.read().split()[-2], 16)
    loads = subprocess.run(["readelf", "-lW", core], capture_output=True, text=True, check=True)
    for offset, start, size in re.findall(r"LOAD +(0x\w+) (0x\w+) 0x\w+ (0x\w+)", loads.stdout):
        if int(start, 16) <= address < int(start, 16) + int(size, 16):
            return int(offset, 16) + address - int(start, 16)
    raise AssertionError(f"no stack of {pid}")


@test
def missing_stacks_of_a_core_are_told(build):
    """As gcore leaves them where it cannot read them."""
    with core_of(first_python(), "threads_frames.py", "--dump", "truth") as (target, core):
        whole = build.run("stacks", "--core", core)
        check(not whole.returncode and "are not in the core" not in whole.stderr, whole.stderr)
        place = stack_of(core, target.pid)
        with open(core, "r+b") as file:
            file.seek(place)
            file.write(bytes(4096))
        told = build.run("stacks", "--core", core)
        count = len(os.listdir(f"/proc/{target.pid}/task"))
        check(f"the stacks of 1 of {count} threads are not in the core" in told.stderr, told.stderr)
    return 2


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)
    return path


@test
def what_is_no_whole_core_is_status_7(build):
    with core_of(first_python(), "workload.py", "--dump", "truth") as (target, core):
        with open(core, "rb") as file:
            data = file.read()
        cases = 0
        for size in (100, 1000, 5000, len(data) // 3, len(data) // 2, len(data) - 1):
            said = build.fails(7, "types", "--core", write(f"{core}.cut", data[:size]))
            check("truncated" in said or size < 200, said)
            check("ulimit" in said or size < 200, said)
            cases += 1
        other = bytearray(data)
        other[18] ^= 0xff  # e_machine
        check("machine" in build.fails(7, "types", "--core", write(f"{core}.cut", other)),
              "another machine")
        subprocess.run(["zstd", "-q", core, "-o", f"{core}.zst"], check=True)
        whole = build.ok("types", "--core", core)
        check(build.ok("types", "--core", f"{core}.zst") == whole, "zstd: not the same")
        with open(f"{core}.zst", "rb") as file:
            packed = file.read()
        check("truncated" in build.fails(7, "types", "--core",
                                         write(f"{core}.cut", packed[:len(packed) // 2])), "zstd")
        subprocess.run(["gzip", "-k", core], check=True)
        check("gunzip" in build.fails(7, "types", "--core", f"{core}.gz"), "gzip")
        check("not a core" in build.fails(7, "types", "--core", write(f"{core}.cut", b"")), "empty")
        check("not a core" in build.fails(7, "types", "--core", __file__), "text")
        check("not a core" in build.fails(7, "types", "--core", "/bin/true"), "executable")
        check("not a core" in build.fails(7, "types", "--core", "/tmp"), "folder")
        build.fails(1, "types", "--core", f"{core}.none")
    return cases + 8


@test
def core_of_other_program_is_status_3(build):
    with Sleeper(command=["sleep", "100"]) as process, tempfile.TemporaryDirectory() as folder:
        core = gcore(process.pid, folder)
        check("not a CPython" in build.fails(3, "types", "--core", core), "sleep")
    return 1


def set_filter(value):
    def change(target):
        with open(f"/proc/{target.pid}/coredump_filter", "w", encoding="ascii") as file:
            file.write(value)
    return change


@test
def coredump_filter_is_explained(build):
    with core_of(first_python(), "workload.py", "--dump", "truth", before=set_filter("0")) as \
            (_, core):
        check("coredump_filter" in build.fails(7, "types", "--core", core), "0")
    # Private anonymous memory only: the files on disk are taken as they are, and that is said.
    with core_of(first_python(), "workload.py", "--dump", "truth", before=set_filter("1")) as \
            (target, core):
        compare(read_truth(target.path("truth")[1]), capture(build, core))
        check("as they are now" in build.run("types", "--core", core).stderr, "not said")
    return 2


@test
def files_that_have_changed_are_not_used(build):
    """The core of a copy of an interpreter, which then goes away, or is another one."""
    source = next((i for i in interpreters() if i.root and not i.name.endswith("d")), None)
    if not source:
        raise Skip("no interpreter of Debian's")
    with tempfile.TemporaryDirectory(dir=source.root + "/tmp") as folder:
        path = f"{folder}/python{source.version}"
        shutil.copy(source.root + source.path, path)
        interpreter = source._replace(path=path[len(source.root):], env={"PYTHONHOME": "/usr"})
        with core_of(interpreter, "workload.py", "--dump", "truth") as (target, core):
            truth = read_truth(target.path("truth")[1])
            kept = f"{folder}/kept"
            os.rename(path, kept)
            said = build.fails(1, "types", "--core", core)
            check("--exe" in said and said.count("which the core needs") == 1, said)
            compare(truth, capture(build, core, EXE=kept))
            shutil.copy("/bin/true", path)
            said = build.fails(1, "types", "--core", core)
            check("not the file that the process had mapped" in said, said)
            check("--exe" in build.fails(1, "types", "--core", core, "--exe", "/bin/true"), "wrong")
            check("No such" in build.fails(1, "types", "--core", core, "--exe", path + "x"), "none")
            compare(truth, capture(build, core, EXE=kept))
    return 6


def crash(interpreter, how):
    """Run the script that crashes. Returns the folder and the core that the kernel wrote."""
    folder = tempfile.mkdtemp(dir=(interpreter.root or "") + "/tmp")
    os.chmod(folder, 0o777)
    shutil.copy(os.path.join(TARGETS, "crash.py"), folder)
    inside = folder[len(interpreter.root):]
    command = [interpreter.path, f"{inside}/crash.py", how]
    if interpreter.root:
        command = ["chroot", interpreter.root] + command
    subprocess.run(command, env=dict(os.environ, **interpreter.env), check=False,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    cores = glob.glob(f"{folder}/core*")
    return folder, cores[0] if cores else None


def kernel_writes_cores():
    with open("/proc/sys/kernel/core_pattern", encoding="ascii") as file:
        return file.read().strip() in ("core", "core.%p")


def each_crash(kind):
    """One interpreter of each version, the options and the core file of its crash."""
    if not kernel_writes_cores():
        raise Skip("kernel.core_pattern is not 'core'")
    for interpreter in versions():
        folder, core = crash(interpreter, kind)
        try:
            check(core, f"{interpreter.name}: no core file")
            yield interpreter, ["--sysroot", interpreter.root] if interpreter.root else [], core
        finally:
            shutil.rmtree(folder)


@test
def crash_is_read_from_the_kernels_core(build):
    done = 0
    for interpreter, root, core in each_crash("sort"):
        types = json.loads(build.ok("types", "--core", core, *root, "-j"))
        kept = [t["count"] for t in types["types"] if t["type"] == "__main__.Kept"]
        check(kept == [1234], f"{interpreter.name}: {kept}")
        doctor = build.ok("doctor", "--core", core, *root)
        check("signal 6" in doctor, f"{interpreter.name}: {doctor}")
        stacks = build.ok("stacks", "--core", core, *root)
        check("abort_inside_sort" in stacks and "local_of_the_crash" in stacks,
              f"{interpreter.name}: {stacks}")
        native = build.ok("stacks", "--native", "--core", core, *root)
        check(native.index("abort_inside_sort") < native.index("main (") and
              native.count("\n") > stacks.count("\n"), f"{interpreter.name}: {native}")
        if root:
            build.fails(1, "types", "--core", core)
        done += 1
    return done


@test
def crash_in_collection_is_status_6(build):
    done = 0
    for interpreter, root, core in each_crash("collection"):
        if interpreter.version.endswith("t"):
            # There the world goes on while a collection calls what is Python's.
            build.ok("types", "--core", core, *root)
        else:
            said = build.fails(6, "types", "--core", core, *root)
            check("garbage collection is running" in said and "core" in said, said)
        check("crash_in_collection" in build.ok("stacks", "--core", core, *root), "stacks")
        done += 1
    return done
