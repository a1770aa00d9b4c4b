"""Containers of many texts, of which each says where it stands: containers.py --ready FILE."""
import collections
import sys
import time

COUNT = 50000
KEEP = {
    "dict": {"key %d" % i: "value %d" % i for i in range(COUNT)},
    "list": ["list %d" % i for i in range(COUNT)],
    "tuple": tuple("tuple %d" % i for i in range(COUNT)),
    "set": {"member %d" % i for i in range(COUNT)},
    "deque": collections.deque("deque %d" % i for i in range(COUNT)),
    "OrderedDict": collections.OrderedDict(("key %d" % i, "ordered %d" % i) for i in range(COUNT)),
    "defaultdict": collections.defaultdict(int, (("key %d" % i, "default %d" % i)
                                                 for i in range(COUNT))),
}
del KEEP["dict"]["key 7"]

with open(sys.argv[sys.argv.index("--ready") + 1], "w") as file:
    file.write("ready")
time.sleep(600)
