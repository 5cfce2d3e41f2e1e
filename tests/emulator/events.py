"""The service's treatment of an event before it shows it, with all that it misses.

In the payload, keys that sound secret and five token formats are redacted, long and deep values
cut. In ``message`` the newest service redacts the same five formats, the older one nothing. Many
formats pass (the service's own ``mog_`` tokens, AWS keys, URL passwords, …), and so does a token
split over two events: a client has to redact by itself, so the emulator must not do more than the
service.
"""

import json
import re
from collections.abc import Mapping
from itertools import islice
from typing import Any, Final

_REDACTED: Final = "[redacted]"
_TRUNCATED: Final = "[truncated]"
_MAX_STRING: Final = 2_000
_MAX_ITEMS: Final = 25
_MAX_DEPTH: Final = 3
_MAX_JSON: Final = 20_000
_SECRET_KEY = re.compile(
    r"authorization|api[_-]?key|token|secret|password|cookie|credential|session|jwt", re.IGNORECASE
)
_SECRET_NAMES: Final = frozenset(
    {
        "env",
        "environment",
        "envvars",
        "runtimeenv",
        "runtimeenvironment",
        "githubtoken",
        "ghtoken",
        "aibillingsource",
        "mogplexaibillingsource",
    }
)
_SECRET_TEXT: Final = (
    (re.compile(r"\bbearer\s+[\w+./=~-]+\b", re.IGNORECASE | re.ASCII), "Bearer [redacted]"),
    (re.compile(r"(x-access-token:)[^\s@]+@", re.IGNORECASE), r"\1[redacted]@"),
    (re.compile(r"\b(?:gh[oprsu]_\w+|github_pat_\w+)\b", re.ASCII), _REDACTED),
    (re.compile(r"\bsk-[\w-]{8,}\b", re.ASCII), _REDACTED),
    (re.compile(r"\bsb_secret_[\w-]+\b", re.ASCII), _REDACTED),
)


def sanitize_payload(payload: Mapping[str, object]) -> dict[str, object]:
    """Return ``payload`` as the events route shows it."""
    shown = _sanitize_object(_in_stored_order(payload), 0)
    text = json.dumps(shown, ensure_ascii=False, separators=(",", ":"))
    if len(text) <= _MAX_JSON:
        return shown
    return {"truncated": True, "payloadPreview": text[:_MAX_JSON]}


def redact_text(text: str) -> str:
    """Replace the five token formats that the service knows."""
    for pattern, replacement in _SECRET_TEXT:
        text = pattern.sub(replacement, text)
    return text


def _in_stored_order(value: Any) -> Any:
    """Order keys as the service's database stores them, by length and then by bytes: it decides
    what is cut.
    """
    if isinstance(value, Mapping):
        keys = sorted(value, key=lambda key: (len(key.encode()), key.encode()))
        return {key: _in_stored_order(value[key]) for key in keys}
    if isinstance(value, list):
        return [_in_stored_order(item) for item in value]
    return value


def _sanitize(value: object, depth: int) -> object:
    if isinstance(value, str):
        return _sanitize_text(value)
    if not isinstance(value, Mapping | list):
        return value
    if depth >= _MAX_DEPTH:
        return _TRUNCATED
    if isinstance(value, Mapping):
        return _sanitize_object(value, depth)
    return [_sanitize(item, depth + 1) for item in value[:_MAX_ITEMS]]


def _sanitize_object(value: Mapping[str, object], depth: int) -> dict[str, object]:
    return {
        key: _REDACTED if _is_secret(key) else _sanitize(item, depth + 1)
        for key, item in islice(value.items(), _MAX_ITEMS)
    }


def _is_secret(key: str) -> bool:
    return bool(_SECRET_KEY.search(key)) or re.sub(r"[^a-z0-9]", "", key.lower()) in _SECRET_NAMES


def _sanitize_text(text: str) -> str:
    text = redact_text(_sanitize_json_text(text))
    if len(text) <= _MAX_STRING:
        return text
    return f"{text[:_MAX_STRING]}\n...[truncated {len(text) - _MAX_STRING} chars]"


def _sanitize_json_text(text: str) -> str:
    """Sanitize inside a string that holds a JSON object or array."""
    if not text.strip().startswith(("{", "[")):
        return text
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return json.dumps(_sanitize(parsed, 0), ensure_ascii=False, separators=(",", ":"))
