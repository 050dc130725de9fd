"""What a setting is defined with: its kind of value, its default, and why it is there.

A setting is one field of a dataclass, and all that is known of it stands there::

    @dataclass(frozen=True)
    class Figures:
        dpi: int = setting(
            Whole("[50, 600]", "the resolution is a whole number in {range} dots per inch"),
            default=150,
            what="Dots per inch of `png`: sharp on a screen, small in the report.",
        )

A kind fills in defaults (`Kind.complete`), words what is wrong (`Kind.problems`), and gives the
value that the workflow uses (`Kind.typed`). Kinds of blocks and lists do so for what is in them.
"""

from __future__ import annotations

import datetime
import re
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from xgamma.config.wording import enumeration, nearest, place_text, value_text

__all__ = [
    "REQUIRED",
    "Block",
    "Boolean",
    "Choice",
    "Kind",
    "ListOf",
    "Named",
    "Number",
    "Setting",
    "Text",
    "Whole",
    "block",
    "setting",
    "settings_of",
]

REQUIRED = object()
"""Stands for the default of a setting that has none."""

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_TRUE_OR_FALSE = {"true": True, "True": True, "false": False, "False": False}
_NULL = ("null", "None", "~")


class Kind(ABC):
    """A kind of value.

    Parameters
    ----------
    allowed : str
        What a user reads after ``config: <key> is <value>; `` when a value is refused.
    cell : str
        What the table in ``config/README.md`` says is allowed.
    """

    type_name: str
    """The type in that table."""

    def __init__(self, allowed: str, cell: str = "") -> None:
        self.allowed = allowed
        self.cell = cell

    def complete(self, value: Any) -> Any:
        """Copy a value, right or wrong, with defaults filled in and text read as numbers.

        Text becomes a boolean, null or number where one is expected: YAML 1.1 takes ``1e-15``
        for text, and Snakemake hands the nested values of ``--config`` over as text.
        """
        return value

    @abstractmethod
    def accepts(self, value: Any) -> bool:
        """Whether a value is allowed, leaving aside what is in it."""

    def problems(self, value: Any, place: tuple[Any, ...], root: Block) -> Iterator[str]:
        """Word what is wrong with a completed value.

        Parameters
        ----------
        value : object
        place : tuple
            Where it stands, as `place_text` takes it.
        root : Block
            The whole configuration, where the right place of a misplaced key may be.
        """
        if not self.accepts(value):
            where = place_text(place) or "the whole of it"
            yield f"{where} is {value_text(value)}; {self.allowed}"

    def typed(self, value: Any) -> Any:
        """Turn a completed value without problems into what the workflow uses."""
        return value


