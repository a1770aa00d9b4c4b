"""Ground truth for identity: objects with serial numbers, replaced at random.

    churn.py --gc on|off --ready FILE

Commands: "churn K" frees K objects of the pool chosen at random and then makes K new ones, which
take the free addresses; "collect N" is gc.collect(N); "truth FILE" writes "ADDRESS KIND SERIAL" for
each object of the pool. Each is answered by "done". A tenth of the pool is never replaced.
"""
import random

from serials import options, serve, write_truth

POOL = 4000


class Instance:
    def __init__(self, n):
        self.n = n
        self.name = "name %d" % n


class Slots:
    __slots__ = ("n", "name")

    def __init__(self, n):
        self.n = n
        self.name = "name %d" % n

    def method(self):
        return self.n


def make_function(n):
    def function():
        return n
    return function


def numbers(n):
    yield n
    yield n


def make_generator(n):
    generator = numbers(n)
    next(generator)
    return generator


KINDS = [
    ("instance", Instance),
    ("slots", Slots),
    ("list", lambda n: [n, []]),
    ("empty", lambda n: []),
    ("dict", lambda n: {"n": n, "l": []}),
    ("tuple", lambda n: (n, [])),
    ("set", lambda n: {n, (n, "x")}),
    ("function", make_function),
    ("method", lambda n: Slots(n).method),
    ("generator", make_generator),
]

pool, serials = [], []
next_serial = 0
chooser = random.Random(20)


def make(index):
    """A new object at this place of the pool; its serial is known here and nowhere else."""
    global next_serial
    next_serial += 1
    pool[index] = KINDS[index % len(KINDS)][1](next_serial)
    serials[index] = next_serial


def churn(count):
    chosen = chooser.sample(range(POOL // 10, POOL), min(count, POOL * 9 // 10))
    for index in chosen:
        pool[index] = None
    garbage = [[] for _ in range(count)]
    del garbage
    for index in chosen:
        make(index)


def truth(path):
    write_truth(path, [(id(pool[i]), KINDS[i % len(KINDS)][0], serials[i]) for i in range(POOL)])


def main():
    found = options()
    pool.extend([None] * POOL)
    serials.extend([0] * POOL)
    for index in range(POOL):
        make(index)
    serve(found["--ready"], churn, truth)


main()
