"""A task that keeps what it has handled in a variable of its own, and waits by turns at two places."""
import asyncio

from async_steps import numbers
from steps import Payload

QUEUES = {}


async def handle():
    seen = []
    while True:
        for requests in QUEUES.values():
            seen.extend(Payload(number) for number in range(await requests.get()))
            requests.task_done()


async def main():
    QUEUES.update(east=asyncio.Queue(), west=asyncio.Queue())
    task = asyncio.ensure_future(handle())
    turn = 0
    async for number in numbers():
        requests = list(QUEUES.values())[turn % 2]
        turn += 1
        requests.put_nowait(number)
        await requests.join()
    await task


asyncio.run(main())
