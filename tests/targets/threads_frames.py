"""The oracle target for stacks: threads that stand in known functions, and the truth about them.

    threads_frames.py --dump FILE --ready FILE [--trace] [--subinterpreter] [--busy]

FILE gets one JSON object: for each thread, by its ident, what sys._current_frames() says: of each
frame function, file, line, and the ids of its variables. --trace stands still under a trace
function; --subinterpreter adds a thread that stands in another interpreter; --busy adds threads
that never stand still.
Then it waits for standard input to end. Syntax that this interpreter lacks is left out.
"""
import _thread
import dis
import functools
import importlib
import json
import os
import sys
import threading
import time
import types

GATE = threading.Lock()
NATIVE = {}
SCENARIOS = []
BEGUN = []  # the busy threads that run already


def scenario(function):
    SCENARIOS.append(function)
    return function


def block():
    GATE.acquire()


def is_blocked(frame):
    """In the call, which has given up the GIL: from then on the thread stands."""
    call = min(i.offset for i in dis.get_instructions(block) if "CALL" in i.opname)
    return frame.f_code is block.__code__ and frame.f_lasti >= call


def wait_blocked():
    while sum(map(is_blocked, sys._current_frames().values())) < len(SCENARIOS):
        time.sleep(0.001)


@scenario
def cells_and_free_variables(argument=(1, 2), *rest, key="key", **more):
    captured = [argument]
    later = "later"

    def middle(own):
        nonlocal later
        later = ["changed"]
        shared = own + 1

        def inner(value):
            unbound = value
            del unbound
            try:
                block()
            finally:
                never = shared
            return captured, argument, later, never, key

        return inner(shared * 1000)

    result = middle(7)
    return result, rest, more


@scenario
def unbound_cells():
    def user():
        return not_yet, never  # noqa: F821
    block()
    not_yet = user
    if not_yet is None:
        never = 1


@scenario
def generators():
    def leaf(depth):
        local = [depth]
        yield local
        if depth:
            yield from leaf(depth - 1)
        else:
            block()
            yield local

    def feed():
        for item in leaf(3):
            yield (item,)

    return [x for pair in feed() for x in pair]


@scenario
def generator_expression():
    base = object()
    return sum(block() or value for value in range(3) if base)


@scenario
def comprehensions():
    outer = ["outer"]
    return {key: [(lambda: (key, item, outer)) and block() for item in (1.5, 2.5) if item]
            for key in ("a", "b")}


@scenario
def comprehension_with_cells():
    item = "before"
    functions = [(block() if number == 2 else None, lambda: item, lambda: number)
                 for number in range(4) for item in [number * 1.5]]
    return functions, item


@scenario
def class_body():
    free = ["of the function"]

    class Outer:
        attribute = [1]
        text = "text"

        class Inner:
            """Doc."""
            deep = free
            values = [attribute for attribute in ("x", "y")]
            blocked = block()

        def method(self):
            return __class__, free  # noqa: F821

    return Outer


@scenario
def class_body_with_comprehension():
    class Table:
        rows = [1, 2, 3]
        blocked = [(row, block()) for row in rows]

    return Table


class Meta(type):
    @classmethod
    def __prepare__(mcs, name, bases, **keywords):
        class Namespace(dict):
            pass
        return Namespace(prepared=name)

    def __new__(mcs, name, bases, namespace, **keywords):
        cls = super().__new__(mcs, name, bases, dict(namespace))
        block()
        return cls


@scenario
def metaclass():
    class Made(metaclass=Meta, keyword=1):
        inside = ["namespace"]
        other = inside

    return Made


@scenario
def namespace_of_a_metaclass():
    class Made(metaclass=Meta):
        inside = ["namespace"]
        other = block()

    return Made


@scenario
def lambdas():
    return (lambda first, *others, named=0, **rest:
            (lambda: block() if first else others)())([1], 2, named=3, other=4)


