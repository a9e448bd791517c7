"""Signing in to the console: the API key in a cookie that only the console's pages are sent."""

from importlib.resources import files
from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from api.authentication import READ, KeyAuthentication, Principal

COOKIE = "backstock_console"
COOKIE_SECONDS_MAX = 12 * 3600
FORM_BYTES_MAX = 4_096
MOUNT = "/console"
LOGIN = f"{MOUNT}/login"
HOME = f"{MOUNT}/"
PAGE = files("api.console").joinpath("login.html").read_text(encoding="utf-8")
REFUSED = '<p role="alert">This key is unknown, revoked, or may not read. Nothing is shown.</p>'


async def visitor(keys: KeyAuthentication, cookies: dict[str, str]) -> Principal | None:
    """Who is looking: asked for each page and each refresh, so that a revoked key ends."""
    principal = await keys.principal(cookies.get(COOKIE, ""))
    return principal if principal is not None and READ in principal.scopes else None


def login_routes(keys: KeyAuthentication) -> APIRouter:
    """The way in and out; plain pages, so that they work whatever happens to the rest."""
    router = APIRouter(prefix=MOUNT, include_in_schema=False)

    @router.get("")
    async def enter() -> Response:
        return RedirectResponse(HOME)

    @router.get("/login")
    async def show_form() -> Response:
        return _form("")

    @router.post("/login")
    async def sign_in(request: Request) -> Response:
        form = bytearray()
        async for chunk in request.stream():
            form += chunk
            if len(form) > FORM_BYTES_MAX:
                return _form(REFUSED, 413)
        key = parse_qs(form.decode("ascii", "replace")).get("key", [""])[0].strip()
        if await visitor(keys, {COOKIE: key}) is None:
            return _form(REFUSED, 403)
        answer = RedirectResponse(HOME, status_code=303)
        answer.set_cookie(
            COOKIE,
            key,
            max_age=COOKIE_SECONDS_MAX,
            path=MOUNT,
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="strict",
        )
        return answer

    @router.get("/logout")
    async def sign_out() -> Response:
        answer = RedirectResponse(LOGIN)
        answer.delete_cookie(COOKIE, path=MOUNT)
        return answer

    return router


def _form(refused: str, status: int = 200) -> Response:
    headers = {
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
        "script-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'",
        "Referrer-Policy": "no-referrer",
    }
    return HTMLResponse(PAGE.replace("{{refused}}", refused), status, headers)
