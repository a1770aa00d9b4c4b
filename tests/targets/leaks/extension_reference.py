"""An extension that takes a reference and never gives it back."""
import ctypes

from steps import Payload, serve

TAKE = ctypes.pythonapi.Py_IncRef
TAKE.argtypes = [ctypes.py_object]
TAKE.restype = None


def handle(number):
    TAKE(Payload(number))


serve(handle)
