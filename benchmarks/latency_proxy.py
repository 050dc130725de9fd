"""A proxy before a server on this machine, that delays and counts HTTP requests.

It is a process of its own, so that its CPU seconds are nobody else's, and passes bytes on as
they come. HTTP/1.1 takes turns: a client's first bytes after the server's last are a new request.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys

__all__ = ["LatencyProxy"]


class LatencyProxy:
    """The proxy before port `port`; `url` is its address."""

    def __init__(self, port: int) -> None:
        command = [sys.executable, __file__, str(port)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        # in a session of its own, so that Ctrl-C does not reach it
        self._process = subprocess.Popen(command, start_new_session=True, **pipes)
        self.pid, self.url = self._process.pid, self._process.stdout.readline().strip()

    def close(self) -> None:
        """End it: it ends with its standard input, so it never outlives this process either."""
        self._process.communicate()

    def restart(self, delay_ms: float) -> dict[str, int]:
        """Delay each request by `delay_ms`, and count anew; gives the counts so far.

        These are requests, bytes_up (from clients) and bytes_down (to them), heads included.
        """
        print(delay_ms, file=self._process.stdin, flush=True)
        return json.loads(self._process.stdout.readline())


class _Proxy:
    def __init__(self, port: int) -> None:
        self._port, self._delay_s = port, 0.0
        self._counts = dict.fromkeys(("requests", "bytes_up", "bytes_down"), 0)

    async def run(self) -> None:
        listening = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        print(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}", flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            self._delay_s = float(line) / 1000.0
            print(json.dumps(self._counts), flush=True)
            self._counts = dict.fromkeys(self._counts, 0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of a client, with one to the server that lives as long."""
        answers, server = await asyncio.open_connection("127.0.0.1", self._port)
        new = True

        async def upwards():
            nonlocal new
            while data := await reader.read(65536):
                if new:
                    new = False
                    self._counts["requests"] += 1
                    await asyncio.sleep(self._delay_s)
                self._counts["bytes_up"] += len(data)
                server.write(data)
                await server.drain()

        async def downwards():
            nonlocal new
            while data := await answers.read(65536):
                new = True
                self._counts["bytes_down"] += len(data)
                writer.write(data)
                await writer.drain()

        ways = [asyncio.create_task(upwards()), asyncio.create_task(downwards())]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        server.close()
        writer.close()
        await asyncio.gather(*ways, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(_Proxy(int(sys.argv[1])).run())
