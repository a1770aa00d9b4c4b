"""What grows itself: buffers, and containers of what was there before. Nothing new is in them."""
import array
import collections
import io

from steps import Payload, serve

SHARED = object()
NUMBERS = array.array("q")
LOG = bytearray()
FLAGS = []
OUTPUTS = {"client%d" % number: io.BytesIO() for number in range(60)}
KEPT = []  # a leak of the other kind: the list is larger because of what is in it
RECENT = collections.deque(maxlen=10 ** 6)
SET_UP = bytearray()


def handle(number):
    LOG.extend(b"request\n" * 64)
    NUMBERS.extend(range(64))
    FLAGS.extend([None, SHARED] * 32)
    for output in OUTPUTS.values():
        output.write(b"answer\n" * 8)
    KEPT.append(Payload(number))
    RECENT.extend([SHARED] * 64)
    if number == 1:
        SET_UP.extend(bytes(10 ** 6))


serve(handle)
