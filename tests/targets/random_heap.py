"""A heap put together at random, and the truth about it.

    random_heap.py --seed NUMBER --graph FILE --ready FILE

Classes with bases, slots and metaclasses that nobody chose, attributes that come and go in any order,
containers from which things were taken out, iterators and coroutines halfway; and all of them wired
with each other. FILE gets what truth.py tells of the graph. The same number gives the same heap, as far as one can be the same twice.
"""
import array
import collections
import contextvars
import decimal
import enum
import functools
import gc
import io
import itertools
import os
import random
import sys
import truth
import types
import weakref

MOST = 3000  # objects that are made on purpose
KEEP = []
CLASSES = [types.SimpleNamespace]  # and those that are made
BASES = (object, object, int, str, bytes, bytearray, tuple, list, dict, set, frozenset, float, complex,
         Exception, OSError, StopIteration, collections.deque, collections.OrderedDict,
         collections.defaultdict, collections.Counter, array.array, decimal.Decimal, io.BytesIO, io.StringIO,
         property, functools.partial, types.ModuleType, types.SimpleNamespace, weakref.ref, enum.Flag)
ARGUMENTS = ((), ([1, 2],), ("12",), (b"abc",), (7,), ("i", [1, 2]), (len,), (list, {"a": [1]}),
             ({"key": ["value"]},), (types.SimpleNamespace,))
NAMES = ["name_%d" % n for n in range(40)]


class Meta(type):
    def __new__(mcs, name, bases, body):
        body["made_by"] = [mcs]
        return super().__new__(mcs, name, bases, body)


def pick(rng):
    return rng.choice(KEEP) if KEEP else [rng.random()]


def a_number_or_text(rng):
    return rng.choice((rng.random(), rng.getrandbits(rng.choice((1, 30, 31, 200))), rng.choice(NAMES),
                       "".join(rng.choice("a\xe9\u4f60\U0001f600\ud800") for _ in range(rng.randrange(40)))))


def a_class(rng):
    bases = [rng.choice(CLASSES if rng.random() < .5 else BASES)]
    if rng.random() < .3:
        bases.append(rng.choice(CLASSES))
    slots = rng.sample(NAMES, rng.randrange(3))
    body = {"__slots__": (*slots, *rng.sample(("__dict__", "__weakref__"), rng.randrange(3)))}
    if rng.random() < .5:
        body = {name: pick(rng) for name in slots}
    made = rng.choice((type, Meta))("Class%d" % len(CLASSES), tuple(bases), body)
    CLASSES.append(made)
    return made


def an_instance(rng):
    item = rng.choice(CLASSES)(*rng.choice(ARGUMENTS))
    for _ in range(rng.choice((0, 2, 5, 60))):
        name = rng.choice(NAMES)
        if rng.random() < .8:
            setattr(item, name, pick(rng))
        elif name in getattr(item, "__dict__", ()):
            delattr(item, name)
    return item


def a_dict_of_an_instance(rng):
    item = an_instance(rng)
    held = item.__dict__
    what = rng.randrange(4)
    if what == 0:
        item.__dict__ = {name: pick(rng) for name in rng.sample(NAMES, 3)}
    elif what == 1:
        held[rng.choice((5, ("a", "key")))] = pick(rng)
    elif what == 2:
        an_instance(rng).__dict__ = held
    return [item, held]


def another_class(rng):
    item = an_instance(rng)
    item.__class__ = rng.choice(CLASSES)
    return item


def a_dict(rng):
    made = rng.choice((dict, collections.OrderedDict))()
    for _ in range(rng.choice((3, 8, 90, 400))):
        made[a_number_or_text(rng)] = pick(rng)
        if made and rng.random() < .3:
            made.pop(rng.choice(list(made)))
    return made


def a_set(rng):
    made = {a_number_or_text(rng) for _ in range(rng.choice((0, 4, 30, 300)))}
    for item in list(made)[::3]:
        made.discard(item)
    return rng.choice((set, frozenset))(made) if rng.random() < .5 else made


def a_row(rng):
    made = rng.choice((list, tuple, collections.deque))(pick(rng) for _ in range(rng.randrange(130)))
    if isinstance(made, list):
        del made[:rng.randrange(30)]
    return made


def numbers(depth, held):
    local = [depth]
    try:
        yield local
        if depth:
            yield from numbers(depth - 1, held)
        raise ValueError(local)
    except ValueError as error:
        yield error
    finally:
        del local


def a_generator(rng):
    made = numbers(rng.randrange(4), pick(rng))
    for _ in range(rng.randrange(8)):
        next(made, None)
    if rng.random() < .2:
        made.close()
    return made


def an_iterator(rng):
    held = [pick(rng) for _ in range(9)]
    made = rng.choice((iter, reversed, enumerate, itertools.cycle, itertools.pairwise
                       if hasattr(itertools, "pairwise") else itertools.permutations,
                       lambda items: itertools.tee(items)[0], lambda items: itertools.groupby(items, id),
                       lambda items: zip(items, items), lambda items: map(id, items)))(held)
    for _ in range(rng.randrange(12)):
        next(made, None)
    return made


def an_exception(rng):
    def fail(depth, held):
        local = [held]
        return fail(depth - 1, local) if depth else rng.choice(())
    try:
        fail(rng.randrange(5), pick(rng))
    except IndexError as error:
        error.note = pick(rng)
        return rng.choice((error, error.__traceback__, error.__traceback__.tb_next.tb_frame))


def a_callable(rng):
    first, second = pick(rng), [rng.random()]

    def outer(item=first, *, other=second) -> "a text":
        return lambda: (first, second, item)
    return rng.choice((outer, outer(), functools.partial(outer, first, other=second), outer.__get__(first),
                       outer.__code__.co_varnames, functools.lru_cache(maxsize=3)(outer)))


def a_weak_one(rng):
    return weakref.ref(rng.choice(CLASSES), rng.choice((None, lambda ref: None)))


def a_context(rng):
    made = contextvars.copy_context()
    made.run(lambda: [contextvars.ContextVar(name).set(pick(rng)) for name in rng.sample(NAMES, rng.randrange(40))])
    return made


MAKERS = (a_number_or_text, a_class, an_instance, an_instance, a_dict_of_an_instance, another_class, a_dict,
          a_set, a_row, a_generator, an_iterator, an_exception, a_callable, a_weak_one, a_context)
# What a class cannot be made of, or an object of it, or be given.
REFUSED = (TypeError, ValueError, AttributeError, ArithmeticError)


def main():
    options = dict(zip(sys.argv[1:], sys.argv[2:] + [""]))
    rng = random.Random(int(options["--seed"]))
    while len(KEEP) < MOST:
        try:
            KEEP.append(rng.choice(MAKERS)(rng))
        except REFUSED:
            continue
    for _ in range(3):
        gc.collect()
    gc.disable()
    for item in KEEP:
        truth.name_of(type(item))
    truth.dump_graph(options["--graph"], [])
    truth.write_file(options["--ready"], b"ready\n")
    while os.read(0, truth.BUFFER):
        pass


main()
