"""A proxy on loopback that holds each packet back: a database as far away as another city.

Usage: python -m bench.delay LISTEN_PORT SERVER_PORT MILLISECONDS (each way). Ended by SIGTERM.
"""

import asyncio
import sys


async def _forward(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay_s: float
) -> None:
    """Pass on what comes, each piece that much later, in order."""
    loop = asyncio.get_running_loop()
    pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def send() -> None:
        while True:
            due, octets = await pieces.get()
            await asyncio.sleep(due - loop.time())
            if not octets:
                writer.close()
                return
            writer.write(octets)

    sender = loop.create_task(send())
    octets = b"first"
    while octets:
        try:
            octets = await reader.read(65536)
        except OSError:
            octets = b""
        pieces.put_nowait((loop.time() + delay_s, octets))
    await sender


async def _serve(listen: int, server: int, delay_s: float) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", server)
        await asyncio.gather(
            _forward(reader, there_writer, delay_s), _forward(there_reader, writer, delay_s)
        )

    async with await asyncio.start_server(connected, "127.0.0.1", listen) as listening:
        await listening.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]) / 1000))
