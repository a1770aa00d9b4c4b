"""The oracle target: objects of every kind, and the truth about them from the interpreter itself.

    workload.py --dump FILE --ready FILE [--graph FILE] [--freeze] [--subinterpreters]

FILE gets what truth.py tells of all objects. Then it waits: "unfreeze FILE" thaws the permanent
generation and writes the same of what gc.get_objects() tells only then, "referents FILE" what
truth.py tells of the references of all that it tells.
The FILE of --graph gets what truth.py tells of the graph; and before that what names Python knows:
"name" lines with the holder, the kind of the reference, the name, and the object.
Modules that this interpreter lacks are left out.
"""
import abc
import collections
import contextvars
import dataclasses
import enum
import functools
import gc
import importlib
import io
import itertools
import os
import random
import re
import sys
import threading
import truth
import types
import typing
import weakref

KEEP = []
TOLD = []  # (holder, name, object) of what Python has no way to tell later


def keep(*items):
    KEEP.extend(items)


def named(item, **names):
    keep(item)
    truth.name_of(type(item))  # to 3.9 a static type may be made ready by that only
    TOLD.extend((item, name.replace("_", " "), value) for name, value in names.items())


class Plain:
    def __init__(self, n):
        self.n = n
        self.text = "text %d" % n
        self.items = [n]


class Slots:
    __slots__ = ("a", "b", "__weakref__")


class SlotsAndDict(Slots):
    pass


class Meta(type):
    def __new__(mcs, name, bases, body):
        return super().__new__(mcs, name, bases, body)


class Computing(type):
    """Classes whose dict has something else under __module__, for their instances: zope.interface."""
    def __new__(mcs, name, bases, body):
        body["made_in"] = body["__module__"]
        body["__module__"] = property(lambda self: "of an instance")
        return super().__new__(mcs, name, bases, body)

    @property
    def __module__(cls):
        return cls.made_in


class Computed(metaclass=Computing):
    def method(self):
        return self


class WithMeta(metaclass=Meta):
    class Nested:
        class Deeper:
            pass


class Abstract(abc.ABC):
    @property
    def value(self):
        return 1

    @classmethod
    def make(cls):
        return cls()

    @staticmethod
    def nothing():
        return None


SUBCLASSES = [type("My" + base.__name__.title(), (base,), {"extra": 1})
              for base in (int, str, bytes, bytearray, tuple, list, dict, set, frozenset, float,
                           complex, Exception, collections.deque, collections.OrderedDict)]


class Slotted(dict):
    __slots__ = ("owner",)


class Deeper(Slotted, typing.Generic[typing.TypeVar("T")]):
    pass


class Tail(collections.deque):
    __slots__ = ("owner",)


class Defaults(collections.defaultdict):
    pass


class Parts(list):
    __slots__ = ("owner", "__weakref__")


@dataclasses.dataclass
class Data:
    x: int
    y: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class Frozen:
    x: tuple


class Colour(enum.Enum):
    RED = 1
    GREEN = 2


Point = collections.namedtuple("Point", "x y")


def containers():
    for n in range(300):
        keep([], [n], list(range(n % 40)), tuple(range(n % 9)) + ([],), {n}, set(range(n % 50)),
             frozenset(range(n % 30)), {}, {"k": [n]}, {n: n, "s": []},
             {str(i): i for i in range(n % 60)}, collections.deque(range(n)),
             collections.OrderedDict((i, i) for i in range(n % 30)), collections.defaultdict(list),
             collections.Counter("abracadabra"), collections.ChainMap({}, {"a": 1}))
        grown = []
        for i in range(n % 70):
            grown.append(i)
        shrunk = {i: [] for i in range(100)}
        for i in range(n % 90):
            del shrunk[i]
        ordered = collections.OrderedDict((str(i), []) for i in range(40))
        for i in range(n % 40):
            ordered.popitem(last=False)
        small = set(range(200))
        for i in range(n % 199):
            small.discard(i)
        keep(grown, shrunk, ordered, small)
    # Large, of few objects: indices of a dict have four bytes from 2 ** 16 slots on.
    numbers = list(range(44000))
    keep(dict.fromkeys(numbers, "shared"), set(numbers), numbers * 2, {(i, str(i)): [] for i in range(300)})


