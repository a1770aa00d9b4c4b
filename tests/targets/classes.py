"""More classes than two bytes can number, each with one instance: classes.py --ready FILE."""
import sys
import time

COUNT = 70000
KEEP = [type("Kind%d" % number, (), {"__slots__": ("held",)})() for number in range(COUNT)]
for instance in KEEP:
    instance.held = type(instance)

with open(sys.argv[sys.argv.index("--ready") + 1], "w") as file:
    file.write("ready")
time.sleep(600)
