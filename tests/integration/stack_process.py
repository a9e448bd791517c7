"""A small supervisor as a process of its own: `python stack_process.py DIR`; tests kill it."""

import signal
import sys
import threading
from pathlib import Path

from rich.console import Console

from ops.stack.directory import DataDirectory
from ops.stack.postgres import PostgresPart
from ops.stack.progress import PlainAnnouncer
from ops.stack.redis import RedisPart
from ops.stack.role import Role
from ops.stack.supervisor import Composition, Supervisor

STUBBORN = """
import signal, time
from ops.stack.role import say_ready
signal.signal(signal.SIGTERM, signal.SIG_IGN)
say_ready()
time.sleep(3600)
"""


def main() -> None:
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    role = Role(
        name="stubborn",
        argv=(sys.executable, "-c", STUBBORN),
        environment={},
        farewell_seconds=0.5,
    )
    composition = Composition(
        parts=(PostgresPart(settings={"fsync": "off"}), RedisPart()),
        roles=lambda _addresses, _directory: (role,),
    )
    directory = DataDirectory(root=Path(sys.argv[1]))
    announcer = PlainAnnouncer(Console(stderr=True))
    Supervisor(directory, composition, announcer, stopping).run(lambda _state: None)


if __name__ == "__main__":
    main()
