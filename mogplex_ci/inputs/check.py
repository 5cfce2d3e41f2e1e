"""Checks the inputs' text against their JSON Schema, and says all faults at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jsonschema import Draft202012Validator, FormatChecker

from mogplex_ci import schemas
from mogplex_ci.errors import Problem
from mogplex_ci.inputs.formats import FORMATS, formats_beside
from mogplex_ci.inputs.spec import inputs
from mogplex_ci.models import Untrusted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jsonschema.exceptions import ValidationError


def faults(values: Mapping[str, str]) -> list[Problem]:
    """Return what is wrong with ``values``: input names and their text; empty when nothing is."""
    validator = Draft202012Validator(schemas.load("inputs"), format_checker=_format_checker(values.get("api-key", "")))
    return [_problem(error) for error in validator.iter_errors(dict(values))]


def _format_checker(token: str) -> FormatChecker:
    checker = FormatChecker(formats=())
    for name, (check, _) in formats_beside(token).items():
        checker.checks(name, raises=ValueError)(_passes(check))
    return checker


def _passes(check: Callable[[str], None]) -> Callable[[object], bool]:
    def passes(value: object) -> bool:
        check(str(value))
        return True

    return passes


def _problem(error: ValidationError) -> Problem:
    name = str(error.path[0])
    if error.validator == "enum":
        fault, allowed = "not one of the choices", " or ".join(inputs()[name].choices)
    else:
        fault, allowed = str(error.cause), FORMATS[str(error.validator_value)][1]
    shows = not inputs()[name].is_secret
    return Problem(name, fault, allowed, Untrusted(error.instance) if shows else None)
