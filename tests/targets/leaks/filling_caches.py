"""A window and a cache with limits that are far from full, and a list that has none."""
import collections
import functools

from steps import Payload, serve

RECENT = collections.deque(maxlen=100000)
LOG = []
THOUGHTS = collections.deque()  # has no limit


@functools.lru_cache(maxsize=100000)
def compiled(key):
    return Payload(len(key))


class Visit:
    def __init__(self, number):
        self.payload = Payload(number)


def handle(number):
    compiled(("key", number))
    RECENT.append(Visit(number))
    LOG.append([number])


serve(handle)
