"""A logging handler added for each request and removed for none."""
import logging

from steps import Payload, serve

LOG = logging.getLogger("service")
LOG.propagate = False


class RequestHandler(logging.Handler):
    def __init__(self, payload):
        super().__init__()
        self.payload = payload

    def emit(self, record):
        pass


def handle(number):
    LOG.addHandler(RequestHandler(Payload(number)))
    LOG.warning("request %d", number)


serve(handle)
