"""What single keys may hold, for pydantic's own core; each says in its metadata what that is in a JSON Schema."""

from __future__ import annotations

import base64
import datetime
import re
from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from pydantic_core import CoreSchema, PydanticCustomError, SchemaValidator
from pydantic_core import core_schema as core

from smista_mcp.policy.countries import COUNTRIES, USUAL_MISTAKES
from smista_mcp.policy.findings import listed, nearest, shown
from smista_mcp.policy.types import Effort, Money, Permission

LONGEST_TEXT: Final = 4096
"""Most characters of any one text."""
MOST_ENTRIES: Final = 10_000
"""Most entries of any one list."""

_PRICE: Final = re.compile(r"\d{1,9}(?:\.\d{1,9})?")
_AMOUNT: Final = re.compile(r"(?P<amount>\d{1,9}(?:\.\d{1,9})?)(?: ?(?P<currency>[A-Z]{3}))?")
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_KEY_BYTES: Final = 32
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")

Json = dict[str, Any]


# -- helpers ----------------------------------------------------------------------------------------------------------


def _wrong(message: str, fix: str) -> PydanticCustomError:
    # Both reach the finding through the error's context, since a message template would read braces in them.
    return PydanticCustomError("bad_value", "bad value", {"message": message, "fix": fix})


def _described(json: Json | None) -> dict[str, Any]:
    return {} if json is None else {"metadata": {"json": json}}


def _then(schema: CoreSchema, check: Callable[[Any], Any], json: Json | None = None) -> CoreSchema:
    return core.no_info_after_validator_function(check, schema, **_described(json))


def _first(change: Callable[[Any], Any], schema: CoreSchema, json: Json | None = None) -> CoreSchema:
    return core.no_info_before_validator_function(change, schema, **_described(json))


def json_of(schema: CoreSchema) -> Json:
    """The JSON Schema of one of this module's values."""
    described: Json | None = (schema.get("metadata") or {}).get("json")
    if described is not None:
        return described
    inner = schema.get("schema")
    if inner is None:
        raise TypeError(f"a value of type {schema['type']} does not say what it is in a JSON Schema")
    return json_of(inner)


# -- single values ----------------------------------------------------------------------------------------------------


def _text(value: str) -> str:
    if not value.strip():
        raise _wrong("is empty", "Write something, or leave the key out.")
    if len(value) > LONGEST_TEXT:
        raise _wrong(f"is longer than {LONGEST_TEXT} characters", "Make it shorter.")
    if not value.isprintable():
        raise _wrong("contains a line break or a control character", "Write it on one line.")
    if value != value.strip():
        raise _wrong("begins or ends with a space", "Remove the space.")
    return value


def _intent(value: str) -> str:
    if value != value.lower() or any(char.isspace() for char in value):
        raise _wrong(f"is {shown(value)}; intents are one word in lower case", "Write for example `security-review`.")
    return value


def _country(value: str) -> str:
    if value in COUNTRIES:
        return value
    meant = value.upper() if value.upper() in COUNTRIES else USUAL_MISTAKES.get(value.upper())
    fix = f'Write "{meant}".' if meant else 'Write the ISO 3166 code of two capital letters, for example "DE".'
    raise _wrong(f"is {shown(value)}, which is no country", fix)


def _one_of_words(value: str, choices: tuple[str, ...]) -> str:
    if value not in choices:
        close = nearest(value, choices)
        fix = f"Write `{close}`." if close else f"Write {listed(choices)}."
        raise _wrong(f"is {shown(value)}; it can be {listed(choices)}", fix)
    return value


def _price(value: object) -> object:
    if isinstance(value, str):
        if not _PRICE.fullmatch(value):
            fix = 'Write for example "0.50"; another currency than USD goes into `currency`.'
            raise _wrong(f"is {shown(value)}, which is no amount of money", fix)
        return Decimal(value)
    return _no_number(value, '"0.50"')


def _amount(value: object) -> object:
    if isinstance(value, str):
        found = _AMOUNT.fullmatch(value)
        if found is None:
            raise _wrong(f"is {shown(value)}, which is no amount of money", 'Write for example "0.50" or "500 EUR".')
        return Money(Decimal(found["amount"]), found["currency"] or "USD")
    return _no_number(value, '"0.50" or "500 EUR"')


def _no_number(value: object, example: str) -> object:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        raise _wrong(
            "is a bare number; money is written in quotes, so that it stays exact", f"Write for example {example}."
        )
    return value


def _currency(value: str) -> str:
    if not _CURRENCY.fullmatch(value):
        raise _wrong(f"is {shown(value)}; a currency has three capital letters", 'Write for example "EUR".')
    return value


def _day(value: object) -> object:
    """A day as TOML has it or as a text of the same form; a text in the end."""
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return value.isoformat()
    if isinstance(value, str):
        try:
            if not _DAY.fullmatch(value):
                raise ValueError
            datetime.date.fromisoformat(value)
        except ValueError:
            raise _wrong(f"is {shown(value)}, which is no day", 'Write for example "2026-05-01".') from None
    return value


def _moment(value: object) -> object:
    """An offset date-time as TOML has it or as a text of the same form; a text in the end."""
    fix = 'Write for example "2026-12-31T00:00:00Z".'
    if isinstance(value, datetime.datetime):
        value = value.isoformat()
    if isinstance(value, str):
        try:
            aware = datetime.datetime.fromisoformat(value).tzinfo is not None
        except ValueError:
            raise _wrong(f"is {shown(value)}, which is no moment", fix) from None
        if not aware:
            raise _wrong(f"is {shown(value)}, which names no time zone", fix)
    return value


