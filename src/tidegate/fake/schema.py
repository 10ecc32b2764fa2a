"""A small value that fits a JSON schema: for tool inputs and structured output."""

import random
from typing import Any

DEEPEST = 8
FORMATS = {
    "date": "2026-11-22",
    "date-time": "2026-11-22T12:00:00Z",
    "time": "12:00:00Z",
    "duration": "PT1H",
    "email": "ada@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/a",
    "uuid": "8f14e45f-ceea-467f-a9d0-2b1c3d4e5f60",
}
WORDS = ("amber", "birch", "cedar", "dune", "ember", "fjord", "grove", "harbour")


def fitting(schema: Any, rng: random.Random) -> Any:
    """A value valid for the schema: required properties, types, enums, bounds, formats and local references.

    A schema that makes no sense gets an empty object.
    """
    try:
        return _fit(schema, schema if isinstance(schema, dict) else {}, rng, 0)
    except (AttributeError, KeyError, TypeError, ValueError, IndexError, ArithmeticError):
        return {}


def _fit(schema: Any, root: dict[str, Any], rng: random.Random, depth: int) -> Any:
    if not isinstance(schema, dict):
        return WORDS[0]
    schema = _resolved(schema, root)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return rng.choice(schema["enum"])
    for union in ("anyOf", "oneOf"):
        if schema.get(union):
            branches = schema[union]
            return _fit(branches[-1 if depth > DEEPEST else 0], root, rng, depth + 1)
    return _of_type(schema, root, rng, depth)


def _resolved(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    """The schema with its reference followed and its `allOf` merged."""
    for _ in range(DEEPEST):
        reference = schema.get("$ref")
        if not isinstance(reference, str) or not reference.startswith("#"):
            break
        found: Any = root
        for part in reference[1:].strip("/").split("/"):
            found = found.get(part, {}) if part and isinstance(found, dict) else found
        schema = {**{name: value for name, value in schema.items() if name != "$ref"}, **found}
    for part in schema.get("allOf") or ():
        other = _resolved(part, root)
        properties = {**schema.get("properties", {}), **other.get("properties", {})}
        required = [*schema.get("required", ()), *other.get("required", ())]
        schema = {**schema, **other}
        if properties:
            schema.update(properties=properties, required=required)
    return schema


def _of_type(schema: dict[str, Any], root: dict[str, Any], rng: random.Random, depth: int) -> Any:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((each for each in kind if each != "null"), "null")
    if kind is None:
        kind = "object" if "properties" in schema else "array" if "items" in schema else "string"
    if kind == "object":
        return _object(schema, root, rng, depth)
    if kind == "array":
        return _array(schema, root, rng, depth)
    if kind in ("integer", "number"):
        return _number(schema, rng, whole=kind == "integer")
    if kind == "boolean":
        return rng.random() < 0.5
    return None if kind == "null" else _string(schema, rng)


def _object(schema: dict[str, Any], root: dict[str, Any], rng: random.Random, depth: int) -> dict[str, Any]:
    required = schema.get("required") or ()
    shown = schema.get("properties") or {}
    names = [name for name in shown if name in required or (depth < 2 and rng.random() < 0.5)]
    names += [name for name in required if name not in shown]
    return {name: _fit(shown.get(name, {"type": "string"}), root, rng, depth + 1) for name in names}


def _array(schema: dict[str, Any], root: dict[str, Any], rng: random.Random, depth: int) -> list[Any]:
    fixed = schema.get("prefixItems")
    if fixed:
        return [_fit(each, root, rng, depth + 1) for each in fixed]
    least = int(schema.get("minItems", 0))
    length = least if depth > DEEPEST else max(least, min(1 + rng.randrange(2), int(schema.get("maxItems", 2))))
    return [_fit(schema.get("items", {}), root, rng, depth + 1) for _ in range(length)]


def _number(schema: dict[str, Any], rng: random.Random, *, whole: bool) -> int | float:
    step = schema.get("multipleOf") or (1 if whole else 0.5)
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    if low is None:
        low = 0 if high is None else min(0, high - 100 * step)
    if high is None:
        high = low + 100 * step
    least = -int(-low // step)
    least += least * step == schema.get("exclusiveMinimum")
    most = int(high // step)
    most -= most * step == schema.get("exclusiveMaximum")
    value = rng.randint(least, max(least, most)) * step
    return int(value) if whole else float(value)


def _string(schema: dict[str, Any], rng: random.Random) -> str:
    known = FORMATS.get(schema.get("format", ""))
    if known:
        return known
    text = rng.choice(WORDS)
    least, most = int(schema.get("minLength", 0)), schema.get("maxLength")
    if len(text) < least:
        text = (text * (least // len(text) + 1))[:least]
    return text if most is None else text[: int(most)]
