"""The oracle with what is built in alone, for interpreters that can load no extension module.

    plain.py --dump FILE --ready FILE

FILE as workload.py writes it. Then it waits for standard input to end.
"""
import gc
import os
import sys

import truth


class Plain:
    def __init__(self, number):
        self.number = number
        self.items = [number, {number: str(number)}, (self, number)]


class Slotted:
    __slots__ = "left", "right"

    def __init__(self, left):
        self.left = left
        self.right = lambda: left


KEEP = [kind(number) for kind in (Plain, Slotted) for number in range(1000)]


def main():
    options = dict(zip(sys.argv[1:], sys.argv[2:] + [""]))
    gc.collect()
    gc.disable()
    truth.dump(options["--dump"])
    truth.write_file(options["--ready"], b"ready\n")
    os.read(0, 1)


main()
