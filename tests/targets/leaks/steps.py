"""What all leaking programs here share: each line on standard input is a number of requests to
handle, answered by "ok" when they are done.

Each handles requests in a way that looks reasonable, and keeps something of each.
"""
import sys


class Payload:
    """Something of a request that should be gone when it is answered."""

    def __init__(self, number):
        self.number = number
        self.body = "request %d" % number * 8
        self.parts = [self.body[:i] for i in range(3)]


def serve(handle):
    done = 0
    print("ready", flush=True)
    for line in sys.stdin:
        for _ in range(int(line)):
            done += 1
            handle(done)
        print("ok", flush=True)
