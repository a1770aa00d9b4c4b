"""What the targets share that know a serial number for each of their objects."""
import gc
import os
import sys


def write_truth(path, rows):
    """Rows of address, kind and serial number."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.write(fd, "\n".join("0x%x %s %d" % row for row in rows).encode())
    os.close(fd)


def options():
    """The program's arguments. With --gc off the collector is."""
    found = dict(zip(sys.argv[1::2], sys.argv[2::2]))
    if found["--gc"] == "off":
        gc.disable()
    return found


def serve(ready, churn, truth):
    """Tell that all is made, and obey: "churn K", "collect N", "truth FILE", each answered by "done"."""
    with open(ready + ".new", "w") as file:
        file.write("ready\n")
    os.rename(ready + ".new", ready)
    for line in iter(sys.stdin.readline, ""):
        words = line.split()
        if words[0] == "churn":
            churn(int(words[1]))
        elif words[0] == "collect":
            gc.collect(int(words[1]))
        elif words[0] == "truth":
            truth(words[1])
        print("done", flush=True)
