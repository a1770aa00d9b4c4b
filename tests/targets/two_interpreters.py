"""A second CPython, from a libpython of its own, that lives beside the one that runs this.

    two_interpreters.py --dump FILE --library LIBPYTHON --ready FILE

FILE as workload.py writes it. Then it waits for standard input to end.
"""
import ctypes
import gc
import os
import sys

import truth


def start_other(path):
    """Its symbols are its own: they are not looked up in the executable first."""
    other = ctypes.PyDLL(path, mode=os.RTLD_LOCAL | os.RTLD_DEEPBIND)
    other.Py_InitializeEx(0)
    other.PyRun_SimpleString(b"kept = [{} for i in range(5000)]")
    other.PyEval_SaveThread()
    return other


def main():
    options = dict(zip(sys.argv[1:], sys.argv[2:] + [""]))
    other = start_other(options["--library"])
    gc.collect()
    gc.disable()
    truth.dump(options["--dump"])
    truth.write_file(options["--ready"], b"ready\n")
    os.read(0, 1)
    os._exit(bool(other.Py_IsInitialized() != 1))


main()
