"""Arguments that name report files, for `inspect` and `import`.

The files are paths, or `-` for standard input. Nothing is copied to a disk.
"""

from __future__ import annotations

import argparse
import codecs
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import BinaryIO

from theseller.amazon.reports import Chunks, Limits, ReportRefusedError, ReportType, Stated
from theseller.amazon.reports.format_registry import TYPE_NAMES
from theseller.lib.marketplaces import MARKETPLACES, Marketplace, by_code

STDIN = "-"
_PIECE = 1 << 20
_ENCODINGS = (
    "utf-8",
    "utf-8-sig",
    "windows-1250",
    "windows-1252",
    "windows-1254",
    "shift_jis",
    "cp932",
    "euc-jp",
    "gb18030",
    "gbk",
    "utf-16",
)
_CHOICES = "utf-8, windows-1250, windows-1252, windows-1254, shift_jis, euc-jp, gb18030 or utf-16"


def add_file_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the files, their encoding, their type and `--json`."""
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="an Amazon report file, also gzipped; - reads standard input",
    )
    parser.add_argument(
        "--encoding", type=_encoding, help=f"override the encoding of the file: {_CHOICES}"
    )
    parser.add_argument(
        "--type",
        type=_type,
        metavar="TYPE",
        help=f"refuse the file unless it has this type: {', '.join(TYPE_NAMES)}",
    )
    parser.add_argument(
        "--store",
        type=_store,
        metavar="CODE",
        help="the store of a Business Report, which does not name it: DE, UK, US, …",
    )
    for option, dest, which in (("--from", "first", "first"), ("--to", "last", "last")):
        parser.add_argument(
            option,
            dest=dest,
            type=_day,
            metavar="DAY",
            help=f"the {which} day of a Business Report that does not say it, as 2026-01-31",
        )
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def check_files(files: list[str], parser_error: Callable[[str], object]) -> None:
    """Refuse standard input that is named more than once."""
    if files.count(STDIN) > 1:
        parser_error("standard input (-) can be read only once")


def check_stated_days(args: argparse.Namespace) -> None:
    """Refuse days that would be stated of several files at once.

    Each would replace the products of the one before.
    """
    if len(args.files) > 1 and (args.first or args.last):
        args.usage_error("--from and --to are of one file: give the files one by one")


def _encoding(text: str) -> str:
    names = {codecs.lookup(name).name for name in _ENCODINGS}
    try:
        found = codecs.lookup(text).name
    except (LookupError, ValueError):
        found = ""
    if found not in names:
        raise argparse.ArgumentTypeError(f"no report comes in that encoding; choose {_CHOICES}")
    return found


def _type(text: str) -> ReportType:
    try:
        return TYPE_NAMES.get(text) or ReportType(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"choose one of {', '.join(TYPE_NAMES)}, or Amazon's own name of the report type"
        ) from None


def _store(text: str) -> Marketplace:
    try:
        return by_code(text.upper())
    except KeyError:
        codes = ", ".join(sorted(store.code for store in MARKETPLACES.values()))
        raise argparse.ArgumentTypeError(
            f"Amazon has no such store; choose one of {codes}"
        ) from None


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("no day; write it as 2026-01-31") from None


def stated_scope(args: argparse.Namespace) -> Stated:
    """Return what was stated of files that do not say it themselves."""
    return Stated(args.store, args.first, args.last)


def shown_name(name: str) -> str:
    """Return a file's name without what could steer a terminal."""
    return (
        "standard input"
        if name == STDIN
        else "".join(letter if letter.isprintable() else "?" for letter in name)
    )


def open_source(name: str) -> Chunks:
    """Return the bytes of `name`, which can be read several times.

    A regular file is opened again for each reading; a pipe can be read only once and is kept in
    memory, up to the size that is refused.

    Raises:
        ReportRefusedError: it is no readable file.
    """
    if name == STDIN:
        return _read_pieces(sys.stdin.buffer)
    path = Path(name)
    try:
        if path.is_dir():
            raise ReportRefusedError(
                "this is a folder",
                f"Name the files in it, such as {shown_name(name).rstrip('/')}/*.txt.",
            )
        if not path.exists():
            raise ReportRefusedError(
                "there is no such file", "Check the path; a name with spaces needs quotes."
            )
        with path.open("rb") as file:
            if not path.is_file():
                return _read_pieces(file)
            file.read(1)
    except OSError as error:
        raise _unreadable(error) from None
    return lambda: _pieces_of(path)


def _pieces_of(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                yield piece
    except OSError as error:
        raise _unreadable(error) from None


def _read_pieces(file: BinaryIO) -> Iterable[bytes]:
    pieces: list[bytes] = []
    size = 0
    while size <= Limits().content and (piece := file.read(_PIECE)):
        pieces.append(piece)
        size += len(piece)
    return pieces


def _unreadable(error: OSError) -> ReportRefusedError:
    reason = (error.strerror or type(error).__name__).lower()
    return ReportRefusedError(
        f"the file can't be read: {reason}", "Check its permissions and that its disk is there."
    )
