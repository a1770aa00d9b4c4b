"""The interpreter on disk is deleted or another one by now, and the process runs on."""
import glob
import json
import os
import shutil
import subprocess
import tempfile

from harness import (Build, Skip, check, first_python, other_interpreters, test,
                     wait_asleep)

NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
SLEEP = """
import time
class Kept: pass
kept = [Kept() for _ in range(1234)]
print('ready', flush=True)
time.sleep(1000)
"""


def shared_interpreters():
    """Those with a libpython of their own, and its path."""
    for interpreter in other_interpreters():
        library = os.path.join(os.path.dirname(os.path.dirname(interpreter.path)), "lib",
                               f"libpython{interpreter.version}.so.1.0")
        if os.path.exists(library):
            yield interpreter, library


def copy(path, folder):
    """A copy with its build-id and without DWARF, as packages have it."""
    to = os.path.join(folder, os.path.basename(path))
    subprocess.run(["strip", "-o", to, path], check=True)
    os.chmod(to, 0o755)
    return to


def upgrade(path):
    """What a package manager does: another file takes the name."""
    shutil.copy("/bin/true", path + ".new")
    os.rename(path + ".new", path)


def look(run, build, pid):
    types = json.loads(run(build, "types", pid, "-j"))["types"]
    check(["__main__.Kept", 1234] in [[t["type"], t["count"]] for t in types], "Kept")
    doctor = json.loads(run(build, "doctor", pid, "-j"))
    return types, doctor["build_id"], doctor["version"]


def as_we_are(build, *args):
    return build.ok(*args)


def as_nobody(build, *args):
    result = subprocess.run([*NOBODY, build.program("reftracker"), *map(str, args)],
                            capture_output=True, text=True, check=False, timeout=300)
    check(result.returncode == 0, f"as nobody: {args}: {result.stderr}")
    return result.stdout


def check_upgrade(build, folder, command, files, change, env=None):
    """Everything is as it was before @change, for us and for one who may do nothing special."""
    process = subprocess.Popen([*NOBODY, *command, "-c", SLEEP], stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, text=True, cwd=folder,
                               env=dict(os.environ, **(env or {})))
    try:
        check(process.stdout.readline() == "ready\n", f"{command} is never ready")
        wait_asleep(process.pid)
        before = look(as_we_are, build, process.pid)
        for path in files:
            change(path)
        check(look(as_we_are, build, process.pid) == before, f"{command}: not as before")
        check(look(as_nobody, build, process.pid) == before, f"{command}: not for nobody")
        stacks = as_nobody(build, "stacks", "--native", process.pid)
        check("time_sleep" in stacks or "_PyEval" in stacks or "Py" in stacks, stacks)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def places():
    """A folder for anybody, and the program in it."""
    folder = tempfile.TemporaryDirectory()
    os.chmod(folder.name, 0o755)
    return folder


def program_for_anybody(build, folder):
    if os.geteuid() != 0:
        raise Skip("only root can be somebody else")
    shutil.copy(build.program("reftracker"), folder)
    return Build(folder)


def copy_modules(interpreter, folder):
    """What an interpreter needs to begin, where anybody can read it."""
    name = f"lib/python{interpreter.version}"
    source = os.path.join(os.path.dirname(os.path.dirname(interpreter.path)), name)
    for part in ("", "encodings", "collections", "lib-dynload", "importlib", "re"):
        os.makedirs(f"{folder}/home/{name}/{part}", exist_ok=True)
        for path in glob.glob(f"{source}/{part}/*"):
            if os.path.isfile(path) and not path.endswith(".a"):
                shutil.copy(path, f"{folder}/home/{name}/{part}")
    return f"{folder}/home"


@test
def upgraded_libpython_is_read_from_memory(build):
    done = 0
    for interpreter, library in shared_interpreters():
        for change in (upgrade, os.remove):
            with places() as folder:
                public = program_for_anybody(build, folder)
                home = copy_modules(interpreter, folder)
                executable = copy(interpreter.path, folder)
                check_upgrade(public, folder, [executable], [copy(library, folder), executable],
                              change, {"LD_LIBRARY_PATH": folder, "PYTHONHOME": home})
                done += 1
    if not done:
        raise Skip("no interpreter with a libpython")
    return done


@test
def upgraded_executable_is_read(build):
    for change in (upgrade, os.remove):
        with places() as folder:
            public = program_for_anybody(build, folder)
            executable = copy(first_python().path, folder)
            check_upgrade(public, folder, [executable], [executable], change,
                          {"PYTHONHOME": "/usr"})
    return 2
