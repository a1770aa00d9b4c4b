"""The bench target: many tracked objects in a realistic mix, made over time and not in one go.

    million.py --objects N --ready FILE [--shape ordered|mixed|scattered]

Ordered: objects lie in memory nearly as they were made. Mixed: a quarter of them were replaced at
random later, and there are two texts, numbers and the like to each object that is tracked.
Scattered: half of them were replaced, and there are six.

Commands: "counter" answers the seconds of Counter(map(type, gc.get_objects())), median of three;
"collect" those of a full collection; "fork" those of a bare fork(), whose child ends at once;
"count" the number of tracked objects, frozen ones with them; "referents" the seconds of
gc.get_referents() for each of them; "objgraph", "pympler" and "guppy3" those of these tools, "nan"
where one is not installed.
"""
import collections
import gc
import os
import random
import sys
import time


class Customer:
    def __init__(self, n):
        self.name = "customer %d" % n
        self.orders = []
        self.address = {"street": "street %d" % (n % 1000), "lines": [str(n), "x" * (n % 60)]}


class Order:
    __slots__ = ("number", "items", "parent")

    def __init__(self, number, parent):
        self.number = number
        self.items = [("item %d" % (number % 500), number, [number])]
        self.parent = parent


class Row:
    def __init__(self, n, chooser):
        self.name = "customer %d" % n
        self.score = chooser.random() * n
        self.code = "%x" % chooser.getrandbits(60)
        self.tags = ["tag %d" % chooser.getrandbits(30) for _ in range(3)]
        self.meta = {"id": n + 1000, "note": "n" * chooser.randrange(40) + str(n),
                     "when": (n * 3600 + 7, "utc%d" % n)}


class Item:
    def __init__(self, n, chooser, parent):
        self.name = "item %d" % n
        self.price = chooser.random() * n
        self.meta = {"id": n + 1000, "note": "n" * chooser.randrange(40) + str(n),
                     "tags": ["tag %d" % chooser.getrandbits(30)
                              for _ in range(chooser.randrange(4))]}
        self.origin = (parent, n * 3600 + 7, "utc%d" % n)


def mix(count):
    """Four objects of each item are tracked: itself, its dict, its list, its tuple."""
    chooser = random.Random(1)
    items = [None]
    made = 0
    while 4 * len(items) < count:
        made += 1
        item = Item(made, chooser, items[chooser.randrange(min(len(items), 50))])
        if len(items) > 1000 and chooser.random() < 0.25:
            items[chooser.randrange(len(items))] = item
        else:
            items.append(item)
    return items


def scatter(count):
    """Two objects of each row are tracked once the collector has seen it: to 3.13 not its dict."""
    chooser = random.Random(1)
    rows = []
    for n in range(count // 2):
        if len(rows) > 1000 and chooser.random() < 0.5:
            rows[chooser.randrange(len(rows))] = Row(n, chooser)
        rows.append(Row(n, chooser))
    return rows


def fill(count):
    """Some of what is made is dropped again, so that memory is fragmented as in a real service."""
    chooser = random.Random(1)
    customers = []
    made = 0
    while made < count:
        customer = Customer(len(customers))
        for _ in range(chooser.randrange(6)):
            customer.orders.append(Order(made, customer))
            made += 4
        customers.append(customer)
        made += 4
        if chooser.random() < 0.2:
            victim = chooser.randrange(len(customers))
            made -= 4 + 4 * len(customers[victim].orders)
            customers[victim] = Customer(victim)
            made += 4
    return customers


def timed(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def fork():
    start = time.perf_counter()
    pid = os.fork()
    if not pid:
        os._exit(0)
    seconds = time.perf_counter() - start
    os.waitpid(pid, 0)
    return seconds


def referents():
    count = 0
    for thing in gc.get_objects():
        count += len(gc.get_referents(thing))
    return count


def objgraph():
    import objgraph as peer
    return timed(peer.most_common_types)


def pympler():
    from pympler import muppy, summary
    return timed(lambda: summary.summarize(muppy.get_objects()))


def guppy3():
    import guppy
    return timed(lambda: str(guppy.hpy().heap()))


def installed(function):
    try:
        return function()
    except ImportError:
        return float("nan")


SHAPES = {"ordered": fill, "mixed": mix, "scattered": scatter}
COMMANDS = {
    "counter": lambda: sorted(timed(lambda: collections.Counter(map(type, gc.get_objects())))
                              for _ in range(3))[1],
    "collect": lambda: timed(gc.collect),
    "fork": fork,
    "count": lambda: len(gc.get_objects()) + gc.get_freeze_count(),
    "referents": lambda: timed(referents),
    "objgraph": lambda: installed(objgraph),
    "pympler": lambda: installed(pympler),
    "guppy3": lambda: installed(guppy3),
}


def main():
    options = dict(zip(sys.argv[1::2], sys.argv[2::2]))
    kept = SHAPES[options.get("--shape", "ordered")](int(options["--objects"]))
    gc.collect()
    with open(options["--ready"] + ".new", "w") as file:
        file.write("ready\n")
    os.rename(options["--ready"] + ".new", options["--ready"])
    for line in iter(sys.stdin.readline, ""):
        print(COMMANDS[line.strip()](), flush=True)
    del kept


main()
