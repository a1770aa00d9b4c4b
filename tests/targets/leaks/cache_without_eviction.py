"""A cache that nothing is ever taken out of."""
from steps import Payload, serve

CACHE = {}


def handle(number):
    key = "user%d" % number
    if key not in CACHE:
        CACHE[key] = Payload(number)


serve(handle)
