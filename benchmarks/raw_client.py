"""What the counting server can take: ready-made requests over plain sockets; the client does next to nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

Job = dict[str, Any]
BATCH = 75
_PAYLOAD = (
    '"first_name":"Ada","plan":"pro","visits":12345,"score":49.29,"city":"Busan","is_member":true,'
    '"last_seen":"2026-01-05T09:30:00Z","tags":["ski","golf"],"note":"827ccb0eea8a706c"'
)
_CONNECTIONS = 64


def send(job: Job) -> Callable[[], dict[str, Any]]:
    """Return what sends ``job["requests"]`` requests of 75 objects."""
    import uvloop

    address, number = urlsplit(job["url"]), job["requests"]
    objects = ",".join(f'{{"external_id":"c-{row}",{_PAYLOAD}}}' for row in range(BATCH))
    body = f'{{"attributes":[{objects}]}}'
    head = f"POST /users/track HTTP/1.1\r\nhost: {address.netloc}\r\ncontent-length: {len(body)}\r\n\r\n"
    request = (head + body).encode()

    async def lane(requests: int) -> None:
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        for _ in range(requests):
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0]))
        writer.close()

    async def lanes() -> None:
        await asyncio.gather(*(lane(number // _CONNECTIONS) for _ in range(_CONNECTIONS)))

    def run() -> dict[str, Any]:
        uvloop.run(lanes())
        return {"sent": number // _CONNECTIONS * _CONNECTIONS * BATCH}

    return run