def instances():
    for n in range(300):
        plain, slots, both = Plain(n), Slots(), SlotsAndDict()
        slots.a, both.a, both.free = [n], n, n
        keep(plain, slots, both, weakref.ref(slots), WithMeta(), WithMeta.Nested.Deeper(), Data(n),
             Frozen((n, [])), Point(n, []), types.SimpleNamespace(a=n), Plain.__init__.__get__(plain))
        if n % 3 == 0:
            keep(vars(plain))
        if n % 5 == 0:
            plain.late = n
        if n % 7 == 0:
            for i in range(n % 80):
                setattr(plain, "attribute_%d" % i, i)
        if n % 11 == 0:
            del plain.text
    for kind in SUBCLASSES:
        for argument in ((), (1,), ("abc",), (b"abc",), ([1, 2, 3],), ([(1, 2)],), (12345678901234567890,)):
            try:
                item = kind(*argument)
            except (TypeError, ValueError, OverflowError):
                continue
            item.note = []
            keep(item)
    for kind in (Slotted, Deeper, Tail, Defaults, Parts):
        item = kind() if kind is not Defaults else kind(list, a=[])
        item.owner = [kind]
        keep(item, weakref.ref(item) if kind is not Slotted else None)
    keep(SUBCLASSES[1]("gr\u00fc\u00df dich"), SUBCLASSES[1]("\u4f60\u597d"), SUBCLASSES[1]("\U0001f600" * 9))
    encoded = SUBCLASSES[1]("h\u00e9")
    encoded.encode()
    keep(encoded, Colour.RED, Colour, weakref.WeakValueDictionary(), weakref.WeakSet())


def dynamic_classes():
    for n in range(60):
        body = {"f": lambda self: None, "n": n}
        if n % 3 == 0:
            body["__slots__"] = ("x", "y")
        kind = type("Class%d" % n, (object,), body)
        kind.__module__ = "some.package.m%d" % (n % 5)
        keep(kind, kind())
    odd = type("Odd", (), {})
    odd.__qualname__ = "outer.<locals>.\u00d6dd \u4e2d"
    odd.__module__ = "\u00e4.b-c"
    keep(odd, odd(), Computed, Computed(), Computing)


def numbers_up_to(n):
    for i in range(n):
        local = [i]
        yield local


async def coroutine(n):
    held = [n]
    await asyncio_sleep(held)


@types.coroutine
def asyncio_sleep(held):
    yield held


async def async_numbers(n):
    for i in range(n):
        yield [i]


def make_closure(n):
    captured = [n]

    def inner(a, b=n, *args, c=None, **kwargs) -> int:
        return captured, a, b, c

    return inner


def raise_deeply(n):
    local = [n]
    if n:
        raise_deeply(n - 1)
    raise ValueError(local)


def code_objects():
    for n in range(100):
        fresh, running, done = numbers_up_to(3), numbers_up_to(3), numbers_up_to(1)
        next(running)
        list(done)
        task, waiting = coroutine(n), coroutine(n)
        waiting.send(None)
        keep(fresh, running, done, task, waiting, async_numbers(3), make_closure(n),
             functools.partial(make_closure, n), functools.partial(print, sep=[]),
             (i for i in [n]), lambda: n)
        try:
            raise_deeply(n % 6)
        except ValueError as error:
            keep(error, error.__traceback__, error.__traceback__.tb_frame)
    for code in (make_closure.__code__, make_closure(1).__code__):
        for name in ("co_code", "co_varnames", "co_cellvars", "co_freevars"):
            value = getattr(code, name)
            if value and getattr(code, name) is value:  # not made anew each time
                TOLD.append((code, name, value))
    keep(functools.lru_cache(None)(make_closure), functools.lru_cache(10)(Plain))
    keep(sys._getframe(), property(len), classmethod(len), staticmethod(len), super(Data, Data(1)))


