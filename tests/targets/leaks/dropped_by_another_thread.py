"""What one thread made and another one drops. Without the GIL it waits to be freed by the one that made
it, which sleeps: there is more of it at each step, and none of it leaks."""
import signal
import threading

from steps import Payload, serve

MADE = [Payload(number) for number in range(400)]


def handle(number):
    """Each of those that are left gets something new, and one of them goes, with all that it got."""
    for payload in MADE:
        payload.parts.append(Payload(number))
    MADE.pop()


threading.Thread(target=serve, args=(handle,), daemon=True).start()
while True:
    signal.pause()
