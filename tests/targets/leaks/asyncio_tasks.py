"""Background tasks that wait for what never comes."""
import asyncio

from async_steps import numbers
from steps import Payload

BACKGROUND = set()


async def notify(payload):
    await asyncio.get_running_loop().create_future()
    return payload.number


async def main():
    done = 0
    async for number in numbers():
        for _ in range(number):
            done += 1
            BACKGROUND.add(asyncio.ensure_future(notify(Payload(done))))
        await asyncio.sleep(0)


asyncio.run(main())
