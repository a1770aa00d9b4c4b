"""What targets write down of themselves, for the tests to compare with: what the interpreter says.

dump(): the objects of gc.get_objects(); for each, separated by tabs: address, type,
sys.getsizeof(), generation, reference count; and "own" lines for what only the dump itself made.

dump_graph(): the same for each object that gc.get_referents() reaches from those: address, type,
size, whether it is tracked, reference count, and the addresses of its referents. A "held" line
tells an object whose count writing this has changed.

dump_referents(): of each object of gc.get_objects() its address and those of its referents.
"""
import gc
import os
import sys

BUFFER = 4096  # bytes that a target asks for while it idles
OWN_REFERENCES = 0  # see own_references()
OWN_DEFERRED = 0  # the same of objects with deferred counting (3.14+ without the GIL)
FAR_FROM_ANY = 1 << 59  # what _Py_REF_DEFERRED, which such an object's count has on top, is above


def name_of(kind):
    try:
        name = "%s.%s" % (kind.__module__, kind.__qualname__)
    except Exception:
        return "!"
    return "!" if name[0] == "<" else name  # of a class, what is under __module__ for its instances


def references(item):
    count = sys.getrefcount(item)
    return count - (OWN_REFERENCES if count < FAR_FROM_ANY else OWN_DEFERRED)


def describe(item, generation):
    name = name_of(type(item))
    try:
        size = sys.getsizeof(item)
    except Exception:
        size = "!"
    return "0x%x\t%s\t%s\t%s\t%d\n" % (id(item), name, size, generation, references(item))


def own_references(make):
    """How many references describing an object from a loop over a list adds to its count."""
    probe = make()
    for item in [probe]:
        counted = int(describe(item, 0).split()[-1])
    del item
    return counted - 1  # at rest it has one, from this function


def dump(path):
    """Only text is made while describing, and text is not tracked; files come afterwards."""
    lines = ["# hexversion=%x\n" % sys.hexversion]
    # Without the GIL there are no generations.
    generations = iter((None,) if "t" in sys.abiflags else (0, 1, 2))
    own = [sys._getframe(), lines, generations]
    for generation in generations:
        listed = gc.get_objects(generation=generation)
        own.append(listed)
        generation = -1 if generation is None else generation
        for item in listed:  # as in own_references(): it must add the same to a count
            lines.append(describe(item, generation))
    own.append(own)
    for item in own:
        lines.append("own\t0x%x\n" % id(item))
    item = listed = None
    own.clear()
    text = "".join(lines).encode("utf-8", "surrogateescape")
    lines.clear()
    write_file(path, text)


def write_file(path, data):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    while data:
        data = data[os.write(fd, data):]
    os.close(fd)


def addresses(items):
    return " ".join(map(hex, map(id, items)))


def describe_referents(item):
    name = name_of(type(item))
    try:
        size = sys.getsizeof(item)
    except Exception:
        name = size = "!"
    return "0x%x\t%s\t%s\t%d\t%d\t%s\n" % (
        id(item), name, size, gc.is_tracked(item), references(item),
        addresses(gc.get_referents(item)))


def dump_referents(path):
    lines, own = [], []
    frame = sys._getframe()
    while frame:
        own.append(frame)
        frame = frame.f_back
    listed = gc.get_objects()
    for item in listed:
        lines.append("0x%x\t%s\n" % (id(item), addresses(gc.get_referents(item))))
    for item in [*own, own, lines, listed]:
        lines.append("own\t0x%x\n" % id(item))
    item = None
    listed.clear()
    own.clear()
    text = "".join(lines).encode()
    lines.clear()
    write_file(path, text)


def held_while_dumping(caller):
    """What runs while the lines are written, and what is called when the target idles."""
    running = [dump_graph, describe_referents, addresses, name_of, references, gc.is_tracked, gc.get_referents,
               sys.getrefcount, sys.getsizeof, str.join, list.append, hex, id, map, os.read, caller, caller.f_code,
               caller.f_globals, caller.f_builtins, globals(), BUFFER, None, False, True]
    for function in running[:5]:
        running += [function.__code__, *function.__code__.co_consts]
    return running


def dump_graph(path, lines):
    """@lines: those that go before; emptied."""
    reached = gc.get_objects()
    seen = set(map(id, reached))
    own = [sys._getframe(), lines, reached, seen]
    skipped = set(map(id, own))
    own.append(skipped)
    for item in reached:
        if id(item) in skipped:
            continue
        for other in gc.get_referents(item):
            if id(other) not in seen:
                seen.add(id(other))
                reached.append(other)
    other = None
    for item in reached:
        if id(item) not in skipped:
            lines.append(describe_referents(item))
    for item in held_while_dumping(own[0].f_back) + [path]:
        lines.append("held\t0x%x\n" % id(item))
    own.append(own)
    for item in own:
        lines.append("own\t0x%x\n" % id(item))
    item = None
    reached.clear()
    own.clear()
    text = "".join(lines).encode("utf-8", "surrogateescape")
    lines.clear()
    write_file(path, text)


OWN_REFERENCES = own_references(list)
OWN_DEFERRED = own_references(lambda: compile("0", "", "eval"))
