"""A target in which eight threads allocate, free and collect without a pause.

    busy.py --ready FILE

5,000 Kept objects are alive at every instant. "report" answers "sound" while all threads work.
"""
import gc
import os
import sys
import threading
import time


class Kept:
    def __init__(self):
        self.me = self


progress = [0] * 8
kept = [Kept() for _ in range(5000)]


def churn(index):
    while True:
        cycle = [[] for _ in range(200)]
        for item in cycle:
            item.append(cycle)
        if index % 2:
            gc.collect(index % 3)
        progress[index] += 1


def main():
    for index in range(8):
        threading.Thread(target=churn, args=(index,), daemon=True).start()
    ready = sys.argv[sys.argv.index("--ready") + 1]
    with open(ready + ".new", "w") as file:
        file.write("ready\n")
    os.rename(ready + ".new", ready)
    for _ in iter(sys.stdin.readline, ""):
        before = list(progress)
        time.sleep(2)
        stuck = [i for i in range(8) if progress[i] == before[i]]
        print(f"threads {stuck} are stuck" if stuck else "sound", flush=True)


main()