class Number(Kind):
    """A finite number; with `or_null`, null as well.

    Parameters
    ----------
    interval : str
        The range as the table shows it: ``[a, b]`` includes both ends, ``(a, b]`` leaves the
        first out, and ``∞`` is no limit.
    allowed : str
        As for `Kind`, with ``{range}`` where the range is to stand.
    or_null : bool
    """

    type_name = "number"

    def __init__(self, interval: str, allowed: str, *, or_null: bool = False) -> None:
        super().__init__(allowed.format(range=interval), interval)
        low, high = interval[1:-1].replace("∞", "inf").split(", ")
        self._low, self._high = float(low), float(high)
        self._open_below, self._open_above = interval[0] == "(", interval[-1] == ")"
        self._or_null = or_null
        if or_null:
            self.type_name = f"{self.type_name} or null"

    def complete(self, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if _NUMBER.fullmatch(value):
            return int(value) if value.isdecimal() and len(value) < 20 else float(value)
        return None if self._or_null and value in _NULL else value

    def accepts(self, value: Any) -> bool:
        if value is None:
            return self._or_null
        # to Python, true is 1; and only what is not NaN compares
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return (
            abs(value) <= sys.float_info.max
            and (value > self._low if self._open_below else value >= self._low)
            and (value < self._high if self._open_above else value <= self._high)
        )

    def typed(self, value: Any) -> float | None:
        # -0.0 + 0.0 is 0.0: one text for one value
        return None if value is None else float(value) + 0.0


class Whole(Number):
    """A whole number; 5.0 is one."""

    type_name = "whole number"

    def accepts(self, value: Any) -> bool:
        return super().accepts(value) and (value is None or value == int(value))

    def typed(self, value: Any) -> int | None:
        return None if value is None else int(value)


class Boolean(Kind):
    """True or false."""

    type_name = "boolean"

    def __init__(self) -> None:
        super().__init__("it is true or false", "`true`, `false`")

    def complete(self, value: Any) -> Any:
        return _TRUE_OR_FALSE.get(value, value) if isinstance(value, str) else value

    def accepts(self, value: Any) -> bool:
        return isinstance(value, bool)


class Text(Kind):
    """Text that a regular expression describes from end to end, without control characters.

    Parameters
    ----------
    pattern : str
    allowed, cell : str
        As for `Kind`.
    without_end : str
        A character that is taken from the end, where it makes no difference.
    """

    type_name = "text"

    def __init__(
        self, pattern: str, allowed: str, cell: str = "", *, without_end: str = ""
    ) -> None:
        super().__init__(allowed, cell)
        self.pattern = pattern
        self._without_end = without_end

    def accepts(self, value: Any) -> bool:
        return (
            isinstance(value, str)
            and value.isprintable()
            and re.fullmatch(self.pattern, value) is not None
        )

    def typed(self, value: Any) -> str:
        return value.rstrip(self._without_end) if self._without_end else value


class Date(Kind):
    """A day, as in ``2021-12-31``; without quotes YAML makes a date of it, which is taken too."""

    type_name = "date"

    def complete(self, value: Any) -> Any:
        return value.isoformat() if type(value) is datetime.date else value

    def accepts(self, value: Any) -> bool:
        if not isinstance(value, str) or len(value) != len("2021-12-31"):
            return False
        try:
            datetime.date.fromisoformat(value)
        except ValueError:
            return False
        return True

    def typed(self, value: Any) -> str:
        return value


class Choice(Kind):
    """One of a few words.

    Parameters
    ----------
    words : tuple of str
    allowed : str
        As for `Kind`, with ``{words}`` where they are to stand.
    """

    type_name = "text"

    def __init__(self, words: tuple[str, ...], allowed: str) -> None:
        super().__init__(
            allowed.format(words=enumeration(words, "or")), ", ".join(f"`{word}`" for word in words)
        )
        self._words = words

    def accepts(self, value: Any) -> bool:
        return isinstance(value, str) and value in self._words


class ListOf(Kind):
    """A list of values of one kind.

    Parameters
    ----------
    items : Kind
    allowed, cell : str
        As for `Kind`; without `cell`, that of the items.
    at_least, at_most : int
        How many there are.
    distinct : bool
        Whether each may stand there once only.
    with_item : str, optional
        An item that must be there.
    """

    type_name = "list"

    def __init__(
        self,
        items: Kind,
        allowed: str,
        cell: str = "",
        *,
        at_least: int = 0,
        at_most: int = sys.maxsize,
        distinct: bool = True,
        with_item: str | None = None,
    ) -> None:
        super().__init__(allowed, cell or items.cell)
        self.items = items
        self._at_least, self._at_most = at_least, at_most
        self._distinct = distinct
        self._with_item = with_item

    def complete(self, value: Any) -> Any:
        return [self.items.complete(item) for item in value] if isinstance(value, list) else value

    def accepts(self, value: Any) -> bool:
        return (
            isinstance(value, list)
            and self._at_least <= len(value) <= self._at_most
            and (self._with_item is None or self._with_item in value)
            and not (self._distinct and any(item in value[:i] for i, item in enumerate(value)))
        )

    def problems(self, value: Any, place: tuple[Any, ...], root: Block) -> Iterator[str]:
        yield from super().problems(value, place, root)
        if isinstance(value, list):
            for i, item in enumerate(value):
                yield from self.items.problems(item, (*place, i), root)

    def typed(self, value: Any) -> tuple[Any, ...]:
        return tuple(self.items.typed(item) for item in value)


class Named(Kind):
    """A block whose keys are names of the user's choice, with values of one kind.

    Parameters
    ----------
    names : Text
        What the names are like.
    values : Kind
    allowed, cell : str
        As for `Kind`.
    at_least : int
        How many there are.
    placeholder : str
        What stands for the name in the table's keys.
    name_as : str, optional
        The values are blocks, and their classes have a field for the name: this one.
    """

    type_name = "block"

    def __init__(
        self,
        names: Text,
        values: Kind,
        allowed: str,
        cell: str,
        *,
        at_least: int = 0,
        placeholder: str = "<name>",
        name_as: str | None = None,
    ) -> None:
        super().__init__(allowed, cell)
        self.names, self.values = names, values
        self.placeholder = placeholder
        self._at_least = at_least
        self._name_as = name_as

    def complete(self, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        return {name: self.values.complete(item) for name, item in value.items()}

    def accepts(self, value: Any) -> bool:
        return isinstance(value, dict) and len(value) >= self._at_least

    def problems(self, value: Any, place: tuple[Any, ...], root: Block) -> Iterator[str]:
        yield from super().problems(value, place, root)
        if isinstance(value, dict):
            for name in value:
                if not self.names.accepts(name):
                    yield f"{place_text((*place, name))} is no name to use; {self.names.allowed}"
            for name, item in value.items():
                yield from self.values.problems(item, (*place, name), root)

    def typed(self, value: Any) -> dict[str, Any]:
        names = {name: {self._name_as: name} if self._name_as else {} for name in value}
        return {
            name: self.values.typed({**names[name], **item} if names[name] else item)
            for name, item in value.items()
        }


class Block(Kind):
    """A block with the settings that a dataclass defines, and no other keys.

    Parameters
    ----------
    of : type
        The dataclass. Fields that are no settings get what the completed block has by their name.
    allowed : str
        As for `Kind`, with ``{keys}`` where the keys are to stand.
    cell : str
        As for `Kind`.
    make : callable, optional
        Takes the settings as keyword arguments, and gives what the workflow uses instead of an
        object of the dataclass.
    """

    type_name = "block"

    def __init__(
        self,
        of: type,
        allowed: str = "it is a block of keys, to be left out for the defaults",
        cell: str = "",
        *,
        make: Callable[..., Any] | None = None,
    ) -> None:
        self.settings = settings_of(of)
        super().__init__(allowed.format(keys=enumeration(self.settings)), cell)
        self._make = make or of

    def complete(self, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        known = {
            key: one.kind.complete(value.get(key, one.default))
            for key, one in self.settings.items()
            if key in value or one.default is not REQUIRED
        }
        return known | {key: item for key, item in value.items() if key not in known}

    def accepts(self, value: Any) -> bool:
        return isinstance(value, dict)

    def problems(self, value: Any, place: tuple[Any, ...], root: Block) -> Iterator[str]:
        yield from super().problems(value, place, root)
        if not isinstance(value, dict):
            return
        for key, item in value.items():
            if key not in self.settings:
                yield (
                    f"{place_text((*place, key))} is {value_text(item)}, but there is no such key; "
                    f"{self._hint(key, place, root)}"
                )
        for key in self.settings:
            if key not in value:
                yield f"{place_text((*place, key))} is missing; {self.allowed}"
        for key, one in self.settings.items():
            if key in value:
                yield from one.kind.problems(value[key], (*place, key), root)

    def typed(self, value: Any) -> Any:
        return self._make(
            **{
                key: self.settings[key].kind.typed(item) if key in self.settings else item
                for key, item in value.items()
            }
        )

    def key_places(self, place: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
        """List the places of all keys that have a fixed one, outer ones first."""
        for key, one in self.settings.items():
            yield (*place, key)
            if isinstance(one.kind, Block):
                yield from one.kind.key_places((*place, key))

    def _hint(self, key: Any, place: tuple[Any, ...], root: Block) -> str:
        """Word which key was probably meant by one that does not exist."""
        if near := nearest(key, self.settings):
            return f"did you mean {place_text((*place, near))}?"
        elsewhere = {path[-1]: path for path in root.key_places()}
        if near := nearest(key, elsewhere, likeness=0.8):
            return f"did you mean {place_text(elsewhere[near])}?"
        return f"the keys there are {', '.join(self.settings)}"


@dataclass(frozen=True)
class Setting:
    """What is known of a setting, beside its name.

    Attributes
    ----------
    kind : Kind
    default : object
        As YAML would give it; `REQUIRED` if there is none.
    what : str
        What it is and why, in Markdown, for the table in ``config/README.md``.
    row : str or None
        What stands for the key in that table, which has one row for all settings that share it.
    """

    kind: Kind
    default: Any
    what: str
    row: str | None = None


def setting(kind: Kind, *, default: Any = REQUIRED, what: str, row: str | None = None) -> Any:
    """Define a setting, as a field of a dataclass; the parameters are those of `Setting`.

    In Python, too, the field may be left out if there is a default.
    """

    def typed_default() -> Any:
        if default is REQUIRED:
            raise TypeError(f"a setting without a default is missing: {what}")
        return kind.typed(kind.complete(default))

    return field(
        default_factory=typed_default, metadata={"setting": Setting(kind, default, what, row)}
    )


def block(of: type) -> Any:
    """Define a block of settings that have defaults; its docstring says what it is and why."""
    return setting(Block(of), default={}, what=" ".join((of.__doc__ or "").split()))


def settings_of(of: type) -> dict[str, Setting]:
    """The settings that a dataclass defines, by key, in its order."""
    return {one.name: one.metadata["setting"] for one in fields(of) if "setting" in one.metadata}
