"""The target of the probe's oracle: everything the standard library has, and what refers to what.

    referents.py truth [--graph] [MODULE...] --ready FILE

The file gets, with --graph, what truth.py tells of the graph; without, for each object of gc.get_objects(), its address and those that gc.get_referents()
tells of it, in that order; and a line "own" with what writing this has changed. Then it idles.
Modules that this interpreter lacks are left out.
"""
import gc
import importlib
import os
import sys
import truth

KEEP = []
MODULES = (
    "abc array ast asyncio bisect bz2 calendar cmath codecs collections concurrent.futures "
    "contextlib contextvars copy csv ctypes curses dataclasses datetime dbm decimal difflib dis "
    "email.message enum fractions functools glob gzip hashlib heapq hmac html.parser "
    "http.client importlib.metadata inspect io itertools json locale logging lzma mailbox "
    "math mmap multiprocessing numbers operator optparse pathlib pickle pkgutil platform "
    "pprint queue random re sched select selectors shelve shlex shutil signal socket sqlite3 ssl "
    "statistics string struct subprocess symtable tarfile tempfile textwrap threading time "
    "timeit token tokenize trace traceback types typing unicodedata unittest urllib.request uuid "
    "warnings wave weakref xml.dom.minidom xml.etree.ElementTree xml.sax xmlrpc.client zipfile "
    "zlib zoneinfo"
).split()
LOADED = {}


class Node:
    def __init__(self, n):
        self.n = n
        self.next = None


class Slotted:
    __slots__ = ("left", "right", "__weakref__")


def counter(items):
    held = list(items)
    for item in held:
        yield item


async def coroutine(held):
    return held


async def agenerator(held):
    yield held


def closures():
    free = ["free"]

    def inner(default=("d",)):
        return free, default
    return inner


def kinds():
    generator = counter(range(3))
    next(generator)
    slotted = Slotted()
    slotted.left = slotted
    first, second = Node(1), Node(2)
    first.next, second.next = second, first
    unstarted = coroutine([1])
    try:
        raise ValueError(["held by a traceback"])
    except ValueError as error:
        KEEP.append(error)
    KEEP.extend([generator, slotted, first, unstarted, agenerator([2]), closures(), [None] * 9,
                 {i: str(i) for i in range(1000)}, {("a",): {"b"}}, {1, "x", (2,)},
                 frozenset({3, ("y",)}), (1, (2, [3])), memoryview(bytearray(10)),
                 iter([1]), iter({1: 2}), {1: 2}.items(), reversed([1]), enumerate([1]),
                 zip([1], [2]), map(str, [1]), filter(None, [1]), slice([1], [2]),
                 property(len), classmethod(len), staticmethod(len), super(Node, first),
                 [].append, first.__init__, Node.__init__, type("Made", (Node,), {"x": [1]})])


def use(name, make):
    """Objects of a module, where this interpreter has it."""
    if name in LOADED:
        KEEP.append(make(LOADED[name]))


def element_tree(module):
    return module.fromstring("<a><b c='d'>e</b>f</a>")


def context(module):
    variables = [module.ContextVar("v%d" % i) for i in range(40)]
    held = module.copy_context()
    held.run(lambda: [variable.set([i]) for i, variable in enumerate(variables)])
    return held


def database(module):
    connection = module.connect(":memory:")
    connection.create_function("f", 1, lambda value: value)
    return connection, connection.execute("select 1"), connection.cursor()


def c_types(module):
    prototype = module.CFUNCTYPE(module.c_int, module.py_object)

    class Pair(module.Structure):
        _fields_ = [("object", module.py_object), ("number", module.c_int)]
    return prototype(lambda value: 0), Pair([1], 2), (module.py_object * 3)([2]), Pair


def parser(module):
    reader = module.ParserCreate()
    reader.StartElementHandler = lambda *args: None
    return reader


