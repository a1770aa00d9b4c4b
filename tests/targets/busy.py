"""A target in which eight threads allocate, free and collect without a pause.

    busy.py --ready FILE

5,000 Kept objects are alive at every instant. "report" answers "sound" while all threads work, "rate"
how many rounds they do in two seconds.
"""
import gc
import os
import sys
import threading
import time


class Kept:
    def __init__(self):
        self.me = self


NO_GIL = "t" in sys.abiflags
COLLECTING = (1,) if NO_GIL else (1, 3, 5, 7)
progress = [0] * 8
kept = [Kept() for _ in range(5000)]


def churn(index):
    while True:
        cycle = [[] for _ in range(200)]
        for item in cycle:
            item.append(cycle)
        if NO_GIL:
            cycle.clear()  # eight threads make cycles faster than all can be stopped to find them
        if index in COLLECTING:
            gc.collect(index % 3)
        progress[index] += 1


def main():
    for index in range(8):
        threading.Thread(target=churn, args=(index,), daemon=True).start()
    ready = sys.argv[sys.argv.index("--ready") + 1]
    with open(ready + ".new", "w") as file:
        file.write("ready\n")
    os.rename(ready + ".new", ready)
    for line in iter(sys.stdin.readline, ""):
        before = list(progress)
        if line.strip() == "rate":
            time.sleep(2)
            print(sum(progress) - sum(before), flush=True)
            continue
        stuck, end = range(8), time.monotonic() + 60
        while stuck and time.monotonic() < end:
            time.sleep(0.1)
            stuck = [i for i in stuck if progress[i] == before[i]]
        print(f"threads {stuck} are stuck" if stuck else "sound", flush=True)


main()
