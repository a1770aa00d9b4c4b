"""Objects that are held in many ways, and the process as the judge of each reference.

    holders.py --ready FILE

Answers lines: "leaves" with the addresses of the held objects, one for each way; "edge SOURCE
TARGET NAME" with "yes" where gc.get_referents(SOURCE) has TARGET or the attribute NAME is it;
"module NAME ADDRESS" with "yes" where that is in sys.modules.
"""
import collections
import contextvars
import ctypes
import functools
import gc
import sys
import threading
import types


class Leaf:
    """A class of its own for each way, so that each is found alone."""

    def method(self):
        return self


class Holder:
    shared = None

    def __init__(self, leaf):
        self.leaf = leaf


class Slotted:
    __slots__ = ("leaf",)


class Inherited(dict):
    pass


def closure(leaf):
    def inner():
        return leaf
    return inner


def generator(leaf):
    yield leaf


async def coroutine(leaf):
    await waits(leaf)


@types.coroutine
def waits(leaf):
    yield leaf


def started(generator_):
    generator_.send(None)
    return generator_


def slotted(leaf):
    holder = Slotted()
    holder.leaf = leaf
    return holder


def failed(leaf):
    held = leaf
    try:
        raise ValueError(str(len(type(held).__name__)))
    except ValueError as error:
        return error


def cached(leaf):
    @functools.lru_cache(None)
    def answer(n):
        return leaf if n else None
    answer(1)
    return answer


def with_default(leaf):
    def function(argument=leaf):
        return argument
    return function


def context(leaf):
    made = contextvars.Context()
    made.run(contextvars.ContextVar("held").set, leaf)
    return made


def class_of(leaf):
    return type("Made", (), {"leaf": leaf})


def chain(leaf):
    for number in range(50):
        leaf = [number, leaf] if number % 2 else {"next": leaf}
    return leaf


def local_of(leaf):
    local = threading.local()
    local.leaf = leaf
    return local


WAYS = {
    "dict": lambda leaf: {"key": leaf}, "dict_key": lambda leaf: {leaf: 1},
    "list": lambda leaf: [leaf], "tuple": lambda leaf: (1, [leaf]),
    "set": lambda leaf: {leaf}, "frozenset": lambda leaf: frozenset([leaf]),
    "deque": lambda leaf: collections.deque([leaf], 3),
    "ordered": lambda leaf: collections.OrderedDict(a=leaf),
    "defaultdict": lambda leaf: collections.defaultdict(list, a=leaf),
    "subclass": lambda leaf: Inherited(a=leaf),
    "instance": Holder, "slots": slotted, "closure": closure,
    "generator": lambda leaf: started(generator(leaf)),
    "coroutine": lambda leaf: started(coroutine(leaf)),
    "partial": lambda leaf: functools.partial(print, leaf, a=leaf),
    "method": lambda leaf: leaf.method, "exception": failed, "lru_cache": cached,
    "default": with_default, "context": context, "class": class_of, "chain": chain,
    "local": local_of, "property": lambda leaf: property(leaf.method),
    "proxy": lambda leaf: types.MappingProxyType({"a": leaf}),
    "namespace": lambda leaf: types.SimpleNamespace(leaf=leaf),
    "iterator": lambda leaf: iter([leaf]), "map": lambda leaf: map(print, [leaf]),
}
LEAVES = {}
KEPT = {}


def make():
    for way, hold in WAYS.items():
        leaf = type("Leaf_" + way, (Leaf,), {})()
        LEAVES[way] = id(leaf)
        KEPT[way] = hold(leaf)


def at(address):
    return ctypes.cast(int(address, 16), ctypes.py_object).value


def is_edge(source, target, name):
    holder, held = at(source), at(target)
    if any(one is held for one in gc.get_referents(holder)):
        return True
    # Attributes that have no dict of their own yet, and values that only threads see.
    try:
        return object.__getattribute__(holder, name.lstrip(".")) is held
    except AttributeError:
        return False


def answer(word, *rest):
    if word == "leaves":
        return " ".join("%s=%#x" % item for item in LEAVES.items())
    if word == "edge":
        return "yes" if is_edge(rest[0], rest[1], rest[2] if rest[2:] else "") else "no"
    return "yes" if sys.modules.get(rest[0]) is at(rest[1]) else "no"


def main():
    make()
    gc.collect()
    with open(sys.argv[sys.argv.index("--ready") + 1], "w"):
        pass
    for line in sys.stdin:
        print(answer(*line.split()), flush=True)


main()
