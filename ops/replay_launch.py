"""Steps of replays in processes of their own, which outlive whoever started them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from threading import Thread
from uuid import UUID

from pydantic import SecretStr

from ops.replaying import OWNER_VARIABLE
from ops.stack.role import PACKAGES, READY_VARIABLE, backstock, role_environment
from ops.stores import Stores
from replay.steps import StepName

LOG = "replay"
# Where this is all that is known of a step, its process failed before it could note more.
REFUSED = 1

# Until a process has started, whoever started it keeps the replay's lease for it.
RENEW_SECONDS = 3.0
RENEWALS_MAX = 20


def launch(
    stores: Stores,
    step: StepName,
    replay_id: UUID,
    arguments: Sequence[str],
    *,
    owner: str,
    renew: Callable[[], None],
    ended: Callable[[int], None],
) -> None:
    """Start `backstock replay STEP --replay ID` with these settings; what it says is in its log.

    It has a session of its own: neither Ctrl-C nor the end of this process reaches it. A thread
    calls `renew` while it may still be starting, and tells `ended` its exit code (minus the signal
    that killed it), if this process lives so long. Raises `OSError`.
    """
    directory = stores.directory
    directory.create()
    environment = role_environment(stores.addresses, directory) | _settings(stores)
    environment.pop(READY_VARIABLE, None)
    with directory.log(LOG).open("ab") as output:
        child = subprocess.Popen(
            backstock("replay", step, "--replay", str(replay_id), "--json", *arguments),
            cwd=directory.root,
            env=environment | {"PYTHONPATH": str(PACKAGES), OWNER_VARIABLE: owner},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=output,
            start_new_session=True,
        )
    named = f"replay-{step}-{child.pid}"
    Thread(target=_wait, args=(child, renew, ended), name=named, daemon=True).start()


def _wait(
    child: subprocess.Popen[bytes], renew: Callable[[], None], ended: Callable[[int], None]
) -> None:
    for _ in range(RENEWALS_MAX):
        try:
            code = child.wait(RENEW_SECONDS)
        except subprocess.TimeoutExpired:
            renew()
        else:
            ended(code)
            return
    ended(child.wait())


def _settings(stores: Stores) -> dict[str, str]:
    """What was set, however it was set; addresses and the data directory have their own source."""
    found = {}
    for name, value in stores.settings.model_dump(exclude_none=True, exclude={"data"}).items():
        plain = value.get_secret_value() if isinstance(value, SecretStr) else value
        found[f"BACKSTOCK_{name}".upper()] = str(plain)
    return found


def ending(step: StepName, code: int) -> str:
    """What is to be told of an exit code."""
    how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
    return f"{step}: its process {how}; see {LOG}.log of the data directory, and post it again"
