"""A closure that collects what it has seen."""
from steps import Payload, serve


def make_handler():
    seen = []

    def handle(number):
        seen.append(Payload(number))

    return handle


handler = make_handler()
serve(handler)
