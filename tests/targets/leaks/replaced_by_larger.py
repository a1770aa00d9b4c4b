"""Containers and texts that grow although each request makes them anew."""
import array
import collections
import gc

from steps import Payload, serve


class Journal:
    def __init__(self):
        self.text = ""


CACHE = {}
WINDOW = {}
RECENT = collections.deque(maxlen=100000)
JOURNAL = Journal()
DATA = b""
ROWS = ()
NUMBERS = array.array("d")
STEADY = ""


def handle(number):
    global CACHE, WINDOW, DATA, ROWS, NUMBERS, STEADY
    CACHE = {i: Payload(i) for i in range(20 + number)}
    WINDOW = {i: Payload(i) for i in range(100)}
    JOURNAL.text = JOURNAL.text + "request %04d was handled, and here is what it said about itself\n" % number
    DATA = DATA + b"x" * 100
    ROWS = ROWS + (None,) * 20
    NUMBERS = NUMBERS + array.array("d", [number] * 10)
    STEADY = "%08d" % number * 1000
    RECENT.clear()
    RECENT.extend([object() for _ in range(number)])
    gc.collect(0)

serve(handle)
