"""A class with a name longer than reftracker keeps: long_name.py --ready FILE."""
import sys
import time

KIND = type("Short", (), {"__qualname__": "Page[%s]" % ", ".join(["argument"] * 1000)})
KEEP = [KIND() for _ in range(7)]

with open(sys.argv[sys.argv.index("--ready") + 1], "w") as file:
    file.write("ready")
time.sleep(600)
