"""Listeners that sign up with a bus and never sign off."""
from steps import Payload, serve


class Bus:
    def __init__(self):
        self.listeners = []


class Listener:
    def __init__(self, payload):
        self.payload = payload

    def notify(self):
        return self.payload.number


BUS = Bus()


def handle(number):
    BUS.listeners.append(Listener(Payload(number)).notify)


serve(handle)
