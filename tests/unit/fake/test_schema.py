import random
from typing import Any

import pytest

from tidegate.fake.schema import fitting

TREE: dict[str, Any] = {
    "$defs": {
        "node": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}},
            "required": ["name", "next"],
        }
    },
    "$ref": "#/$defs/node",
}


def fits(schema: dict[str, Any], seed: int = 0) -> Any:
    return fitting(schema, random.Random(seed))


@pytest.mark.parametrize(
    ("schema", "holds"),
    [
        ({"type": "string", "minLength": 20, "maxLength": 22}, lambda v: 20 <= len(v) <= 22),
        ({"type": "integer", "minimum": 3, "maximum": 5}, lambda v: type(v) is int and 3 <= v <= 5),
        ({"type": "integer", "exclusiveMinimum": 3, "exclusiveMaximum": 5}, lambda v: v == 4),
        ({"type": "integer", "maximum": -7}, lambda v: v <= -7),
        ({"type": "integer", "multipleOf": 7, "minimum": 8}, lambda v: v % 7 == 0 and v >= 8),
        ({"type": "number"}, lambda v: type(v) is float),
        ({"type": "boolean"}, lambda v: type(v) is bool),
        ({"type": "null"}, lambda v: v is None),
        ({"type": ["null", "string"]}, lambda v: type(v) is str),
        ({"enum": [1, "b"]}, lambda v: v in (1, "b")),
        ({"const": {"a": 1}}, lambda v: v == {"a": 1}),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 3}, lambda v: len(v) >= 3 and type(v[0]) is int),
        ({"type": "array", "maxItems": 0}, lambda v: v == []),
        ({"type": "array", "prefixItems": [{"type": "null"}, {"const": 1}]}, lambda v: v == [None, 1]),
        ({"type": "string", "format": "date"}, lambda v: v.count("-") == 2),
        ({"allOf": [{"properties": {"a": {"const": 1}}, "required": ["a"]}]}, lambda v: v == {"a": 1}),
        ({"type": "object", "required": ["x"]}, lambda v: set(v) == {"x"}),
        ({"oneOf": [{"const": 1}, {"const": 2}]}, lambda v: v in (1, 2)),
        ({}, lambda v: isinstance(v, str)),
    ],
)
def test_values_fit(schema: dict[str, Any], holds: Any) -> None:
    for seed in range(20):
        assert holds(fits(schema, seed)), fits(schema, seed)


def test_recursion_ends() -> None:
    value = fits(TREE)
    depth = 0
    while value:
        value, depth = value["next"], depth + 1
    assert 1 <= depth < 12


def test_required_is_always_there() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "null"}}, "required": ["a"]}
    values = [fits(schema, seed) for seed in range(30)]
    assert all("a" in value for value in values)
    assert {"b" in value for value in values} == {True, False}
