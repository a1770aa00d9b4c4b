"""A server whose state is in a variable of main(), and which forgets no session."""
import asyncio

from async_steps import numbers
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
    server = await asyncio.start_server(app.handle, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    async for number in numbers():
        for _ in range(number):
            writer.write(b"GET /\n")
            await reader.readline()


asyncio.run(main())
