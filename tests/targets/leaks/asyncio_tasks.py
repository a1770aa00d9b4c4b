"""Background tasks that wait for what never comes."""
import asyncio
import sys

from steps import Payload

BACKGROUND = set()


async def notify(payload):
    await asyncio.get_running_loop().create_future()
    return payload.number


async def main():
    done = 0
    loop = asyncio.get_running_loop()
    print("ready", flush=True)
    while True:
        line = await loop.run_in_executor(None, sys.stdin.readline)
        if not line:
            sys.exit()
        for _ in range(int(line)):
            done += 1
            BACKGROUND.add(asyncio.ensure_future(notify(Payload(done))))
        await asyncio.sleep(0)
        print("ok", flush=True)


asyncio.run(main())