def _public_key(value: str) -> str:
    try:
        length = len(base64.b64decode(value, validate=True))
    except ValueError:
        length = 0
    if length != _KEY_BYTES:
        raise _wrong("is no Ed25519 public key", f"Write its {_KEY_BYTES} bytes in base64.")
    return value


def _url(value: str) -> str:
    if not value.startswith(("https://", "http://")) or any(char.isspace() for char in value):
        raise _wrong("is not a web address", 'Write for example "https://acme.example/trust".')
    return value


def one_of(choices: tuple[str, ...]) -> CoreSchema:
    """One of a few words."""
    schema = core.str_schema(strict=True)
    return _then(schema, lambda value: _one_of_words(value, choices), {"enum": list(choices)})


def member(kind: type[StrEnum]) -> CoreSchema:
    """One of an enumeration's words; the member in the end."""
    return _then(one_of(tuple(kind)), kind)


def whole(least: int, most: int) -> CoreSchema:
    """A whole number between two others, both included."""
    json = {"type": "integer", "minimum": least, "maximum": most}
    return core.int_schema(ge=least, le=most, strict=True, **_described(json))


def number(least: float, most: float) -> CoreSchema:
    """A number between two others, both included."""
    json = {"type": "number", "minimum": least, "maximum": most}
    return core.float_schema(ge=least, le=most, allow_inf_nan=False, strict=True, **_described(json))


TEXT: Final = _then(core.str_schema(strict=True), _text, {"type": "string", "minLength": 1, "maxLength": LONGEST_TEXT})
INTENT: Final = _then(TEXT, _intent, {"type": "string", "pattern": r"^\S+$"})
COUNTRY: Final = _then(core.str_schema(strict=True), _country, {"type": "string", "pattern": "^[A-Z]{2}$"})
FLAG: Final = core.bool_schema(strict=True, metadata={"json": {"type": "boolean"}})
MODE: Final = member(Permission)
EFFORT: Final = member(Effort)
PERCENT: Final = number(0, 100)
PRICE: Final = _first(
    _price, core.decimal_schema(strict=True), {"type": "string", "pattern": r"^[0-9]{1,9}(\.[0-9]{1,9})?$"}
)
AMOUNT: Final = _first(
    _amount,
    core.is_instance_schema(Money),
    {"type": "string", "pattern": r"^[0-9]{1,9}(\.[0-9]{1,9})?( ?[A-Z]{3})?$"},
)
CURRENCY: Final = _then(TEXT, _currency, {"type": "string", "pattern": "^[A-Z]{3}$"})
DAY: Final = _first(_day, core.str_schema(strict=True), {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"})
MOMENT: Final = _first(_moment, core.str_schema(strict=True), {"type": "string", "format": "date-time"})
PUBLIC_KEY: Final = _then(TEXT, _public_key, {"type": "string", "pattern": "^[A-Za-z0-9+/]{43}=$"})
URL: Final = _then(TEXT, _url, {"type": "string", "pattern": "^https?://"})
PRIORITY: Final = whole(-1_000_000, 1_000_000)
TOKENS: Final = whole(1, 1_000_000_000)
MILLISECONDS: Final = whole(1, 86_400_000)


# -- several values ---------------------------------------------------------------------------------------------------


def _one_or_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _short(value: list[Any]) -> tuple[Any, ...]:
    if len(value) > MOST_ENTRIES:
        raise _wrong(f"has more than {MOST_ENTRIES} entries", "Split it.")
    return tuple(value)


def _stated(value: tuple[Any, ...]) -> tuple[Any, ...]:
    if not value:
        raise _wrong("is an empty list", "Name at least one, or leave the key out if it should not matter.")
    return value


def _not_too_many(value: object) -> object:
    if isinstance(value, (list, dict)) and len(value) > MOST_ENTRIES:
        raise _wrong(f"has more than {MOST_ENTRIES} entries", "Split it.")
    return value


def bounded(schema: CoreSchema) -> CoreSchema:
    """A list or a table of which the length is looked at before anything in it is."""
    return _first(_not_too_many, schema)


def several(entry: CoreSchema) -> CoreSchema:
    """A list of values that are no texts; a tuple in the end."""
    listed_json = {"type": "array", "items": json_of(entry), "minItems": 1}
    return _then(_then(core.list_schema(entry, strict=True), _short), _stated, listed_json)


def many(entry: CoreSchema) -> CoreSchema:
    """One text, or a list that may be empty; a tuple in the end."""
    either = {"anyOf": [json_of(entry), {"type": "array", "items": json_of(entry)}]}
    return _first(_one_or_list, _then(core.list_schema(entry, strict=True), _short), either)


def some(entry: CoreSchema) -> CoreSchema:
    """One text, or a list that says something: an empty condition would match everything."""
    either = {"anyOf": [json_of(entry), {"type": "array", "items": json_of(entry), "minItems": 1}]}
    return _then(many(entry), _stated, either)


def by_name(name: CoreSchema, value: CoreSchema) -> CoreSchema:
    """A small table whose keys the author chooses."""
    json = {"type": "object", "additionalProperties": json_of(value)}
    return core.dict_schema(name, value, strict=True, **_described(json))


def _floor() -> CoreSchema:
    """A number, or numbers by intent; the latter in the end, with the key ``default`` for the others."""
    single = SchemaValidator(PERCENT)
    table = by_name(INTENT, PERCENT)

    def either(value: object, validate_table: core.ValidatorFunctionWrapHandler) -> object:
        return validate_table(value) if isinstance(value, dict) else {"default": single.validate_python(value)}

    json = {"anyOf": [json_of(PERCENT), json_of(table)]}
    return core.no_info_wrap_validator_function(either, table, **_described(json))


FLOOR: Final = _floor()
HEADERS: Final = by_name(core.str_schema(), TEXT)
QUALITY: Final = by_name(INTENT, PERCENT)
