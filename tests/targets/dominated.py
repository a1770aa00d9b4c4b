"""Objects of many shapes at random, some of which share parts. When it is told to go on, it prints
for each its address and what guppy3 says would go with it.

guppy3 does not see who holds a str that is the key of a dict (keys here are small numbers), nor what
is made on demand, as the dict of an instance since 3.11: it is asked for here beforehand.
"""
import collections
import functools
import random
import sys

from guppy import hpy

RANDOM = random.Random(7)
WHOLES, SHARED = 150, 20


class Node:
    def __init__(self, *parts):
        self.parts = list(parts)
        self.next = None
        vars(self)


class Slotted:
    __slots__ = ("a", "b")

    def __init__(self, a, b):
        self.a, self.b = a, b


def text():
    return "".join(RANDOM.choices("abcdef", k=RANDOM.randrange(5, 300)))


def circle(below):
    node = Node(below())
    node.next = Node(node, below())
    return node


SHAPES = (
    lambda below: [below() for _ in range(RANDOM.randrange(8))],
    lambda below: {i: below() for i in range(RANDOM.randrange(8))},
    lambda below: Node(below(), below()),
    lambda below: Slotted(below(), RANDOM.random()),
    lambda below: (below(), below(), text()),
    lambda below: collections.deque([below() for _ in range(RANDOM.randrange(6))]),
    lambda below: functools.partial(max, below()),
    circle,
)


def make(depth):
    """At least one container, and at most @depth of them in each other."""
    return RANDOM.choice(SHAPES)(lambda: make(depth - 1) if depth > 1 and RANDOM.random() < 0.9
                                 else text())


def main():
    shared = [make(3) for _ in range(SHARED)]
    chosen = shared[:]
    for _ in range(WHOLES):
        whole = [make(5), RANDOM.choice(shared), RANDOM.choice(shared)]
        chosen += [whole, whole[0]]
    del shared, whole
    print("ready", flush=True)
    sys.stdin.readline()
    heap = hpy()
    for i, one in enumerate(chosen):
        chosen[i] = None  # this list would hold it as well
        print(id(one), heap.iso(one).domisize, flush=True)
        chosen[i] = one


main()
