"""Numbers and bytes, and what Python writes for them.

    previews.py --dump FILE --ready FILE

FILE gets a JSON object: of each value the address and its repr().
"""
import json
import random
import struct
import sys
import time

chance = random.Random(1)
values = [0.1, 1.0, -0.0, 1e15, 1e16, 1e-4, 1e-5, 123456.789, 5e-324, 1.7976931348623157e308, 2.0 ** 53,
          float("inf"), -float("inf"), float("nan"), 1 / 3, 1e22, 9007199254740994.0, 100.0,
          1 + 2j, complex(0, 2), complex(-0.0, 2), complex(1.5, -0.0), complex(float("nan"), 1e20),
          2 ** 60, -2 ** 60, 2 ** 70, 10 ** 45, -10 ** 45, 2 ** 150, 3 ** 2000, 2 ** 59, 8 ** 20 - 1,
          b"", b"plain", b"it's", b'say "x"', b"'\"", b"\\\0\n\r\t\x1b\x7f\xff", b"x" * 56, b"\0" * 200,
          bytearray(b"array"), bytearray(), bytearray(b"z" * 100), bytearray(b"y" * 47)]
values += [struct.unpack("d", struct.pack("Q", chance.getrandbits(64)))[0] for _ in range(500)]
values += [chance.uniform(-1e17, 1e17) for _ in range(200)]
values += [-chance.getrandbits(60 + i) for i in range(100)]
front = bytearray(b"0123456789")
del front[:4]  # its first byte is no longer where its buffer begins
values.append(front)
with open(sys.argv[sys.argv.index("--dump") + 1], "w") as file:
    json.dump([[id(value), repr(value)] for value in values], file)
with open(sys.argv[sys.argv.index("--ready") + 1], "w") as file:
    file.write("ready")
time.sleep(600)
