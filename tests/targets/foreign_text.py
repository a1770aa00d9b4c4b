"""A target in which all that has a name has one that a terminal, a table, CSV or JSON may trip over:
foreign_text.py ARGUMENT --ready FILE. It leaks from its own list, one more of each class whenever a
line comes."""
import asyncio
import sys
import threading
import types

NAMES = ["line\nfeed\r", "tab\t|pipe", 'quo"te""', "semi;colon,comma", "\x1b[31mred\x1b]0;title\x07",
         "right\u202eleft\u2066", "csi\u009b31m", "\u4e2d\u6587\u7c7b\u540d", "e\u0301\U0001f600",
         "back\\x1b\\n", "'single`", "<b>&amp;</script>", "\u2028\u2029\u0085", "=1+1", "\x7f\x01",
         "{0!r}%s%n", "long" * 2500]
LONE = "lone\udc80\ud800"  # no UTF-8 has these

KINDS = [type(name, (), {"__module__": "mod." + name[:9]}) for name in NAMES]
KINDS.append(type("Lone", (), {"__module__": LONE}))
LEAK = []
KEYS = {name: [KINDS[0]()] for name in NAMES + [LONE]}
for name in NAMES + [LONE]:
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].held = [KINDS[1]()]


class Session:
    """Attributes as setattr() may make them."""

    def __init__(self):
        for number, name in enumerate(NAMES + [LONE]):
            self.__dict__[name] = [number]


def in_a_frame():
    """Wait in a function whose name, file and variable are foreign, too."""
    code = in_a_frame.waits.__code__
    foreign = {"co_name": NAMES[4], "co_filename": "/tmp/" + NAMES[0] + NAMES[5],
               "co_varnames": (NAMES[6], NAMES[1])}
    if hasattr(code, "co_qualname"):
        foreign["co_qualname"] = NAMES[5]
    in_a_frame.waits.__code__ = code.replace(**foreign)
    in_a_frame.waits(KINDS[2](), threading.Event())


def waits(_value, event):
    event.wait()


in_a_frame.waits = waits
thread = threading.Thread(target=in_a_frame, name=NAMES[4], daemon=True)
thread.start()


async def wait_in_task():
    await asyncio.sleep(10000)


wait_in_task.__qualname__ = wait_in_task.__name__ = NAMES[0] + NAMES[5]
loop = asyncio.new_event_loop()
task = loop.create_task(wait_in_task())
loop.run_until_complete(asyncio.sleep(0.01))
SESSION = Session()

with open(sys.argv[sys.argv.index("--ready") + 1], "w") as file:
    file.write("ready\n")
for line in sys.stdin:
    LEAK.extend(kind() for kind in KINDS for _ in range(20))
    print("ok", flush=True)
