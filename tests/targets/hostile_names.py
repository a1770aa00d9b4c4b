"""A target whose classes, keys and values are named like markup, control characters and members
of JavaScript objects: hostile_names.py --ready FILE. Whoever shows them must show them as text.
"""
import os
import sys
import time

NAMES = ["</script><script>alert(1)</script>", "<img src=x onerror=alert(2)>", '"><b>', "</title>",
         "\u2028\u2029", "\x1b[31m", "{{x}}", "__proto__", "constructor", "toString", "Object"]
CLASSES = [type(name, (), {"__module__": "<script>alert(3)</script>"}) for name in NAMES]
KEEP = {name: [kind() for _ in range(3000)] for name, kind in zip(NAMES, CLASSES)}

with open(sys.argv[2] + ".new", "w") as file:
    file.write("ready\n")
os.rename(sys.argv[2] + ".new", sys.argv[2])
time.sleep(1000)