def iterators():
    for n in range(40):
        data = list(range(n))
        keep(iter(data), reversed(data), iter(tuple(data)), iter({}), {"a": n}.items(),
             iter({"a": n}.values()), {n: n}.keys(), iter({n}), enumerate(data), zip(data, data),
             map(str, data), filter(None, data), itertools.chain(data, data), itertools.cycle(data),
             itertools.islice(data, 3), itertools.tee(data), itertools.groupby(data),
             itertools.count(n), itertools.repeat(data), itertools.accumulate(data),
             itertools.starmap(print, []), types.MappingProxyType({"a": n}), slice(data, n),
             memoryview(bytearray(n + 1)), range(n), iter(range(n)))


def modules():
    keep(io.BytesIO(b"x" * 100), io.BytesIO(), io.StringIO("text"), io.BufferedReader(io.BytesIO(b"x")),
         io.BufferedWriter(io.BytesIO(), 100), io.TextIOWrapper(io.BytesIO(b"abc")), random.Random(1),
         threading.local(), threading.Lock(), threading.Condition(), contextvars.copy_context(),
         contextvars.ContextVar("v"), re.compile("a(b)*"), re.match("a(b)*", "abb"),
         types.ModuleType("made"), typing.List[int], typing.Optional[str])
    written = io.BytesIO()
    written.write(b"y" * 1000)
    keep(written)
    optional("array", lambda m: [keep(m.array("d", range(n))) for n in range(20)])
    optional("ctypes", lambda m: keep(m.c_int(3), (m.c_char * 9)(), m.pointer(m.c_int(3)),
                                      m.CFUNCTYPE(m.c_int)(lambda: 1), m.py_object("".join(["he", "ld"]))))
    optional("xml.etree.ElementTree", lambda m: keep(
        m.fromstring("<a>%s</a>" % "".join("<b k='%d'><c/>t</b>" % n for n in range(50)))))
    optional("sqlite3", lambda m: keep(m.connect(":memory:"), m.connect(":memory:").cursor()))
    optional("asyncio", use_asyncio)
    optional("json", lambda m: keep(m.JSONEncoder(), m.JSONDecoder(), m.loads('{"a": [1, {"b": 2}]}')))
    optional("datetime", lambda m: keep(m.timezone(m.timedelta(hours=1)), m.datetime.now()))
    optional("decimal", lambda m: keep(m.Decimal("1.5"), m.getcontext()))
    optional("queue", lambda m: keep(m.SimpleQueue(), m.Queue()))
    optional("logging", lambda m: keep(m.getLogger("a.b"), m.StreamHandler()))
    optional("struct", lambda m: keep(m.Struct("iid")))
    optional("pickle", lambda m: keep(m.Pickler(io.BytesIO())))
    optional("selectors", lambda m: keep(m.DefaultSelector()))
    optional("unittest", lambda m: keep(m.TestSuite()))
    optional("csv", lambda m: keep(m.reader(["a,b"]), m.writer(io.StringIO()), m.get_dialect("excel")))
    optional("ssl", lambda m: keep(m.create_default_context()))
    queued = optional("queue", lambda m: m.SimpleQueue())
    for n in range(20 if queued else 0):
        queued.put([n])
        if n % 3 == 0:
            queued.get()
    keep(queued, itertools.product("ab", "cd"), itertools.permutations("abc"),
         itertools.combinations("abc", 2), itertools.combinations_with_replacement("abc", 2),
         io.BufferedRWPair(io.BytesIO(), io.BytesIO()), io.IncrementalNewlineDecoder(None, False))
    optional("datetime", lambda m: keep([m.datetime.now(m.timezone(m.timedelta(hours=n), "zone"))
                                         for n in range(5)], m.time(1, tzinfo=m.timezone.utc)))
    optional("xml.etree.ElementTree", lambda m: keep(m.XMLParser(), m.TreeBuilder(),
                                                     m.fromstring("<a><b/></a>").iter("b")))
    optional("zlib", lambda m: keep(m.compressobj(), m.decompressobj(zdict=b"x" * 100)))
    optional("time", lambda m: keep(m.localtime(), os.stat("/")))
    optional("decimal", lambda m: keep(m.Decimal("1." + "3" * 500)))
    optional("zoneinfo", use_zone)
    optional("array", lambda m: [named(iter(item), array=item) for item in [m.array("d", range(5))]])
    optional("pyexpat", use_expat)
    optional("pickle", use_memos)
    optional("sqlite3", use_sqlite)
    optional("xml.etree.ElementTree", use_tree)
    path = "/".join(["", ""])
    named(os.scandir(path), path=path)
    if sys.version_info >= (3, 10):
        default = ["default"]
        named(anext(async_numbers(3), default), default=default)
    if sys.version_info >= (3, 13):
        keep(typing.TypeVarTuple("Several", default=["default"]))
    if sys.version_info >= (3, 15):
        namespace = {"__name__": "lazy"}
        exec("lazy import wave\nlazy from colorsys import rgb_to_hsv", namespace)
        named(namespace["wave"], builtins=namespace["__builtins__"])
        keep(namespace)
    variables = [contextvars.ContextVar("variable_%d" % n) for n in range(60)]
    context = contextvars.copy_context()
    context.run(lambda: [variable.set([n]) for n, variable in enumerate(variables)])
    keep(variables, context)


