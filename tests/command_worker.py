"""A writer in a process of its own: a command a line in, an answer a line out, in any order.

python -m tests.command_worker DSN
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson

from tests.command_side import WriteSide, write_side

ROOT = Path(__file__).parents[1]


async def serve(dsn: str) -> None:
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader(limit=2**20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    async with write_side(dsn) as side, asyncio.TaskGroup() as tasks:
        _say({"ready": True})
        while line := await lines.readline():
            tasks.create_task(_answer(side, orjson.loads(line)))


async def _answer(side: WriteSide, command: dict[str, Any]) -> None:
    answer = await side.send(**command)
    _say({"key": command["key"], "outcome": answer.outcome, "body": answer.body.decode()})


def _say(document: dict[str, Any]) -> None:
    sys.stdout.buffer.write(orjson.dumps(document) + b"\n")
    sys.stdout.buffer.flush()


class WorkerDiedError(Exception):
    """The worker went away before it answered."""


class Worker:
    """The other end of a worker's pipes. `ask` raises WorkerDiedError when it dies meanwhile."""

    def __init__(self, dsn: str, **environment: str) -> None:
        self._dsn = dsn
        self._environment = environment
        self._asked: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self.process: asyncio.subprocess.Process

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.command_worker", self._dsn),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=ROOT,
            env=os.environ | self._environment,
            limit=2**20,
        )
        assert self.process.stdout is not None
        assert b"ready" in await self.process.stdout.readline()
        self._listener = asyncio.create_task(self._listen(self.process.stdout))

    async def ask(self, **command: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        if self._listener.done():
            raise WorkerDiedError
        answered: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._asked[command["key"]] = answered
        self.process.stdin.write(orjson.dumps(command) + b"\n")
        return await answered

    async def kill(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
        await self._listener

    async def _listen(self, answers: asyncio.StreamReader) -> None:
        while line := await answers.readline():
            answer = orjson.loads(line)
            self._asked.pop(answer["key"]).set_result(answer)
        for waiting in self._asked.values():
            waiting.set_exception(WorkerDiedError())
        self._asked.clear()


@asynccontextmanager
async def workers(dsn: str, count: int, **environment: str) -> AsyncIterator[list[Worker]]:
    started = [Worker(dsn, **environment) for _ in range(count)]
    await asyncio.gather(*(worker.start() for worker in started))
    try:
        yield started
    finally:
        await asyncio.gather(*(worker.kill() for worker in started))


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
