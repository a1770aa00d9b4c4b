"""A process with types whose tp_traverse is broken, each in another way: bad_traverse.py --ready FILE

The collector is off, or it would run them here. Answers "ping" with "pong".
"""
import ctypes
import gc
import mmap
import os
import sys

INSTANCES = 20
TRAVERSE_AT = 184  # of tp_traverse in PyTypeObject, on 64-bit machines
# x86-64; a system call: exit_group(0); without end: visit(self, arg) again and again.
CODES = {
    "Crash": "0f0b",
    "Hang": "ebfe",
    "Exit": "b8e7000000" "31ff" "0f05" "c3",
    "Endless": "53" "55" "4154" "4889fb" "4889f5" "4989d4" "4889df" "4c89e6" "ffd5" "ebf6",
    "Nowhere": None,
}
KEEP = []


class Fine:
    pass


def set_traverse(kind, address):
    field = ctypes.c_void_p.from_address(id(kind) + TRAVERSE_AT)
    assert field.value, "tp_traverse is somewhere else"
    field.value = address


def main():
    gc.disable()
    page = mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS,
                     prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    start = ctypes.addressof(ctypes.c_char.from_buffer(page))
    kinds = [Fine]
    for number, (name, code) in enumerate(CODES.items()):
        kind = type(name, (), {})
        kinds.append(kind)
        if code:
            page[64 * number:64 * number + len(code) // 2] = bytes.fromhex(code)
            set_traverse(kind, start + 64 * number)
        else:
            set_traverse(kind, 0x10)
    for kind in kinds:
        for i in range(INSTANCES):
            item = kind()
            item.held = ["held by %s %d" % (kind.__name__, i)]
            KEEP.append(item)
    os.close(os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT, 0o644))
    while sys.stdin.readline():
        print("pong", flush=True)


main()
