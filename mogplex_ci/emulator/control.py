"""``/_emulator/faults``: arm faults over HTTP, for tests that drive the emulator from another process."""

from __future__ import annotations

import json
from ipaddress import ip_address
from typing import Final

from werkzeug.wrappers import Request

from mogplex_ci.emulator.documents import DocumentError
from mogplex_ci.emulator.faults import Fault, FaultPlan
from mogplex_ci.emulator.routes import Answer, encode

PATH: Final = "/_emulator/faults"


def control(request: Request, faults: FaultPlan) -> Answer:
    """Arm the faults of a POST, list them on GET, disarm all on DELETE. Loopback only."""
    if not ip_address(request.remote_addr or "0.0.0.0").is_loopback:  # noqa: S104  (an address that is not loopback)
        return _reply(403, {"error": "faults can be armed from this machine only"})
    match request.method:
        case "GET":
            return _reply(200, {"faults": faults.describe()})
        case "DELETE":
            faults.clear()
            return _reply(200, {"faults": []})
        case "POST":
            return _arm(request, faults)
        case _:
            return Answer(405, {"allow": "DELETE, GET, POST"})


def _arm(request: Request, faults: FaultPlan) -> Answer:
    try:
        fields = json.loads(request.get_data())
    except (ValueError, RecursionError):
        return _reply(400, {"error": "the body is not JSON: send one fault or a list of them"})
    try:
        new = [Fault.parse(each) for each in (fields if isinstance(fields, list) else [fields])]
    except DocumentError as error:
        return _reply(400, {"error": str(error)})
    for fault in new:
        faults.add(fault)
    return _reply(201, {"faults": faults.describe()})


def _reply(status: int, value: object) -> Answer:
    return Answer(status, {"content-type": "application/json"}, encode(value))
