"""``Untrusted``, the type of text that must not be printed as it is.

Everything the API returns is untrusted: an agent repeats the text of any repository or issue. Such
text is held in ``Untrusted``, which is not a ``str``; only ``mogplex_ci.sanitize`` turns it into
text.
"""

from collections.abc import Callable
from typing import Any, Final, NoReturn, TypeVar

T = TypeVar("T")
_MANY_FIELDS: Final = 10_000
"""An object with more fields is not searched for values to leave out: only a part of it is ever
shown.
"""


class Untrusted:
    """A JSON value from outside: text, number, list or object.

    It can be searched (``at``) and compared with our own words (``one_of``), but ``str()`` and
    f-strings raise ``TypeError``. ``mogplex_ci.sanitize`` makes ``SafeText`` of it.
    """

    __slots__ = ("_value",)

    def __init__(self, value: object) -> None:
        self._value = value

    def at(self, *path: str) -> "Untrusted | None":
        """Return the value below the object keys ``path``; None when it is missing or null."""
        value = self._value
        for key in path:
            if not isinstance(value, dict):
                return None
            value = value.get(key)
        return None if value is None else Untrusted(value)

    def one_of(self, *words: str) -> str | None:
        """Return the word of ours that this text equals, or None."""
        return self._value if isinstance(self._value, str) and self._value in words else None

    @property
    def text(self) -> str:
        """The raw text, empty for any other kind of value. For joining and cutting only, never for
        printing.
        """
        return self._value if isinstance(self._value, str) else ""

    def inspect(self, check: Callable[[Any], T]) -> T:
        """Return the result of ``check`` for the raw value. For validation only: raw text in it is
        untrusted.
        """
        return check(self._value)

    def without(self, *keys: str) -> "Untrusted":
        """Return an object without ``keys`` and without empty fields; a huge one, and any other
        value, unchanged.
        """
        if not isinstance(self._value, dict) or len(self._value) > _MANY_FIELDS:
            return self
        # Not "if item": zero and false say something.
        kept = {
            key: item
            for key, item in self._value.items()
            if key not in keys and item not in (None, "", [], {})
        }
        return Untrusted(kept)

    def __bool__(self) -> bool:
        return self._value not in (None, "", [], {})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Untrusted) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value if isinstance(self._value, str) else repr(self._value))

    def __repr__(self) -> str:
        return f"Untrusted({type(self._value).__name__})"

    def __str__(self) -> NoReturn:
        raise TypeError("untrusted text must go through mogplex_ci.sanitize")

    def __format__(self, spec: str) -> NoReturn:
        raise TypeError("untrusted text must go through mogplex_ci.sanitize")
