"""What takes more than one append: a large count, submitted part by part under one key.

Each part is a command of its own, under a key made of the count's and the part's number, which no
caller can take. Whoever dies between two parts has lost nothing and doubled nothing: the same key
sent again gets the answers of the parts that were done, and goes on with the next. So does a
`submit_count` under another key, because a part posts what is not posted yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from commands.count_messages import PostCountPart, SubmitCount
from commands.submission import Answer, Mode, Submission
from domain.refusals_counts import CountInParts

PARTS_MAX = 10_000  # Each part posts a line at least, and most post a whole part.


class Submitting(Protocol):
    async def submit(
        self, submissions: Sequence[Submission], mode: Mode = "independent"
    ) -> list[Answer]: ...


async def submit_whole(group_commit: Submitting, submission: Submission) -> Answer:
    """The answer of the whole, once every part is durable; a part's fault is told as its own.

    Any other command is submitted as it is.
    """
    answer = await _one(group_commit, submission)
    if answer.code != CountInParts.code:
        return answer
    for number in range(PARTS_MAX):
        part = await _one(group_commit, _part(submission, number))
        if part.outcome == "failed":
            return part
        if part.outcome != "accepted":
            break  # What is left needs no parts; or the whole tells why not.
    return await _one(group_commit, submission)


def _part(submission: Submission, number: int) -> Submission:
    whole = submission.command
    assert isinstance(whole, SubmitCount)
    part = PostCountPart.model_construct(
        **whole.model_dump(exclude={"key", "expected_version", "type"}),
        type="post_count_part",
        key=f"\x02part/{number}/{whole.key}",
        expected_version=None,
    )
    return replace(submission, command=part)


async def _one(group_commit: Submitting, submission: Submission) -> Answer:
    (answer,) = await group_commit.submit([submission])
    return answer
