"""The oracle target for roots: what the interpreter and its threads hold, and where each is.

    roots.py --dump FILE --ready FILE

FILE gets one JSON object: "named": for each name of a root the addresses that must be among its
targets; "only_native": addresses of objects that only C code holds, or nobody that can be seen.
Then it waits for standard input to end. What this interpreter lacks is left out.
"""
import asyncio
import atexit
import codecs
import contextvars
import ctypes
import functools
import gc
import json
import os
import sys
import threading
import warnings

ARRIVED = threading.Semaphore(0)
GATE = threading.Lock()
NAMED = {}
ONLY_NATIVE = {}


class Marker:
    """What is only held where a test put it."""


def named(name, *objects):
    NAMED.setdefault(name, []).extend(map(id, objects))


def block():
    ARRIVED.release()
    GATE.acquire()


def handles_an_exception():
    try:
        raise ValueError("handled")
    except ValueError:
        named("sys.exc_info()", sys.exc_info()[1])
        block()


def profiler(*_):
    pass


def is_profiled():
    sys.setprofile(profiler)
    named("sys.setprofile()", profiler)
    block()


def has_hooks():
    def first(_):
        pass

    def final(_):
        pass
    sys.set_asyncgen_hooks(first, final)
    named("sys.set_asyncgen_hooks(firstiter)", first)
    named("sys.set_asyncgen_hooks(finalizer)", final)
    del first, final
    block()


def has_a_context():
    context = contextvars.copy_context()
    named("contextvars context", context)
    context.run(block)


def in_a_c_function():
    """The first element is held by a C variable alone once the second is made."""
    def elements():
        first = Marker()
        ONLY_NATIVE["reduce"] = id(first)
        held = [first]
        del first
        yield held.pop()
        block()
        yield Marker()
    functools.reduce(lambda one, other: (one, other), elements())


def runs_a_loop():
    async def main():
        named("asyncio running loop", asyncio.get_running_loop())
        block()
    asyncio.run(main())


def start(function):
    threading.Thread(target=function, daemon=True).start()
    ARRIVED.acquire()


def register():
    """What registers itself in the interpreter's state."""
    def before():
        pass

    def search(_):
        return None
    warnings.filterwarnings("ignore", "nothing like this")
    named("warnings.filters", warnings.filters)
    named("gc.callbacks", gc.callbacks)
    named("gc.garbage", gc.garbage)
    named("sys.modules", sys.modules)
    named("sys.__dict__", vars(sys))
    named("builtins.__dict__", vars(sys.modules["builtins"]))
    os.register_at_fork(before=before)
    codecs.register(search)
    def at_exit():
        pass
    atexit.register(at_exit)
    if (3, 10) <= sys.version_info < (3, 14):  # before in the module's state, after in a list
        named("atexit", at_exit)
    if hasattr(sys, "monitoring"):
        sys.monitoring.use_tool_id(3, "a tool of the test")
        sys.monitoring.register_callback(3, sys.monitoring.events.PY_START, before)
        named("sys.monitoring callback", before)
    if sys.version_info >= (3, 12):  # in the state of the interpreter
        named("builtins.int.__dict__", *gc.get_referents(vars(int)))


def hold_without_a_trace():
    marker = Marker()
    ONLY_NATIVE["nobody"] = id(marker)
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(marker))


def main():
    options = dict(zip(sys.argv[1::2], sys.argv[2::2]))
    GATE.acquire()
    register()
    hold_without_a_trace()
    for function in (handles_an_exception, is_profiled, has_hooks, has_a_context,
                     in_a_c_function):
        start(function)
    if sys.version_info >= (3, 14):
        start(runs_a_loop)
    modules = {name: id(module) for name, module in sys.modules.items()}
    with open(options["--dump"], "w", encoding="utf-8") as file:
        json.dump({"named": NAMED, "only_native": ONLY_NATIVE, "modules": modules}, file)
    with open(options["--ready"], "w", encoding="utf-8") as file:
        file.write("ready\n")
    os.read(0, 1)
    os._exit(0)


main()
