"""Cycles without a finalizer. A line on standard input is a number of requests, or what is done with
the collector.
"""
import gc
import sys


class Node:
    """One of each request."""

    def __init__(self, number):
        self.body = "request %d" % number * 8
        self.me = self


DO = {
    "off": gc.disable,
    "on": lambda: (gc.enable(), gc.set_threshold(700)),
    "zero": lambda: (gc.enable(), gc.set_threshold(0)),
    "freeze": lambda: FREEZING.append(True),
}
FREEZING = []  # whether what is there after some requests is put aside, garbage or not

gc.collect()
done = 0
print("ready", flush=True)
for line in sys.stdin:
    word = line.strip()
    if word in DO:
        DO[word]()
    else:
        for _ in range(int(word)):
            done += 1
            Node(done)
        if FREEZING:
            gc.freeze()
    print("ok", flush=True)
