"""A target that knows exactly what it creates, drops and keeps.

    scripted_leak.py --gc on|off --ready FILE

Commands on standard input, each answered by "ok":
    make N    N Leak objects more, kept
    drop N    the N oldest Leak objects go
    temp N    N Temp objects, kept until cleartemp
    cleartemp
    churn N   N Churn objects in place of those that were there, at addresses that were theirs
    collect   a full collection
"alike" is answered by the number of Churn objects in the place of one with the same number.
"""
import collections
import gc
import os
import sys


class Leak:
    __slots__ = ("number",)


class Temp:
    __slots__ = ("number",)


class Churn:
    __slots__ = ("number",)


kept, temporary, churned = collections.deque(), [], []
before = {}  # the Churn objects that were there: number by address


def fill(container, kind, count):
    for number in range(count):
        item = kind()
        item.number = number
        # An object of a type without references to others is tracked all the same.
        container.append(item)


def obey(command, count):
    if command == "make":
        fill(kept, Leak, count)
    elif command == "drop":
        for _ in range(count):
            kept.popleft()
    elif command == "temp":
        fill(temporary, Temp, count)
    elif command == "cleartemp":
        temporary.clear()
    elif command == "churn":
        before.clear()
        before.update((id(item), item.number) for item in churned)
        churned.clear()
        fill(churned, Churn, count)
    elif command == "collect":
        gc.collect()


def main():
    options = dict(zip(sys.argv[1::2], sys.argv[2::2]))
    if options["--gc"] == "off":
        gc.disable()
    with open(options["--ready"] + ".new", "w") as file:
        file.write("ready\n")
    os.rename(options["--ready"] + ".new", options["--ready"])
    for line in iter(sys.stdin.readline, ""):
        words = line.split()
        if words[0] == "quit":
            break
        if words[0] == "alike":
            print(sum(before.get(id(item)) == item.number for item in churned), flush=True)
            continue
        obey(words[0], int(words[1]) if len(words) > 1 else 0)
        print("ok", flush=True)


main()
