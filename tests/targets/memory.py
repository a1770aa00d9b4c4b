"""The target for `memory`: knows its allocator's own figures, and grows in one way at a time.

    memory.py truth --ready FILE

What sys._debugmallocstats() says is written to the file truth when "stats" is asked for, what glibc
says of its heap when "mallinfo" is; it then sleeps, and nothing is allocated or freed any more. Every
other line is a way to grow.
"""
import ctypes
import mmap
import os
import sys
import tempfile
import threading
import time

MEGA = 1 << 20
KEPT = []


def grow_objects():
    KEPT.append([str(number) + "x" for number in range(300000)])


def grow_outside():
    block = bytearray(24 * MEGA)
    block[:] = b"x" * len(block)
    KEPT.append(block)


def grow_free():
    """Of every hundred one stays: no arena can be given back."""
    KEPT.append([str(number) + "x" for number in range(400000)][::100])


def grow_native():
    malloc = ctypes.CDLL(None).malloc
    malloc.restype = ctypes.c_void_p
    malloc.argtypes = [ctypes.c_size_t]
    ctypes.memset(malloc(24 * MEGA), 1, 24 * MEGA)


def fragment(count):
    """Of every fifty blocks one stays, so that the heap cannot shrink."""
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    libc.malloc.argtypes = [ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]
    blocks = [libc.malloc(8000) for _ in range(count)]
    for block in blocks:
        ctypes.memset(block, 1, 8000)
    for number, block in enumerate(blocks):
        if number % 50:
            libc.free(block)


def grow_malloc():
    fragment(3000)


def is_alive(thread):
    """To the kernel, and without /proc, which a root may lack."""
    try:
        os.kill(thread, 0)
    except ProcessLookupError:
        return False
    return True


def grow_heaps():
    """More than fits into one heap of a thread."""
    thread = threading.Thread(target=fragment, args=(11000,))
    thread.start()
    thread.join()
    # glibc frees what the thread has kept for itself only after it was joined here.
    while is_alive(thread.native_id):
        time.sleep(0.001)


def use_mapping(mapping):
    for start in range(0, len(mapping), 4096):
        mapping[start] = 1
    KEPT.append(mapping)


def grow_shared():
    use_mapping(mmap.mmap(-1, 24 * MEGA))


def grow_files():
    with tempfile.TemporaryFile(dir=os.path.dirname(os.path.abspath(__file__))) as file:
        file.truncate(24 * MEGA)
        use_mapping(mmap.mmap(file.fileno(), 24 * MEGA))


def deep(depth, arrived, gate):
    """Native frames: a comparison of nested tuples needs some for each."""
    nested = ()
    for _ in range(depth):
        nested = (nested,)
    other = ()
    for _ in range(depth):
        other = (other,)
    try:
        nested == other  # pylint: disable=pointless-statement
    except RecursionError:
        pass
    del nested, other
    arrived.release()
    gate.acquire()


def grow_stacks():
    arrived, gate = threading.Semaphore(0), threading.Lock()
    gate.acquire()
    KEPT.append(gate)
    for _ in range(64):
        threading.Thread(target=deep, args=(300, arrived, gate), daemon=True).start()
    for _ in range(64):
        arrived.acquire()


def stats(path, write=os.write, sleep=time.sleep, tell=sys._debugmallocstats):
    os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), 2)
    write(1, b"stats\n")
    tell()
    sleep(3600)


def mallinfo(path, write=os.write, sleep=time.sleep):
    """What glibc says of its heap: ten numbers, mallinfo2(3) or mallinfo(3)."""
    libc = ctypes.CDLL(None)
    kind, tell = ((ctypes.c_size_t, libc.mallinfo2) if hasattr(libc, "mallinfo2") else
                  (ctypes.c_int, libc.mallinfo))
    tell.restype = type("Mallinfo", (ctypes.Structure,), {"_fields_": [("numbers", kind * 10)]})
    file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    write(file, tell())
    write(1, b"mallinfo\n")
    sleep(3600)


def main():
    with open(sys.argv[sys.argv.index("--ready") + 1], "w"):
        pass
    for line in sys.stdin:
        if line == "stats\n":
            stats(sys.argv[1])
        if line == "mallinfo\n":
            mallinfo(sys.argv[1])
        globals()["grow_" + line.strip()]()
        print(line, end="", flush=True)


main()
