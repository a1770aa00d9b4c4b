# cython: language_level=3
"""What Cython makes of classes, closures and generators: for scripts/check-packages."""


cdef class Node:
    cdef object held
    cdef list more
    cdef public object seen

    def __init__(self, held, list more):
        self.held = held
        self.more = more
        self.seen = (held, more)


def counter(held):
    for item in held:
        yield item


def closure(held):
    def inner():
        return held
    return inner
