"""Starts the service: python -m app."""

import asyncio
import os
import socket

import uvicorn

from .about import describe
from .main import create_app

LAST_REQUESTS_SECONDS = 0.5


class Server(uvicorn.Server):
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """uvicorn cuts off requests that it has not read to their end: they get a little time to arrive."""
        for server in self.servers:
            server.close()
        await asyncio.sleep(LAST_REQUESTS_SECONDS)
        await super().shutdown(sockets)


Server(
    uvicorn.Config(
        create_app(describe(os.environ)),
        host=os.environ.get("HOST", "0.0.0.0"),
        port=int(os.environ.get("PORT", "8000")),
        server_header=False,
        # Longer than the 60 s of common proxies, and shorter than the 10 s after which Docker kills.
        timeout_keep_alive=65,
        timeout_graceful_shutdown=8,
    )
).run()
