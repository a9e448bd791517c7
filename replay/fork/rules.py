"""Which decision functions past commands are decided with: one for each command that decides."""

from __future__ import annotations

from collections.abc import Mapping

from commands.handler import Decide
from commands.handlers import HANDLERS
from commands.message import Message

Rules = Mapping[type[Message], Decide]
TODAY: Rules = {message: handler.decide for message, handler in HANDLERS.items()}
