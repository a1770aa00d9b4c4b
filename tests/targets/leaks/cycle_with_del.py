"""Cycles of objects with a finalizer, in a process that has switched its collector off."""
import gc

from steps import Payload, serve


class Node:
    def __init__(self, payload):
        self.payload = payload
        self.me = self

    def __del__(self):
        self.payload = None


def handle(number):
    Node(Payload(number))


gc.disable()
serve(handle)
