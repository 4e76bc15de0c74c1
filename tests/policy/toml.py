"""Write data as TOML: plainly, or in any of the ways in which the same thing can be written."""

from __future__ import annotations

import json
import random
from typing import Any


def written(data: dict[str, Any], chance: random.Random | None = None) -> str:
    """`data` as a TOML file; with `chance`, order, spacing, comments and spellings vary, the meaning does not."""
    return "\n".join(_table(data, (), chance)) + "\n"


def _table(table: dict[str, Any], path: tuple[str, ...], chance: random.Random | None) -> list[str]:
    names = list(table)
    if chance is not None:
        chance.shuffle(names)
    pairs: list[str] = []
    below: list[str] = []
    for name in names:
        value = table[name]
        here = (*path, name)
        inline = chance is not None and chance.random() < 0.2
        if isinstance(value, dict) and not inline:
            below += [_noise(chance), f"{_space(chance)}[{_dotted(here, chance)}]{_comment(chance)}"]
            below += _table(value, here, chance)
        elif isinstance(value, list) and value and all(isinstance(one, dict) for one in value) and not inline:
            for entry in value:
                below += [_noise(chance), f"{_space(chance)}[[{_dotted(here, chance)}]]{_comment(chance)}"]
                below += _table(entry, here, chance)
        else:
            equals = f"{_space(chance)}={_space(chance)}"
            pairs.append(f"{_space(chance)}{_key(name, chance)}{equals}{_value(value, chance)}{_comment(chance)}")
    return pairs + below


def _dotted(path: tuple[str, ...], chance: random.Random | None) -> str:
    return f"{_space(chance)}.{_space(chance)}".join(_key(part, chance) for part in path)


def _key(name: str, chance: random.Random | None) -> str:
    bare = name.isascii() and name.replace("_", "").replace("-", "").isalnum()
    if bare and (chance is None or chance.random() < 0.7):
        return name
    return _text(name, chance)


def _text(text: str, chance: random.Random | None) -> str:
    if chance is not None:
        style = chance.random()
        if style < 0.2 and "'" not in text and text.isprintable():
            return f"'{text}'"
        if style < 0.3 and text:
            return f'"\\u{ord(text[0]):04x}{json.dumps(text[1:])[1:]}' if ord(text[0]) < 0x10000 else json.dumps(text)
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: Any, chance: random.Random | None) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value, chance)
    if isinstance(value, list):
        if chance is not None and chance.random() < 0.3:
            return "[" + "".join(f"\n  {_value(one, chance)}, # entry" for one in value) + "\n]"
        return f"[{', '.join(_value(one, chance) for one in value)}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_key(name, chance)} = {_value(one, chance)}' for name, one in value.items())}}}"
    return str(value)


def _space(chance: random.Random | None) -> str:
    return chance.choice(["", " ", "\t", "   "]) if chance else " "


def _comment(chance: random.Random | None) -> str:
    return f" # {chance.random()}" if chance and chance.random() < 0.3 else ""


def _noise(chance: random.Random | None) -> str:
    return chance.choice(["", "# a comment", "\n\n", "   "]) if chance else ""
