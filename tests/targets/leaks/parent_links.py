"""A module global that holds the newest of a tree, whose links to the parents hold all others."""
from steps import Payload, serve


class Span:
    def __init__(self, parent, payload):
        self.parent = parent
        self.children = []
        self.payload = payload
        if parent:
            parent.children.append(self)


CURRENT = Span(None, None)


def handle(number):
    global CURRENT
    CURRENT = Span(CURRENT, Payload(number))


serve(handle)