def use_modules():
    use("functools", lambda m: [m.partial(len, [1], key=[2]), m.lru_cache()(lambda x: x)])
    use("collections", lambda m: [m.deque([[i] for i in range(200)]), m.OrderedDict(a=[1]),
                                  m.defaultdict(list, a=[1]), m.Counter("abc"),
                                  m.ChainMap({"a": [1]}), iter(m.deque([1]))])
    use("itertools", lambda m: [m.chain([1], [2]), m.tee(iter([1]))[0], m.product([1], [2]),
                                m.count([].__len__()), m.cycle([1]), m.islice([1], 1),
                                m.groupby([1, 1]), m.permutations([1, 2]), m.repeat([1])])
    use("operator", lambda m: [m.itemgetter([1].__len__), m.attrgetter("a"), m.methodcaller("a", [1])])
    use("weakref", lambda m: [m.ref(KEEP[2], lambda _: None), m.proxy(KEEP[2]),
                              m.WeakValueDictionary(a=KEEP[2])])
    use("io", lambda m: [m.BytesIO(b"x"), m.StringIO("y"), m.BufferedReader(m.BytesIO(b"z"))])
    use("threading", lambda m: [m.local(), m.Lock(), m.RLock(), m.Condition()])
    use("re", lambda m: [m.compile("(a)(?P<b>b)"), m.match("(a)", "a"), m.finditer("a", "aa")])
    use("decimal", lambda m: [m.Decimal(1), m.Context()])
    use("json", lambda m: [m.JSONDecoder(), m.JSONEncoder(), m.scanner.make_scanner(m.JSONDecoder())])
    use("struct", lambda m: m.iter_unpack("i", b"aaaa"))
    use("csv", lambda m: [m.reader(["a"]), m.writer(LOADED["io"].StringIO())])
    use("pickle", lambda m: [m.Pickler(LOADED["io"].BytesIO()), m.Unpickler(LOADED["io"].BytesIO())])
    use("queue", lambda m: [m.SimpleQueue(), m.Queue()])
    use("asyncio", lambda m: m.new_event_loop())
    use("contextvars", context)
    use("xml.etree.ElementTree", element_tree)
    use("sqlite3", database)
    use("ctypes", c_types)
    use("ssl", lambda m: m.create_default_context())
    use("pyexpat", parser)
    use("random", lambda m: m.Random(1))
    use("zlib", lambda m: [m.compressobj(), m.decompressobj()])
    use("datetime", lambda m: m.datetime.now(m.timezone.utc))
    use("types", lambda m: [m.SimpleNamespace(a=[1]), m.MappingProxyType({"a": [1]}),
                            m.MethodType(len, [1])])


def model(module):
    class Point(module.BaseModel):
        x: int
        more: list = []
    return Point(x=1, more=[Point(x=2)]), Point


def greenlets(module):
    def body(held):
        module.sleep(1000)
        return held
    running = [module.spawn(body, [i]) for i in range(5)]
    module.sleep(0)
    return running


def tables(module):
    engine = module.create_engine("sqlite://")
    table = module.Table("t", module.MetaData(), module.Column("id", module.Integer))
    return engine, table, table.select().where(table.c.id == 1)


