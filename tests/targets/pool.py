"""A master that forks workers, one of which hoards; what they do besides differs a little. The collector
is off: a worker in which it ran has fewer objects than its siblings, because it takes tuples off its
lists, and whether it runs depends on all that was imported before."""
import argparse
import gc
import multiprocessing
import os
import time

gc.disable()


class Session:
    pass


class Work:
    pass


def work(number, args):
    held = [Work() for _ in range(100 + 7 * number)]
    if number == args.hoarder:
        held += [Session() for _ in range(args.hoard)]
    with open(f"{args.ready}.new{number}", "w", encoding="ascii") as file:
        file.write(str(os.getpid()))
    os.rename(f"{args.ready}.new{number}", f"{args.ready}.{number}")
    while True:
        time.sleep(1)


def fork(number, args):
    parent = os.getpid()
    if os.fork():
        return
    if os.getppid() == parent:
        work(number, args)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--hoarder", type=int, default=-1)
    parser.add_argument("--hoard", type=int, default=1000)
    parser.add_argument("--start", choices=("plain", "fork", "spawn"), default="plain")
    parser.add_argument("--ready")
    args = parser.parse_args()
    for number in range(args.workers):
        if args.start == "plain":
            fork(number, args)
        else:
            context = multiprocessing.get_context(args.start)
            context.Process(target=work, args=(number, args), daemon=True).start()
    for number in range(args.workers):
        while not os.path.exists(f"{args.ready}.{number}"):
            time.sleep(0.01)
    with open(args.ready, "w", encoding="ascii"):
        pass
    while True:
        time.sleep(1)


if __name__ == "__main__":
    main()
