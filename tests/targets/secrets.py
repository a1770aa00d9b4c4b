"""A program whose names may be told and whose values may not.

    secrets.py --ready FILE
"""
import sys
import time
import types

customers = {"anna.berg@example.com": "tulips-and-roses", "Oslo street 5": 3}
sessions = {"9f86d081884c7d65": "granted-token", "a3f5c9b2e17d4": b"bytes-of-it"}
settings = {"colour": "ultramarine", "max_age": 8675309123, "content-type": "x" * 100 + "tail-end"}
# Like names, and yet made while the program runs.
tokens = {"".join(["token", "Q", "_abc"]): 1, ".".join(["john", "smith"]): 2}


class Record:
    pass


record = Record()
setattr(record, "not an@attribute", 1)
setattr(record, "grün_1", 1)
setattr(record, "number123456", 1)
sys.modules["no module@all"] = sys.modules["some_package.part"] = types.ModuleType("m")
count = int("1234567890" + "12345")

with open(sys.argv[sys.argv.index("--ready") + 1], "w") as file:
    file.write("ready")
time.sleep(600)