def users(module):
    module.settings.configure(DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3"}},
                              INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"])
    importlib.import_module("django").setup()
    models = importlib.import_module("django.contrib.auth.models")
    return models.User(username="a"), models.User.objects.filter(username="a")


def compiled(module):
    held = [["held by a C structure"]]
    running = module.counter(held)
    next(running)
    return module.Node(held, [[1]]), module.closure(held), running


def image(module):
    made = module.new("RGB", (8, 8))
    made.info["key"] = [made]
    return made


def switched(module):
    """Greenlets that hold their frames while they wait for each other."""
    def outer(held):
        inner = module.greenlet(lambda: module.getcurrent().parent.parent.switch(held))
        inner.switch()
        return held
    waiting = [module.greenlet(outer) for _ in range(5)]
    for i, one in enumerate(waiting):
        one.switch([i])
    return waiting


def loop_of_uv(module):
    loop = module.new_event_loop()

    async def wait(held):
        await LOADED["asyncio"].sleep(1000)
        return held
    held = [loop.create_task(wait([i])) for i in range(5)]
    loop.call_later(1000, len, ["timer"])
    loop.run_until_complete(LOADED["asyncio"].sleep(0))
    return loop, held


def web_application(module):
    application = module.FastAPI()

    @application.get("/{number}")
    def one(number: int, more: str = "x"):
        return number, more
    return application, application.openapi()


def task_queue(module):
    application = module.Celery("a", broker="memory://", backend="cache+memory://")

    @application.task
    def add(x, y):
        return x + y
    return application, add.s(1, 2), application.finalize()


def fitted(module):
    return module.LinearRegression().fit([[0], [1], [2]], [0, 1, 2])


def keys(module):
    return module.Fernet(module.Fernet.generate_key())


def template(module):
    return module.Environment().from_string("{% for a in b %}{{ a }}{% endfor %}")


def sockets(module):
    context = module.Context()
    return context, context.socket(module.PUB)


def registry(module):
    found = module.AdapterRegistry()
    found.register([LOADED["zope.interface"].Interface], LOADED["zope.interface"].Interface, "", [1])
    return found, found.lookup([LOADED["zope.interface"].Interface],
                               LOADED["zope.interface"].Interface)


def classes_of_attrs(module):
    @module.define
    class Point:
        x: list
        y: list = module.field(factory=list)
    return Point([1]), Point


def least_recent(module):
    made = module.LRU(100)
    for i in range(10):
        made[str(i)] = [i]
    return made


def use_packages():
    """What is not in the standard library, named on the command line."""
    use("numpy", lambda m: [m.array([[1], "a", None], dtype=object), m.zeros(3), m.dtype("O"),
                            m.nditer(m.zeros(3)), m.random.default_rng(1), m.ma.array([1])])
    use("pandas", lambda m: [m.DataFrame({"a": [[1], [2]], "b": [1.0, 2.0]}),
                             m.Series(["x", None]), m.DataFrame({"a": [1, 1]}).groupby("a")])
    use("lxml.etree", lambda m: [m.fromstring("<a><b c='d'/></a>"), m.XPath("//b"), m.XMLParser()])
    use("sqlalchemy", tables)
    use("pydantic", model)
    use("aiohttp.web", lambda m: m.Application())
    use("multidict", lambda m: [m.CIMultiDict(a=[1]), m.MultiDict([("a", [2])])])
    use("frozenlist", lambda m: m.FrozenList([[1]]))
    use("google.protobuf.struct_pb2", lambda m: m.Struct(fields={"a": m.Value(number_value=1)}))
    use("grpc", lambda m: m.insecure_channel("localhost:1"))
    use("PIL.Image", image)
    use("gevent", greenlets)
    use("twisted.internet.defer", lambda m: m.Deferred().addCallback(lambda x: [x]))
    use("orjson", lambda m: m.loads(b'{"a": [1, {"b": [2]}]}'))
    use("django.conf", users)
    use("compiled", compiled)
    use("zope.interface", lambda m: m.Interface)
    use("zope.interface.adapter", registry)
    use("redis", lambda m: [m.Redis(), m.Redis().pipeline().set("a", "b")])
    use("celery", task_queue)
    use("requests", lambda m: [m.Session(), m.Request("GET", "http://localhost/").prepare()])
    use("httpx", lambda m: m.Client())
    use("fastapi", web_application)
    use("uvicorn", lambda m: m.Config("a:b").load)
    use("psycopg2.sql", lambda m: [m.SQL("select {}").format(m.Identifier("a")), m.Literal([1])])
    use("psycopg2.extensions", lambda m: [m.QuotedString("a"), m.AsIs([1]), m.Binary(b"a")])
    use("pyarrow", lambda m: [m.table({"a": [1, 2], "b": ["x", None]}), m.array([[1], None])])
    use("scipy.sparse", lambda m: m.eye(3).tocsr())
    use("scipy.optimize", lambda m: m.minimize(lambda x: (x * x).sum(), [1.0, 2.0]))
    use("sklearn.linear_model", fitted)
    use("greenlet", switched)
    use("msgpack", lambda m: [m.unpackb(m.packb({"a": [1]})), m.Packer(), m.Unpacker(object_hook=len)])
    use("uvloop", loop_of_uv)
    use("lru", least_recent)
    use("sortedcontainers", lambda m: [m.SortedDict(a=[1]), m.SortedList([[1], [2]])])
    use("cachetools", lambda m: [m.TTLCache(9, 9), m.cached(m.LRUCache(9))(lambda x: x)])
    use("attrs", classes_of_attrs)
    use("jinja2", template)
    use("yaml", lambda m: [m.load("a: [1]", m.CSafeLoader), m.CSafeLoader("a: 1")])
    use("cryptography.fernet", keys)
    use("tornado.web", lambda m: m.Application([("/", m.RequestHandler, {"a": 1})]))
    use("zmq", sockets)


def load(name):
    try:
        LOADED[name] = importlib.import_module(name)
    except ImportError:
        if name in sys.argv:
            raise


def write(path):
    objects = gc.get_objects()
    lines = []
    for item in objects:
        lines.append("%x %s\n" % (id(item), " ".join(["%x" % id(r) for r in gc.get_referents(item)])))
    lines.append("own %x %x %x %x\n" % (id(objects), id(lines), id(sys._getframe()),
                                       id(sys._getframe(1))))
    fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
    for line in lines:
        os.write(fd, line.encode())
    os.close(fd)


def rehearse():
    """Being described changes some: pytz fills its lists when they are measured, pandas its caches."""
    for item in gc.get_objects():
        truth.describe_referents(item)


def main():
    names = sys.argv[2:-2]
    graph = names[:1] == ["--graph"]
    for name in MODULES + ["pyexpat"] + names[graph:]:
        load(name)
    kinds()
    use_modules()
    use_packages()
    if graph:
        rehearse()
    for _ in range(3):
        gc.collect()
    gc.disable()
    if graph:
        truth.dump_graph(sys.argv[1], [])
    else:
        write(sys.argv[1])
    os.close(os.open(sys.argv[-1], os.O_WRONLY | os.O_CREAT, 0o644))
    os.read(0, truth.BUFFER)


main()
