"""Checks a JSON document against a JSON Schema as jsonschema reads it, in a process of its own: a
slow pattern of Python's holds every thread of its process.

No other document is read, and jsonschema's own formats are asserted.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema.exceptions import SchemaError, ValidationError
from jsonschema.validators import validator_for
from referencing import Registry, Resource
from referencing.exceptions import Unresolvable
from referencing.jsonschema import specification_with

from mogplex_ci.child import answer_parent, ask_child


def schema_fault(schema: Mapping[str, Any]) -> str | None:
    """Return why nothing can be checked against ``schema``, as ``is not a JSON Schema``; None when
    that is possible.
    """
    try:
        reader: Any = validator_for(schema)
        reader.check_schema(schema, format_checker=reader.FORMAT_CHECKER)
        validator = _validator(schema)
        specification = specification_with(reader.META_SCHEMA["$schema"])
        for part in _parts(specification.create_resource(schema)):
            # A reference without end, or to nothing, shows on any value; null tries no pattern.
            list(validator.evolve(schema=part).iter_errors(None))
    except SchemaError as error:
        # Python's expressions, not those of ECMA 262: \p{L} is not one of them.
        if error.validator == "format":
            return "has a pattern that Python's regular expressions cannot read"
        return "is not a JSON Schema"
    except Unresolvable:
        return "refers to another document, which the step does not read, or to nothing"
    except RecursionError:
        return "refers to itself without end, or is nested too deeply"
    except (AttributeError, TypeError, ValueError):  # keywords of a wrong type
        return "is not a JSON Schema"
    return None


def faults_in_child(content: Any, schema: Mapping[str, Any], seconds: float) -> list[str]:
    """Return every fault of ``content`` with its JSON pointer, sorted. They are found in a process
    that ends after ``seconds``, or with the wait of this thread.

    Raises:
        TimeoutError: it took longer.
        StopRequested: a stop signal came, and this thread's work is interruptible.
    """
    question = {"content": content, "schema": schema}
    found: list[str] | None = ask_child("mogplex_ci.inputs.schema", question, seconds)
    if found is None:
        return ["checking it against the schema failed"]
    return found


def _validator(schema: Mapping[str, Any]) -> Any:
    reader: Any = validator_for(schema)
    return reader(schema, registry=Registry(), format_checker=reader.FORMAT_CHECKER)


def _parts(schema: Resource[Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the schemas that a schema is made of, itself included, but for ``true`` and
    ``false``.
    """
    if isinstance(schema.contents, dict):
        yield schema.contents
    for part in schema.subresources():
        yield from _parts(part)


def _faults(question: Mapping[str, Any]) -> list[str]:
    found = []
    try:
        for error in _validator(question["schema"]).iter_errors(question["content"]):
            steps = (
                str(step).replace("~", "~0").replace("/", "~1") for step in error.absolute_path
            )
            found.append(_fault_of(error, f"/{'/'.join(steps)}"))
    except RecursionError:
        return ["it is nested too deeply to be checked"]
    return sorted(found)


def _fault_of(error: ValidationError, pointer: str) -> str:
    """Return a fault in words; jsonschema's own repeat the whole document if its type is wrong."""
    if error.validator != "type":
        return f"{pointer}: {error.message}"
    types = {dict: "an object", list: "an array", str: "a string", bool: "true or false"}
    found = "null" if error.instance is None else types.get(type(error.instance), "a number")
    wanted: Any = error.validator_value
    names = [wanted] if isinstance(wanted, str) else wanted
    place = "The top level" if pointer == "/" else f"{pointer}:"
    return f"{place} is {found} and must be {' or '.join(map(_with_article, names))}"


def _with_article(name: str) -> str:
    if name == "null":
        return name
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"


if __name__ == "__main__":
    answer_parent(_faults)
