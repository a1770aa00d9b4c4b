"""A server whose state is in a variable of main(), and which forgets no session."""
import asyncio
import sys

from steps import Payload


class App:
    def __init__(self):
        self.sessions = {}

    async def handle(self, reader, writer):
        while await reader.readline():
            self.sessions["session %d" % len(self.sessions)] = Payload(len(self.sessions))
            writer.write(b"ok\n")
            await writer.drain()


async def main():
    app = App()
    loop = asyncio.get_running_loop()
    server = await asyncio.start_server(app.handle, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    print("ready", flush=True)
    while True:
        line = await loop.run_in_executor(None, sys.stdin.readline)
        if not line:
            sys.exit()
        for _ in range(int(line)):
            writer.write(b"GET /\n")
            await reader.readline()
        print("ok", flush=True)


asyncio.run(main())
