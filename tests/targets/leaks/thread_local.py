"""A list in thread-local storage, in a worker that lives as long as the process."""
import queue
import threading

from steps import Payload, serve

LOCAL = threading.local()
JOBS = queue.Queue()
DONE = queue.Queue()


def worker():
    LOCAL.results = []
    while True:
        LOCAL.results.append(Payload(JOBS.get()))
        DONE.put(None)


def handle(number):
    JOBS.put(number)
    DONE.get()


threading.Thread(target=worker, daemon=True).start()
serve(handle)