def use_expat(pyexpat):
    """Their handlers have descriptors."""
    parser = pyexpat.ParserCreate()
    parser.StartElementHandler = lambda *arguments: None
    parser.CharacterDataHandler = lambda *arguments: None
    inner = parser.ExternalEntityParserCreate("")
    keep(parser, inner)
    if any(other is parser for other in gc.get_referents(inner)):
        TOLD.append((inner, "parent", parser))


def use_zone(zoneinfo):
    """One that needs no files (RFC 8536): nothing but UTC."""
    text = b"TZif" + bytes(16) + bytes(16) + b"\0\0\0\1\0\0\0\4" + bytes(6) + b"UTC\0"
    key = "".join(["ma", "de"])
    zone = zoneinfo.ZoneInfo.from_file(io.BytesIO(text), key)
    named(zone, key=key, utcoff=zone.utcoffset(None), dstoff=zone.dst(None), tzname=zone.tzname(None))


def use_memos(pickle):
    items = [["pickled"]]
    pickler = pickle.Pickler(io.BytesIO(), 2)
    pickler.dump(items)
    unpickler = pickle.Unpickler(io.BytesIO(pickle.dumps(items)))
    loaded = unpickler.load()
    named(pickler, memo=items[0])
    named(unpickler, memo=loaded[0])
    named(pickler.memo, pickler=pickler)
    for pickled, name in ((pickler, "persistent_id"), (unpickler, "persistent_load")):
        function = lambda item: None
        try:
            setattr(pickled, name, function)
        except AttributeError:  # 3.13.0
            continue
        TOLD.append((pickled, name, function))
    named(unpickler.memo, unpickler=unpickler)


def use_sqlite(sqlite3):
    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row
    cursor = connection.execute("select 1 as one, 2 as two")
    callbacks = {name: lambda *arguments: 0 for name in ("trace_callback", "progress_handler", "authorizer")}
    connection.set_trace_callback(callbacks["trace_callback"])
    connection.set_progress_handler(callbacks["progress_handler"], 1000)
    connection.set_authorizer(callbacks["authorizer"])
    named(next(cursor), description=cursor.description)
    named(connection, **callbacks)


def use_tree(tree):
    root = tree.fromstring("<a><b><c/></b></a>")
    elements = root.iter()
    for _ in range(2):
        next(elements)
    named(elements, parent=root)


def use_asyncio(asyncio):
    async def main():
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        task = loop.create_task(asyncio.sleep(1000))
        await asyncio.sleep(0)
        keep(future, task, loop)

    loop = asyncio.new_event_loop()
    loop.run_until_complete(main())
    keep(loop)


def optional(name, use):
    try:
        module = importlib.import_module(name)
    except ImportError:
        print("no module", name, file=sys.stderr)
        return None
    return use(module)


def subinterpreter():
    code = "import gc\nkept = [[] for _ in range(1000)]\ngc.collect()\n"
    for name in ("_interpreters", "_xxsubinterpreters"):
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        made = module.create()
        module.run_string(made, code)
        keep(made)
        return
    raise SystemExit("no sub-interpreters here")


LOCALS = ((types.GeneratorType, "gi_frame"), (types.CoroutineType, "cr_frame"),
          (types.AsyncGeneratorType, "ag_frame"))
