"""An aiohttp server: PORT."""
import sys

from aiohttp import web

import leak


async def hello(request):
    return web.Response(text=leak.visit(int(request.query["n"])))


app = web.Application()
app.add_routes([web.get("/", hello)])
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None)
