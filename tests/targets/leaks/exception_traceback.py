"""Exceptions that are kept for a report, and their frames with them."""
from steps import Payload, serve

ERRORS = []


def work(number):
    payload = Payload(number)
    raise ValueError("request %d of %d parts" % (number, len(payload.parts)))


def handle(number):
    try:
        work(number)
    except ValueError as error:
        ERRORS.append(error)


serve(handle)
