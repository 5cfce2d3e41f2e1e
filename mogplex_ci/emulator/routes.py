"""Which route a request means, and what the service answers before any route sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote_plus

from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request

from mogplex_ci.emulator.answers import Answer

BASE: Final = "/api/v1/mogplex"
_ROUTES: Final = Map(
    [
        Rule(f"{BASE}/repos", methods=["GET"], endpoint="repos"),
        Rule(f"{BASE}/runs", methods=["POST"], endpoint="start"),
        Rule(f"{BASE}/runs/<run_id>", methods=["GET"], endpoint="run"),
        Rule(f"{BASE}/runs/<run_id>/events", methods=["GET"], endpoint="events"),
        Rule(f"{BASE}/runs/<run_id>/cancel", methods=["POST"], endpoint="cancel"),
    ],
    merge_slashes=False,
)
_HTML: Final = {"content-type": "text/html; charset=utf-8"}
_LOGIN: Final = Answer(200, _HTML, b"<!DOCTYPE html><title>Mogplex</title><h1>Log in</h1>\n")
_PAGE_NOT_FOUND: Final = b"<!DOCTYPE html><title>404: This page could not be found.</title>\n"
_NO_PAGE: Final = Answer(404, {**_HTML, "content-length": str(len(_PAGE_NOT_FOUND))}, _PAGE_NOT_FOUND)


@dataclass(frozen=True, slots=True)
class Call:
    """A request for one of the five routes."""

    route: str
    """``repos``, ``start``, ``run``, ``events`` or ``cancel``."""
    run_id: str
    """The run in the path, or an empty text."""
    request: Request


def find_route(request: Request) -> Call | Answer:
    """Return the call that a request makes, or the answer that it gets without reaching a route."""
    path = request.path
    if path.endswith("/") and path != "/":
        return _redirect(308, path.rstrip("/"))
    if path == "/login":
        return _LOGIN
    if not authorization(request).startswith("Bearer "):
        return _redirect(307, f"/login?next={quote_plus(request.full_path.rstrip('?'))}")
    try:
        endpoint, arguments = _ROUTES.bind("").match(path, request.method)
    except MethodNotAllowed as error:
        if request.method != "OPTIONS":
            return Answer(405)
        return Answer(204, {"allow": ", ".join(sorted({*(error.valid_methods or ()), "OPTIONS"}))})
    except NotFound:
        return _NO_PAGE
    return Call(str(endpoint), str(arguments.get("run_id", "")), request)


def authorization(request: Request) -> str:
    """Return the ``Authorization`` header without the white space that HTTP allows around it."""
    return request.headers.get("Authorization", "").strip(" \t")


def _redirect(status: int, location: str) -> Answer:
    return Answer(status, {"location": location}, location.encode())