MEMBERS = (types.MemberDescriptorType, types.GetSetDescriptorType)
# What a getter says that is not what the object itself holds under that name, or that it makes anew.
NOT_HELD = {"__class__", "__dict__", "__weakref__", "__annotations__", "f_locals", "gi_yieldfrom",
            "cr_await", "ag_await", "__annotate__", "__type_params__", "__wrapped__",
            "isolation_level"}
MOST_OF_A_TYPE = 100


def container_names(item):
    if isinstance(item, (list, tuple, collections.deque)):
        for index, value in enumerate(item):
            yield item, "item", str(index), value
    elif isinstance(item, (set, frozenset)):
        for value in item:
            yield item, "member", "", value
    elif isinstance(item, dict):
        for key, value in item.items():
            if type(key) is str and key.isidentifier() and len(key) < 50:
                yield item, "value", key, value


def local_names(item):
    if type(item) is types.FunctionType:
        for name, cell in zip(item.__code__.co_freevars, item.__closure__ or ()):
            yield cell, "cell", name, cell
    elif type(item) is types.FrameType:
        for name, value in dict(item.f_locals).items():
            if name in item.f_code.co_varnames:
                yield item, "local", name, value
    for kind, attribute in LOCALS:
        frame = getattr(item, attribute) if type(item) is kind else None
        for name in frame.f_code.co_varnames if frame else ():
            if name in frame.f_locals:
                yield item, "local", name, frame.f_locals[name]


def instance_names(item):
    if type(item) is Plain:
        for name in ("n", "text", "items"):
            if hasattr(item, name):
                yield item, "attribute", name, getattr(item, name)


def member_names(item):
    """What the type's own descriptors say, where that is what the collector says the object holds."""
    held = {id(other) for other in gc.get_referents(item)} - {id(None)}
    for kind in type(item).__mro__:
        for name, descriptor in list(vars(kind).items()):
            if not isinstance(descriptor, MEMBERS) or name in NOT_HELD:
                continue
            if name == "value" and hasattr(kind, "_objects"):  # held as these
                continue
            try:
                value = descriptor.__get__(item, type(item))
            except Exception:
                continue
            if id(value) in held and type(value) is not int:  # the small ones are shared
                yield item, "named", name, value


def names_of(item):
    """(holder, kind, name, object) as Python itself can tell them."""
    for tell in (container_names, local_names, instance_names, member_names):
        yield from tell(item)


def name_line(holder, kind, name, value):
    return "name\t0x%x\t%s\t%s\t0x%x\t%s\n" % (id(holder), kind, name, id(value),
                                               type(holder).__name__)


def known_names():
    for holder, name, value in TOLD:
        yield name_line(holder, "named", name, value)
    counts = collections.Counter()
    for item in KEEP + [other for other in gc.get_objects() if type(other) is not dict]:
        counts[type(item)] += 1
        if counts[type(item)] > MOST_OF_A_TYPE:
            continue
        for holder, kind, name, value in names_of(item):
            yield name_line(holder, kind, name, value)


def answer(words):
    if words[0] == "unfreeze":
        known = set(map(id, gc.get_objects()))
        gc.unfreeze()
        text = "".join([truth.describe(item, 3) for item in gc.get_objects() if id(item) not in known])
        truth.write_file(words[1], text.encode("utf-8", "surrogateescape"))
        print("done", flush=True)
    elif words[0] == "referents":
        truth.dump_referents(words[1])
        print("done", flush=True)


def main():
    options = dict(zip(sys.argv[1:], sys.argv[2:] + [""]))
    containers()
    instances()
    if "--subinterpreters" in options:
        subinterpreter()
    if "--freeze" in options:
        gc.collect()
        gc.freeze()
    dynamic_classes()
    code_objects()
    iterators()
    modules()
    for _ in range(2):
        gc.collect()
    gc.disable()
    keep(*[[n] for n in range(50)])
    truth.dump(options["--dump"])
    if "--graph" in options:
        # To look at a generator's frame makes an object of it: names come first.
        truth.dump_graph(options["--graph"], list(known_names()))
    truth.write_file(options["--ready"], b"ready\n")
    buffer = b""
    while True:
        part = os.read(0, truth.BUFFER)
        if not part:
            break
        buffer += part
        while b"\n" in buffer:
            line, buffer = buffer.split(b"\n", 1)
            answer(line.decode().split())


main()
