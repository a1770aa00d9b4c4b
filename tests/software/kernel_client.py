"""Runs cells in a kernel and looks at the answers: WORK. Ends at a line on standard input."""
import os
import select
import sys
import time

from jupyter_client import BlockingKernelClient

CELL = "import leak\nleak.visit({0})\nassert sum(range({0})) == {1}\n{0} + 1"


def run(client, number):
    """Whether the cell's answer is right."""
    answers = []

    def see(message):
        if message["msg_type"] == "execute_result":
            answers.append(message["content"]["data"]["text/plain"])

    reply = client.execute_interactive(CELL.format(number, number * (number - 1) // 2), timeout=60,
                                       output_hook=see)
    return reply["content"]["status"] == "ok" and answers == [str(number + 1)]


def main():
    path = os.path.join(sys.argv[1], "kernel.json")
    while not os.path.exists(path):
        time.sleep(0.05)
    time.sleep(1)
    client = BlockingKernelClient(connection_file=path)
    client.load_connection_file()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    print("ready")
    done = failures = 0
    while not select.select([sys.stdin], [], [], 0)[0]:
        failures += not run(client, done)
        done += 1
        time.sleep(0.01)
    print(done, failures)


main()
