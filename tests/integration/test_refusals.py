"""What no capture can be made of, provoked on real processes: versions, builds and moments."""
import contextlib
import os
import shutil
import struct
import subprocess
import tempfile

from harness import Interpreter, Target, check, eventually, first_python, state_of, test
from test_errors import SLEEP, Sleeper

DYNSYM = 11  # elf.h: SHT_DYNSYM
SYMBOL = struct.Struct("<IBBHQQ")
SIZE_IN_SYMBOL = 16


def sections(data):
    """(type, address, offset, size, link) of each."""
    at, = struct.unpack_from("<Q", data, 40)
    size, count = struct.unpack_from("<HH", data, 58)
    for i in range(count):
        _, kind, _, address, offset, length, link, _, _, _ = struct.unpack_from(
            "<IIQQQQIIQQ", data, at + i * size)
        yield kind, address, offset, length, link


def find_symbol(data, name):
    """Where in the file a dynamic symbol's own entry and what it names are."""
    listed = list(sections(data))
    for kind, _, offset, length, link in listed:
        if kind != DYNSYM:
            continue
        texts = listed[link][2]
        for entry in range(offset, offset + length, SYMBOL.size):
            text, _, _, section, value, _ = SYMBOL.unpack_from(data, entry)
            if data[texts + text:texts + text + len(name) + 1] == name + b"\0":
                _, address, where, _, _ = listed[section]
                return entry, value - address + where
    raise AssertionError(f"no symbol {name}")


@contextlib.contextmanager
def changed_python(change):
    """The machine's interpreter with other bytes in its file, and nothing by which debug files of the
    real one are found."""
    python = first_python()
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/{os.path.basename(python.path)}"
        shutil.copy(python.path, path)
        subprocess.run(["objcopy", "-R", ".note.gnu.build-id", "-R", ".gnu_debuglink", path],
                       check=True)
        with open(path, "rb") as file:
            data = bytearray(file.read())
        change(data)
        with open(path, "wb") as file:
            file.write(data)
        yield Interpreter("changed", "", path, python.version, {"PYTHONHOME": "/usr"})


def refused(build, interpreter, words):
    """Every command that reads a process says the same."""
    with Target(interpreter, "scripted_leak.py", "--gc", "on") as target, \
            tempfile.TemporaryDirectory() as folder:
        commands = [["types"], ["attach", "--count", "1"], ["stacks"], ["doctor"], ["retained"],
                    ["memory"], ["paths", "builtins.list"], ["snapshot", "-o", f"{folder}/a"]]
        for command in commands:
            said = build.fails(3, command[0], target.pid, *command[1:], stdin=subprocess.DEVNULL)
            check(all(word in said for word in words), f"{command}: {said}")
        check(target.ask("make 1") == "ok", "the target is harmed")
    return len(commands)


@test
def a_version_that_is_not_supported_is_status_3(build):
    done = 0
    for version, text in ((0x031000f0, "3.16.0"), (0x030712f0, "3.7.18")):
        def change(data, number=version):
            _, value = find_symbol(data, b"Py_Version")
            struct.pack_into("<I", data, value, number)

        with changed_python(change) as interpreter:
            done += refused(build, interpreter, [f"CPython {text} is not supported", "3.8 to 3.15"])
    return done


@test
def a_build_that_is_not_known_is_status_3(build):
    """Another size of _PyRuntime than in any table, and no debug information."""
    def change(data):
        entry, _ = find_symbol(data, b"_PyRuntime")
        size, = struct.unpack_from("<Q", data, entry + SIZE_IN_SYMBOL)
        struct.pack_into("<Q", data, entry + SIZE_IN_SYMBOL, size + 8)

    with changed_python(change) as interpreter:
        return refused(build, interpreter, ["no layout is known", "build-id none", "debug symbols"])


@test
def a_layout_that_does_not_fit_is_status_3(build):
    """The process contradicts its own file."""
    code = "import sys\nsys.hexversion = 0x030200f0\n" + SLEEP
    with Sleeper(code) as process:
        for command in ("types", "doctor", "stacks"):
            said = build.fails(3, command, process.pid)
            check("does not fit this process" in said and "sys.hexversion" in said, said)
    return 3


COLLECTS = """
import gc, time
class Slow:
    def __del__(self):
        print("ready", flush=True)
        time.sleep(600)
slow = Slow()
slow.itself = slow
del slow
gc.collect()
"""


@test
def a_collection_that_does_not_end_is_status_6(build):
    with Sleeper(COLLECTS) as process, tempfile.TemporaryDirectory() as folder:
        for command in (["types"], ["retained"], ["snapshot", "-o", f"{folder}/a"],
                        ["attach", "--count", "1"]):
            said = build.fails(6, command[0], process.pid, *command[1:], "--wait-gc", "100ms",
                               stdin=subprocess.DEVNULL)
            check("garbage collection is running" in said, f"{command}: {said}")
        check("__del__" in build.ok("stacks", process.pid), "stacks need no end of it")
    return 5


# posix_spawn() waits for its child as vfork() does, and the child for somebody to write.
WAITS = """
import os, time
print("ready", flush=True)
os.posix_spawn("/bin/true", ["true"], {}, file_actions=[(os.POSIX_SPAWN_OPEN, 0, %r, os.O_RDONLY, 0)])
time.sleep(600)
"""


@test
def a_process_that_cannot_be_stopped_is_status_6(build):
    """Its siblings would stand for as long, so it is left alone, and read when that is over."""
    with tempfile.TemporaryDirectory() as folder:
        pipe = f"{folder}/pipe"
        os.mkfifo(pipe)
        with Sleeper(WAITS % pipe) as process:
            eventually(lambda: state_of(process.pid) == "D", "it never waits")
            said = build.fails(6, "types", process.pid)
            check("uninterruptible wait" in said, said)
            check(state_of(process.pid) == "D", "it was woken")
            with open(pipe, "w"):
                eventually(lambda: state_of(process.pid) == "S", "it waits for ever")
            build.ok("types", process.pid)
    return 2
