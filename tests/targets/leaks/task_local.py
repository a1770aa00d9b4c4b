"""A task that keeps what it has handled in a variable of its own."""
import asyncio
import sys

from steps import Payload


class Worker:
    async def handle(self, requests):
        seen = []
        while True:
            seen.append(Payload(await requests.get()))
            requests.task_done()


async def main():
    done = 0
    loop = asyncio.get_running_loop()
    requests = asyncio.Queue()
    task = asyncio.ensure_future(Worker().handle(requests))
    print("ready", flush=True)
    while not task.done():
        line = await loop.run_in_executor(None, sys.stdin.readline)
        if not line:
            sys.exit()
        for _ in range(int(line)):
            done += 1
            requests.put_nowait(done)
        await requests.join()
        print("ok", flush=True)


asyncio.run(main())
