"""A FastAPI service with one checked parameter."""
import fastapi

import leak

app = fastapi.FastAPI()


@app.get("/")
async def hello(n: int):
    return leak.visit(n)
