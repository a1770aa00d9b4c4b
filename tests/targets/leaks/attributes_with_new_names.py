"""Attributes of one object under ever new names, and one object that gets its attributes late."""
from steps import Payload, serve


class Registry:
    pass


class Lazy:
    pass


REGISTRY = Registry()
REGISTRY.limit = [10]
REGISTRY.sessions = {}
LAZY = Lazy()


def handle(number):
    name = "".join(chr(97 + int(digit)) for digit in str(number))
    setattr(REGISTRY, "on_" + name, Payload(number))
    if not hasattr(LAZY, "part_a"):
        for letter in "abcdefghijklm":
            setattr(LAZY, "part_" + letter, [letter])


serve(handle)
