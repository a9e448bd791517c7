"""GET /problems: what each `type` of a problem means."""

from fastapi import APIRouter
from pydantic import BaseModel

from api.answer_schemas import problem_responses
from api.problems import PROBLEMS, Problem


class ProblemKind(BaseModel):
    """A kind of problem; `code` is what machines match on."""

    code: str
    status: int
    title: str


def problem_routes() -> APIRouter:
    """The table of problems, as a page for whoever follows a problem's `type`."""
    router = APIRouter(prefix="/problems", tags=["operation"])

    @router.get("", operation_id="list_problems", summary="Every kind of problem")
    async def list_problems() -> list[ProblemKind]:
        """All codes an answer can carry."""
        return [
            ProblemKind(code=code, status=kind.status, title=kind.title)
            for code, kind in PROBLEMS.items()
        ]

    @router.get(
        "/{code}",
        operation_id="read_problem",
        summary="One kind of problem",
        responses=problem_responses(404, 422),
    )
    async def read_problem(code: str) -> ProblemKind:
        """What a problem's `type` points to."""
        kind = PROBLEMS.get(code)
        if kind is None:
            raise Problem("not_found", "There is no such kind of problem; see /problems.")
        return ProblemKind(code=code, status=kind.status, title=kind.title)

    return router
