"""Cycles of objects with a finalizer, in a process that has switched its collector off."""
import gc

from steps import Payload, serve


class Node:
    """One of a hundred of each request."""

    def __init__(self, payload):
        self.payload = payload
        self.me = self

    def __del__(self):
        self.payload = None


def handle(number):
    payload = Payload(number)
    for _ in range(100):
        Node(payload)


gc.disable()
serve(handle)
