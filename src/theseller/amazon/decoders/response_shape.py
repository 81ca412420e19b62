"""The known shape of an answer, and the detection of drift.

A decoder's struct is the allow-list; the table of dropped paths is the rest of Amazon's published
model. Together they are everything known. From both a skeleton is built whose leaves are never
turned into values, and which refuses any other name: one more pass in C over each page. Only when
it refuses does a slower pass name the paths. Paths, never values, leave this module.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

import msgspec

from theseller.amazon.errors import AmazonError, DriftedError, UnavailableError
from theseller.amazon.json_byte_order_marks import is_utf16, plain_json

_MAX_PATHS = 50
#: Each element of a list and each field but the first follows a comma. A page of Amazon's has some
#: thousands.
_MAX_ELEMENTS = 400_000
_MAX_PATH_LENGTH = 120
#: Amazon's breakdown trees are three or four deep; below this depth the skeleton stops looking.
_RECURSION = 8


class Why(StrEnum):
    """Why a path that Amazon documents is dropped."""

    PII = "pii"
    UNNEEDED = "unneeded"


def dropped(*, pii: str = "", unneeded: str = "") -> dict[str, Why]:
    """Read a table of dropped paths.

    Each line is ``prefix: leaf leaf …``; an empty prefix is the root.
    """
    table: dict[str, Why] = {}
    for why, text in ((Why.PII, pii), (Why.UNNEEDED, unneeded)):
        for line in filter(None, map(str.strip, text.splitlines())):
            prefix, _, names = line.rpartition(":")
            table.update({f"{prefix.strip()}.{name}".lstrip("."): why for name in names.split()})
    return table


def under(prefix: str, table: Mapping[str, Why]) -> dict[str, Why]:
    """Return `table` with every path put below `prefix`."""
    return {f"{prefix}.{path}": why for path, why in table.items()}


@dataclass(slots=True)
class _Node:
    """An object in the tree of known paths.

    A child of None is a leaf. `repeats` names children that have the parent's own shape.
    """

    children: dict[str, _Node | None] = field(default_factory=dict)
    lists: set[str] = field(default_factory=set)
    repeats: set[str] = field(default_factory=set)


def _tree(paths: set[str]) -> _Node:
    root = _Node()
    for path in paths:
        node, segments = root, path.split(".")
        for index, segment in enumerate(segments):
            name, last = segment.removesuffix("[]"), index == len(segments) - 1
            if segment.endswith("[]"):
                node.lists.add(name)
            if last:
                if index and segment == segments[index - 1]:
                    node.repeats.add(name)
                node.children.setdefault(name, None)
            else:
                child = node.children.get(name) or _Node()
                node.children[name] = child
                node = child
    return root


def _skeleton(node: _Node, depth: int = 0) -> type[msgspec.Struct]:
    """Build the struct that accepts exactly the names of `node`.

    Leaves are `Raw`: a view of the page, not a value.
    """
    fields: list[tuple[str, typing.Any, typing.Any]] = []
    rename: dict[str, str] = {}
    for index, (name, child) in enumerate(node.children.items()):
        below = node if name in node.repeats and depth < _RECURSION else child
        type_: typing.Any = msgspec.Raw
        if below is not None:
            struct = _skeleton(below, depth + 1 if below is node else depth)
            # (a class made at run time; `|` is for written types)
            element: typing.Any = typing.Optional[struct]  # noqa: UP045
            type_ = (
                typing.Optional[types.GenericAlias(list, (element,))]  # noqa: UP045
                if name in node.lists
                else element
            )
        rename[f"f{index}"] = name
        fields.append((f"f{index}", type_, None))
    return msgspec.defstruct("Known", fields, rename=rename, forbid_unknown_fields=True, gc=False)


def leaves(
    struct: type[msgspec.Struct], prefix: str = "", seen: tuple[type, ...] = ()
) -> Iterator[str]:
    """Yield the JSON paths of all scalar fields within `struct`.

    A recursion is yielded once, as itself.
    """
    hints = typing.get_type_hints(struct)
    for item in msgspec.structs.fields(struct):
        yield from _leaves_of(
            hints[item.name], f"{prefix}.{item.encode_name}".lstrip("."), (*seen, struct)
        )


def _leaves_of(hint: object, path: str, seen: tuple[type, ...]) -> Iterator[str]:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in {typing.Union, types.UnionType}:
        hint = next(argument for argument in arguments if argument is not types.NoneType)
        yield from _leaves_of(hint, path, seen)
    elif origin in {list, tuple}:
        yield from _leaves_of(arguments[0], f"{path}[]", seen)
    elif isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        if hint in seen:
            yield path
        else:
            yield from leaves(hint, path, seen)
    else:
        yield path


def _safe(name: str) -> str:
    """Return a field name that may be shown.

    One that looks like data (a number, an address, a person) is shown as ``-``.
    """
    return (
        name
        if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]{0,48}", name) and not re.search(r"\d{4}", name)
        else "-"
    )


_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ELEMENTS = msgspec.json.Decoder(list[msgspec.Raw])


def _unknown(raw: bytes | msgspec.Raw, node: _Node, path: str) -> Iterator[str]:
    """Yield the path of every name in `raw` that `node` does not know.

    And of every part that is no longer the object or list that it was.
    """
    try:
        members = _MEMBERS.decode(raw)
    except msgspec.DecodeError:
        yield path or "-"
        return
    for name, value in members.items():
        here = f"{path}.{_safe(name)}".lstrip(".")
        if name not in node.children:
            yield here
            continue
        child = node if name in node.repeats else node.children[name]
        if child is None or bytes(value) == b"null":
            continue
        if name not in node.lists:
            yield from _unknown(value, child, here)
            continue
        try:
            elements = _ELEMENTS.decode(value)
        except msgspec.DecodeError:
            yield here
            continue
        for element in elements:
            # A recursion adds nothing to the path: the same new field at each depth is one
            # finding.
            if bytes(element) != b"null":
                yield from _unknown(element, child, path if child is node else f"{here}[]")


#: A text in JSON, or one that does not end. Never tried twice at one place, however many quotes
#: there are.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:(?P<end>")|\\?\Z)', re.DOTALL)


def is_whole_json(body: bytes) -> bool:
    """Return whether `body` is an object or a list that was not cut off.

    All its brackets close, whatever its texts contain.
    """
    frame = _STRING.sub(lambda found: b"" if found["end"] else b'"', body).strip()
    if not frame.startswith((b"{", b"[")) or not frame.endswith((b"}", b"]")) or b'"' in frame:
        return False
    return frame.count(b"{") == frame.count(b"}") and frame.count(b"[") == frame.count(b"]")


T = typing.TypeVar("T", bound=msgspec.Struct)
R = typing.TypeVar("R")


class Shape(typing.Generic[T]):
    """The allow-list of one operation's answer.

    A struct, and the documented paths that are dropped with the reason.
    """

    def __init__(
        self,
        operation: str,
        struct: type[T],
        dropped_paths: Mapping[str, Why],
        hook: Callable[[type, object], object] | None = None,
    ) -> None:
        self.operation = operation
        self.struct = struct
        self.dropped = dict(dropped_paths)
        self._decoder: msgspec.json.Decoder[T] = msgspec.json.Decoder(struct, dec_hook=hook)

    @cached_property
    def kept(self) -> frozenset[str]:
        """The paths that become values."""
        return frozenset(leaves(self.struct))

    @cached_property
    def _known(self) -> _Node:
        return _tree(set(self.kept) | set(self.dropped))

    @cached_property
    def _strict(self) -> msgspec.json.Decoder[msgspec.Struct]:
        return msgspec.json.Decoder(_skeleton(self._known))

    def decode(self, body: bytes) -> T:
        """Decode `body` into the allow-list struct.

        Raises:
            UnavailableError: `body` is not JSON (cut off, or a web page): try again.
            DriftedError: it is JSON of another shape, or contains invalid text or numbers. The
                error's own text contains the path only.
        """
        body = plain_json(body)
        if is_utf16(body):
            raise DriftedError(self.operation, "utf16")
        if body.count(b",") > _MAX_ELEMENTS:
            raise DriftedError(self.operation, "tooManyElements")
        try:
            found = self._decoder.decode(body)
            # The database takes no null character; in a text that is dropped it does no harm.
            if b"\\u0000" not in body or b"\\u0000" not in msgspec.json.encode(found, enc_hook=str):
                return found
            problem: AmazonError = DriftedError(self.operation, "nullCharacter")
        except msgspec.ValidationError as error:
            where = re.search(r"`\$\.?([^`]*)`", str(error))
            problem = DriftedError(self.operation, where.group(1) or "root" if where else "root")
        except (msgspec.DecodeError, UnicodeDecodeError):
            # To ask again helps with a body that was cut off, not with text that is none.
            whole = is_whole_json(body)
            problem = (
                DriftedError(self.operation, "invalidText")
                if whole
                else UnavailableError(self.operation, code="undecodable")
            )
        except RecursionError:
            problem = DriftedError(self.operation, "tooDeep")
        except Exception as error:  # whatever else a decoder may meet, its text could quote a value
            if isinstance(error, MemoryError):
                raise
            problem = DriftedError(self.operation, "undecodable")
        raise problem  # Outside of the handlers: the decoder's own error may quote a value.

    def read(self, body: bytes, build: Callable[[T], R]) -> R:
        """Decode `body` and pass it to `build`.

        Errors of `build` (a sum out of range, for example) are this operation's drift.

        Raises:
            UnavailableError: as in `decode`.
            DriftedError: as in `decode`, or `build` failed.
        """
        wire = self.decode(body)
        try:
            return build(wire)
        except AmazonError:
            raise
        except Exception as error:  # as in `decode`
            if isinstance(error, MemoryError):
                raise
        raise DriftedError(self.operation, "undecodable")

    def drift(self, body: bytes) -> tuple[str, ...]:
        """Return the paths in `body` that are neither kept nor dropped.

        Sorted, at most fifty, each harmless to show.
        """
        body = plain_json(body)
        try:
            self._strict.decode(body)
        except (msgspec.MsgspecError, RecursionError, ValueError):
            pass
        else:
            return ()
        found: set[str] = set()
        try:
            for path in _unknown(body, self._known, ""):
                found.add(path[:_MAX_PATH_LENGTH])
                if len(found) >= _MAX_PATHS:
                    break
        except (msgspec.MsgspecError, RecursionError, ValueError):
            found.add("-")
        return tuple(sorted(found))


def drift_paths(body: bytes, schema: Shape[typing.Any]) -> tuple[str, ...]:
    """Return the paths in `body` that `schema` does not know.

    Empty when Amazon added nothing; each is harmless to show.
    """
    return schema.drift(body)