def decorated_with(argument):
    def decorator(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            before = [argument]
            result = function(
                *args,
                **kwargs)
            return before, result
        return wrapper
    return decorator


@scenario
@decorated_with(
    "multi"
    "line")
@decorated_with(2)
@functools.lru_cache(
    maxsize=None)
def decorated(default={1: 2}.get(1)):
    block()
    return default


@scenario
def multi_line_call():
    def take(*args, **kwargs):
        return args
    return take(
        1,
        [2,
         3],
        take(
            "nested",
            block(),
        ),
        named=(
            4
        ),
    )


@scenario
def multi_line_expression():
    value = (1 +
             2 *
             (3 if
              block() is None
              else 4) -
             5)
    return value


@scenario
def multi_line_chain():
    class Chain:
        def step(self, *args):
            return self

        def last(self):
            return block()
    chain = Chain()
    return (chain
            .step(1)
            .step(
                2,
                3)
            .last()
            .step())


@scenario
def multi_line_text():
    value = 17
    return f"""first
    {value!r:>10} and
    {block()}
    last"""


@scenario
def in_finally():
    try:
        try:
            raise ValueError("1")
        finally:
            cleanup = ["cleanup"]
            block()
    except ValueError as error:
        return error, cleanup


@scenario
def in_except():
    try:
        {}["missing"]
    except (KeyError,
            IndexError) as error:
        try:
            raise TypeError from error
        except TypeError as second:
            block()
            return second
    else:
        return None
    finally:
        done = True
        assert done


class Manager:
    def __init__(self, where):
        self.where = where

    def __enter__(self):
        if self.where == "enter":
            block()
        return self

    def __exit__(self, kind, value, traceback):
        if self.where == "exit":
            block()
        return True


@scenario
def in_enter():
    with Manager("none") as first, \
            Manager("enter") as second:
        return first, second


@scenario
def in_exit():
    with Manager("none") as first:
        with Manager("exit") as second:
            raise OSError(first, second)
    return None


@scenario
def in_with_and_loops():
    for index in range(3):
        while True:
            with Manager("none") as manager:
                if index == 2:
                    block()
                break
    else:
        index = None
    return manager, index


@scenario
def deep_recursion():
    def recurse(level, kept):
        local = [level]
        if level:
            return recurse(level - 1, local)
        block()
        return kept
    return recurse(900, None)


@scenario
def mutual_recursion_through_c():
    def key(item):
        if item[0]:
            return sorted([(item[0] - 1, item)], key=lambda pair: key(pair))
        block()
        return 0
    return max([(20,)], key=key)


class Initialised:
    def __init__(self, level, wait=False):
        self.level = level
        if wait:
            block()
        if level:
            Initialised(level - 1, wait)


class Small:
    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value
        if value == 500:
            block()


@scenario
def specialised_constructor():
    made = None
    for number in range(501):
        made = Small(number)
    return made


@scenario
def nested_constructors():
    def make(level, wait):
        return Initialised(level, wait)
    for _ in range(200):
        make(0, False)
    return make(3, True)


class Special:
    def __init__(self):
        self.count = 0

    @property
    def attribute(self):
        self.count += 1
        return self[self.count]

    def __getitem__(self, index):
        if index == 300:
            return +self
        return index

    def __pos__(self):
        return self.missing

    def __getattr__(self, name):
        return self(name)

    def __call__(self, *args):
        block()
        return args


@scenario
def specialised_attributes():
    special = Special()
    total = 0
    while special.count < 300:
        total += special.attribute
    return total


@scenario
def through_c():
    def called(item):
        if item == "c":
            block()
        return item
    partial = functools.partial(called)
    return list(map(partial, "abcd"))


class Base:
    def method(self, argument):
        block()
        return argument


class Derived(Base):
    def method(self, argument):
        return super().method(argument), __class__  # noqa: F821

    @staticmethod
    def static(kind):
        return kind().method("static")

    @classmethod
    def create(cls):
        return cls.static(cls)


@scenario
def methods():
    return Derived.create()


@scenario
def destructor():
    """Without the GIL another thread, which looks at this one's frames, may be the last to let go of
    the object, and runs the destructor: then it is done again."""
    owner = _thread.get_ident()

    class Dying:
        def __init__(self):
            self.kept = [self.__class__.__name__]

        def __del__(self):
            kept = self.kept
            if _thread.get_ident() == owner:
                block()
            self.kept = kept[0]

    while True:
        thing = Dying()
        thing = None


class Awaitable:
    def __await__(self):
        yield "awaited"
        return block()


@scenario
def coroutines():
    async def innermost(argument):
        local = [argument]
        await Awaitable()
        return local

    async def agenerator():
        for index in range(2):
            yield index, await innermost(index)

    async def outermost():
        async for pair in agenerator():
            last = pair
        return last

    coroutine = outermost()
    coroutine.send(None)
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    return None


@scenario
def executed():
    outer = "not visible"
    source = ("import sys\n\n\ndef made(x):\n    y = [x]\n    def inside():\n        return y\n"
              "    BLOCK()\n    return inside\n\n\nvalue = \\\n  made(\n  'z')\n")
    exec(compile(source, "<made \"up\" \u00e9\u4e2d\U0001f40d\n>", "exec"),
         {"BLOCK": block, "__name__": "made up"})
    return outer


@scenario
def executed_with_locals():
    here = {"first": [1], 7: "no text"}
    exec("second = first\nthird = [BLOCK() for second in first]\n", {"BLOCK": block}, here)


class Mapping:
    def __init__(self):
        self.items = {"BLOCK": block}

    def __getitem__(self, key):
        return self.items[key]

    def __setitem__(self, key, value):
        self.items[key] = value


@scenario
def executed_with_a_mapping():
    exec("name = 1\nBLOCK()\n", {}, Mapping())


@scenario
def evaluated():
    return eval("(lambda x: [BLOCK(), x])(\n1)", {"BLOCK": block})


def run_source(source, name="<source>", call="function"):
    namespace = {"BLOCK": block, "threading": threading}
    exec(compile(source, name, "exec"), namespace)
    return namespace[call]()


@scenario
def long_jumps():
    """Lines that are far apart, and much code on one line."""
    gap = "\n" * 300
    long_line = "    total = " + " + ".join("len(str(%d))" % n for n in range(300)) + "\n"
    source = ("def function():\n    total = 1\n" + gap + "    if total == 2:\n        pass\n" +
              "\n" * 127 + "    total += 1\n" + "\n" * 128 + long_line + gap + gap +
              "    second = [\n" + "\n" * 140 + "        BLOCK(),\n" + gap + "        total]\n" +
              "    return second\n")
    return run_source(source)


@scenario
def back_jumps():
    """A call whose arguments stand far below it is made on the line where it began."""
    source = ("def function():\n    return take(\n" + "        1,\n" * 400 + "        2)\n\n\n" +
              "def take(*args):\n    BLOCK()\n    return args\n")
    return run_source(source)


@scenario
def far_down():
    return run_source("\n" * 70000 + "def function():\n\n    here = [1]\n    BLOCK()\n")


@scenario
def many_locals():
    names = ["local_%d" % n for n in range(300)]
    cells = ["cell_%d" % n for n in range(130)]
    source = "def function():\n"
    source += "".join("    %s = [%d]\n" % (name, n) for n, name in enumerate(names + cells))
    source += "    def inner(argument=None):\n        BLOCK()\n        return (%s)\n" % \
        ", ".join(cells)
    source += "    return inner()\n"
    return run_source(source)


@scenario
def many_instructions():
    """Extended arguments, long jumps, and more instructions than a byte counts."""
    source = "def function():\n    x = 0\n    while x < 2:\n"
    source += "".join("        x = x if x else len('%d') - 1\n" % n for n in range(2000))
    source += "        if x:\n            BLOCK()\n        x += 1\n"
    return run_source(source)


@scenario
def unicode_names():
    return run_source("def \u51fd\u6570(\u00e4rger=1):\n    \U00010400 = [\u00e4rger]\n    "
                      "BLOCK()\n\n\nfunction = \u51fd\u6570\n", "/tmp/\u00fcmlaut \u4e2d.py")


@scenario
def no_lines():
    return run_source("def function():\n    BLOCK()\n", "")


def newer_syntax(source):
    def function():
        try:
            compile(source, "<source>", "exec")
        except SyntaxError:
            return block()
        return run_source(source)
    SCENARIOS.append(function)


newer_syntax("def function(x=[1, {'k': 2}]):\n    match x:\n        case [int(one), "
             "{'k': two, **rest}] \\\n                if (walrus := one):\n            BLOCK()\n")
newer_syntax("def function():\n    try:\n        raise ExceptionGroup('g', [ValueError(1)])\n"
             "    except* ValueError as group:\n        BLOCK()\n")
newer_syntax("def function[T: (int, str)](x: T = 1):\n    class Generic[U]:\n        kind = T\n"
             "        wait = BLOCK()\n    return Generic\n")
newer_syntax("def function():\n    class C:\n        x = 1\n        y = [(lambda: z) and BLOCK() "
             "for z in [[1]]]\n    return C\n")
newer_syntax("def function(a, /, b=[2], *, c=3):\n    BLOCK()\n"
             "function = __import__('functools').partial(function, 1)\n")
newer_syntax("async def nested():\n    return [BLOCK() async for x in agen() if (y := x)]\n"
             "async def agen():\n    yield [1]\n"
             "def function():\n    return nested().send(None)\n")


def busy(level=0, kept=None):
    """Never stands still: calls, generators, classes, cells."""
    local = [level]

    def inner(value):
        return value, local

    class Body:
        number = level
        pair = inner(number)

    for item in (inner(n) for n in range(3)):
        kept = item
    if level < 12:
        return busy(level + 1, Body)
    return [kept for _ in range(5)]


def busy_forever():
    BEGUN.append(None)
    while True:
        busy()


def code_name(code):
    return getattr(code, "co_qualname", code.co_name)


def title_of(value):
    """What a variable's object is called, where it is of a kind that has a name."""
    if type(value) is types.MethodType:
        value = value.__func__
        return value.__qualname__ if type(value) is types.FunctionType else None
    if type(value) in (types.FunctionType, types.GeneratorType, types.CoroutineType,
                       types.AsyncGeneratorType):
        return value.__qualname__
    return value.__name__ if type(value) is types.ModuleType else None


def describe_frame(frame):
    code = frame.f_code
    variables = frame.f_locals
    optimized = bool(code.co_flags & 1)
    described = {"function": code_name(code), "file": code.co_filename, "line": frame.f_lineno,
                 "optimized": optimized, "code": id(code), "kind": type(variables).__name__}
    if optimized or (isinstance(variables, dict) and variables is not frame.f_globals) or \
            described["kind"] == "FrameLocalsProxy":
        described["titles"] = {name: title_of(value) for name, value in variables.items()
                               if isinstance(name, str)}
        described["locals"] = {name: id(value) for name, value in variables.items()
                               if isinstance(name, str)}
    if not optimized and described["kind"] != "FrameLocalsProxy":
        described["names"] = id(variables)
    return described


def describe_thread(frame):
    frames = []
    while frame:
        frames.append(describe_frame(frame))
        frame = frame.f_back
    return frames


def dump(path, busy_ones):
    threads = {ident: {"busy": True} for ident in busy_ones}
    for ident, frame in sys._current_frames().items():
        threads[ident] = {"native": NATIVE.get(ident), "frames": describe_thread(frame),
                          "main": ident == threading.get_ident(), "busy": ident in busy_ones}
    with open(path, "w", encoding="utf-8") as file:
        json.dump(threads, file)


def start(function, traced=False):
    def run():
        NATIVE[_thread.get_ident()] = threading.get_native_id()
        function()
    if traced:
        return threading.Thread(target=run, daemon=True).start()
    return _thread.start_new_thread(run, ())


def tracer(frame, event, argument):
    return tracer


def start_subinterpreter():
    ours, theirs = os.pipe()
    source = "import os, time\n\n\ndef sleeper(fd):\n    while True:\n" \
             "        os.write(fd, b'!') and time.sleep(1000)\n\n\nsleeper(\n    %d)\n" % theirs
    for name in ("_interpreters", "_xxsubinterpreters"):
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        _thread.start_new_thread(module.run_string, (module.create(), source))
        os.read(ours, 1)
        return
    raise SystemExit("no sub-interpreters here")


def main():
    options = dict(zip(sys.argv[1:], sys.argv[2:] + [""]))
    sys.setrecursionlimit(3000)
    threading.stack_size(16 << 20)
    NATIVE[threading.get_ident()] = threading.get_native_id()
    GATE.acquire()
    if "--trace" in options:
        threading.settrace(tracer)
        sys.settrace(tracer)
    busy_ones = set()
    if "--subinterpreter" in options:
        start_subinterpreter()
    for function in SCENARIOS:
        start(function, "--trace" in options)
    wait_blocked()
    if "--busy" in options:
        busy_ones.update(start(busy_forever) for _ in range(2))
    while len(BEGUN) < len(busy_ones):
        time.sleep(0.001)
    dump(options["--dump"], busy_ones)
    with open(options["--ready"], "w", encoding="utf-8") as file:
        file.write("ready\n")
    os.read(0, 1)
    os._exit(0)


main()
