"""A task that keeps what it has handled in a variable of its own."""
import asyncio

from async_steps import numbers
from steps import Payload


class Worker:
    async def handle(self, requests):
        seen = []
        while True:
            seen.append(Payload(await requests.get()))
            requests.task_done()


async def main():
    done = 0
    requests = asyncio.Queue()
    task = asyncio.ensure_future(Worker().handle(requests))
    async for number in numbers():
        for _ in range(number):
            done += 1
            requests.put_nowait(done)
        await requests.join()


asyncio.run(main())
