"""A thread whose innermost frame loses its code object for a while, as between two instructions that
link a frame; CPython 3.11.

    torn_frame.py --ready FILE

Commands, each answered with a line: "tear", "mend", and "end", which lets the thread go on.
"""
import ctypes
import sys
import threading

import truth

WORD = 8
FRAME_OBJECT_FRAME = 3 * WORD  # PyFrameObject.f_frame
FRAME_CODE = 4 * WORD          # _PyInterpreterFrame.f_code


def word_at(address):
    return ctypes.c_uint64.from_address(address)


def wait_inside(gate, results):
    gate.acquire()
    results.append("went on")


def code_of(thread):
    """Where its innermost frame refers to its code."""
    frame = sys._current_frames()[thread.ident]
    place = word_at(word_at(id(frame) + FRAME_OBJECT_FRAME).value + FRAME_CODE)
    if place.value != id(wait_inside.__code__):
        raise SystemExit("the frame is laid out otherwise")
    return place


def main():
    gate, results = threading.Lock(), []
    gate.acquire()
    thread = threading.Thread(target=wait_inside, args=(gate, results))
    thread.start()
    place = code_of(thread)
    code = place.value
    truth.write_file(sys.argv[2], b"ready\n")
    for line in iter(sys.stdin.readline, ""):
        place.value = 0 if line == "tear\n" else code
        if line == "end\n":
            gate.release()
            thread.join()
            print(*results, flush=True)
            return
        print("done", flush=True)


main()
