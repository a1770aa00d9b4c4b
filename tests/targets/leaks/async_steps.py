"""What steps.serve() is to programs that serve in a loop of asyncio."""
import asyncio
import sys


async def numbers():
    """Of requests to handle, one of each line; they are done when the next one is asked for."""
    loop = asyncio.get_running_loop()
    print("ready", flush=True)
    while True:
        line = await loop.run_in_executor(None, sys.stdin.readline)
        if not line:
            sys.exit()
        yield int(line)
        print("ok", flush=True)
