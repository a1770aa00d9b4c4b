"""A list that belongs to the class, where each instance was to have one."""
from steps import Payload, serve


class Basket:
    items = []

    def put(self, payload):
        self.items.append(payload)


def handle(number):
    Basket().put(Payload(number))


serve(handle)
