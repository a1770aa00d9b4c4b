"""Real requests for demo_service.py: ever new query strings, bounded in number and time.

    demo_client.py PORT REQUESTS_PER_SECOND SECONDS
"""
import http.client
import itertools
import sys
import time


def main():
    port, rate, seconds = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    end = time.monotonic() + seconds
    due = time.monotonic()
    for number in itertools.count():
        due += 1 / rate
        if due > end:
            break
        time.sleep(max(0, due - time.monotonic()))
        connection.request("GET", f"/search?q=item-{number}&page={number % 7}",
                           headers={"X-Session": f"user-{number % 20}"})
        connection.getresponse().read()


main()
