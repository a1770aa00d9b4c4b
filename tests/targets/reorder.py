"""Ground truth for identity where collections change the order of objects: as churn.py, but caches
of things that hold older ones, whose values tell them apart or change all the time.

    reorder.py --gc on|off --style random|newest|oldest --ready FILE

The commands are those of churn.py. Style: which entries are replaced, and so in which order memory
becomes free. Each round also adds a tenth of as many entries that stay.
"""
import collections
import random

from serials import options, serve, write_truth

SIZE = 3000


class Session:
    def __init__(self, n):
        self.user = "user%d" % n


class Entry:
    """Younger than what it holds: a collection that meets both turns them round."""

    def __init__(self, session):
        self.session = session


class Counter:
    """What it holds changes all the time."""

    def __init__(self):
        self.hits = 0


class Point:
    __slots__ = ("x", "y")

    def __init__(self, n):
        self.x, self.y = float(n), None


class Flag:
    def __init__(self):
        self.seen = False


def entry(n):
    session = Session(n)
    return Entry(session), session


def nested(n):
    inner = {"n": n + 1000}
    return {"inner": inner, "tags": ["t", "u"]}, inner


def alone(make):
    return lambda n: (make(n),)


# Each makes a thing, and what in it is followed, too.
KINDS = {
    "entry": entry,
    "tuple": alone(lambda n: (n + 1000, "s%d" % n)),
    "dict": alone(lambda n: {"n": n + 1000, "s": "s%d" % n}),
    "nested": nested,
    "list": alone(lambda n: [n + 1000, "s%d" % n]),
    "counter": alone(lambda n: Counter()),
    "point": alone(Point),
    "flag": alone(lambda n: Flag()),
    "empty": alone(lambda n: []),
}

caches = {kind: collections.OrderedDict() for kind in KINDS}
serials = {kind: {} for kind in KINDS}
next_serial = 0
chooser = random.Random(7)


def add(kind):
    global next_serial
    next_serial += 1
    caches[kind]["key%d" % next_serial] = KINDS[kind](next_serial)[0]
    serials[kind]["key%d" % next_serial] = next_serial


def parts(kind, thing):
    yield kind, thing
    if kind == "entry":
        yield "session", thing.session
    if kind == "nested":
        yield "inner", thing["inner"]


def churn(count, style):
    for kind, cache in caches.items():
        keys = list(cache)[SIZE // 10:]
        if style == "random":
            keys = chooser.sample(keys, min(count, len(keys)))
        elif style == "newest":
            keys = keys[::-1][:count]
        else:
            keys = keys[:count]
        for key in keys:
            del cache[key], serials[kind][key]
        for _ in range(count + count // 10):
            add(kind)
    for counter in caches["counter"].values():
        counter.hits += 1000


def truth(path):
    write_truth(path, [(id(part), name, serials[kind][key])
                       for kind, cache in caches.items() for key, thing in cache.items()
                       for name, part in parts(kind, thing)])


def main():
    found = options()
    for kind in KINDS:
        for _ in range(SIZE):
            add(kind)
    serve(found["--ready"], lambda count: churn(count, found["--style"]), truth)


main()
