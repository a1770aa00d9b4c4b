"""A service that keeps nothing but what it should: caches with a limit, a window of results, and
requests in work. It does so without being asked; each line on standard input is answered by "ok".
"""
import collections
import functools
import random
import re
import sys
import threading

from steps import Payload

RECENT = collections.deque(maxlen=500)
SESSIONS = collections.OrderedDict()
RANDOM = random.Random(1)
LOCK = threading.Lock()


class Session:
    def __init__(self, user):
        self.user = user
        self.history = collections.deque(maxlen=10)


@functools.lru_cache(maxsize=256)
def compiled(user):
    return re.compile("user%d(a|b)*" % user)


def handle(number):
    user = RANDOM.randrange(2000)
    payload = Payload(number)
    compiled(user)
    with LOCK:
        session = SESSIONS.pop(user, None) or Session(user)
        SESSIONS[user] = session
        if len(SESSIONS) > 300:
            SESSIONS.popitem(last=False)
        session.history.append(payload)
        RECENT.append(payload)
    return {"user": user, "parts": payload.parts}


def work(pause):
    number = 0
    while True:
        number += 1
        reply = handle(number)
        if number > 3000:
            pause.wait(0.0005)
            del reply


for _ in range(3):
    threading.Thread(target=work, args=(threading.Event(),), daemon=True).start()
while len(RECENT) < 500 or len(SESSIONS) < 300:
    threading.Event().wait(0.1)
threading.Event().wait(1)
print("ready", flush=True)
for line in sys.stdin:
    print("ok", flush=True)
