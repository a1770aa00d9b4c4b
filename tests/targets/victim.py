"""A target that checks itself without pause: arithmetic, hashes, sockets, sleeps, signals.

    victim.py --ready FILE

Commands: "report" answers "sound" or what was wrong; "signals" answers how many real-time
signals have come.
"""
import hashlib
import os
import select
import signal
import socket
import sys
import threading
import time

SIGNAL = signal.SIGRTMIN + 3
problems = []
signals = 0


def expect(condition, text):
    if not condition:
        problems.append(text)


def compute():
    want = hashlib.sha256(b"x" * 100000).hexdigest()
    while True:
        expect(hashlib.sha256(b"x" * 100000).hexdigest() == want, "a hash is wrong")
        expect(sum(i * i for i in range(1000)) == 332833500, "a sum is wrong")
        expect(abs(sum(1.0 / n for n in range(1, 1000)) - 7.484470860550345) < 1e-12, "a float")


def talk():
    left, right = socket.socketpair()
    number = 0
    while True:
        number += 1
        left.send(b"%d" % number)
        expect(right.recv(64) == b"%d" % number, "a message is lost")


def doze():
    """No sleep ends early; none ends with an error."""
    poll = select.epoll()
    while True:
        for seconds, wait in ((0.02, time.sleep), (0.01, poll.poll),
                              (0.01, lambda s: select.select([], [], [], s))):
            start = time.monotonic()
            wait(seconds)
            expect(time.monotonic() - start >= seconds * 0.95, "a sleep ended early")


def count_signals():
    global signals
    while True:
        signal.sigwait([SIGNAL])
        signals += 1


def main():
    signal.pthread_sigmask(signal.SIG_BLOCK, [SIGNAL])
    for job in (compute, talk, doze, count_signals):
        threading.Thread(target=job, daemon=True).start()
    ready = sys.argv[sys.argv.index("--ready") + 1]
    with open(ready + ".new", "w") as file:
        file.write("ready\n")
    os.rename(ready + ".new", ready)
    for line in iter(sys.stdin.readline, ""):
        if line.strip() == "report":
            print(problems[0] if problems else "sound", flush=True)
        elif line.strip() == "signals":
            print(signals, flush=True)


main()
