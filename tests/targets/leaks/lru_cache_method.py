"""functools.lru_cache on a method: the cache keeps every instance."""
import functools

from steps import Payload, serve


class Report:
    def __init__(self, number):
        self.payload = Payload(number)

    @functools.lru_cache(maxsize=None)
    def render(self):
        return len(self.payload.parts)


def handle(number):
    Report(number).render()


serve(handle)
