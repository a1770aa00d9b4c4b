"""Ends by a signal that leaves a core file: inside a C function, or while a collection runs."""
import faulthandler
import gc
import os
import resource
import signal
import sys


class Kept:
    pass


KEPT = [Kept() for _ in range(1234)]


def abort_inside_sort(value):
    local_of_the_crash = KEPT
    os.abort()
    return local_of_the_crash, value


def crash_in_collection(phase, info):
    os.kill(os.getpid(), signal.SIGSEGV)


def main():
    os.chdir(os.path.dirname(os.path.abspath(__file__)))
    faulthandler.disable()
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    if sys.argv[1] == "sort":
        sorted([3, 2, 1], key=abort_inside_sort)
    elif sys.argv[1] == "collection":
        gc.callbacks.append(crash_in_collection)
        gc.collect()


main()
