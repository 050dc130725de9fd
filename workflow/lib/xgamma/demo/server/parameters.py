"""The parameters of a request to the TAP service, read and checked."""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from xgamma.demo.server.refusals import RequestRefused
from xgamma.demo.server.votable import FORMATS

if TYPE_CHECKING:
    from xgamma.demo.server.uploads import Upload

__all__ = ["DEFAULT_ROWS", "Parameters", "TapRequest", "read_parameters"]

#: Rows that an answer holds when neither TOP nor MAXREC says how many, as at HEASARC.
DEFAULT_ROWS = 100_000

_LANGUAGES = ("ADQL", "ADQL-2.0", "ADQL-2.1")
_BODY_LIMIT = 256 * 1024 * 1024


@dataclass
class Parameters:
    """Parameters of a request; their names have no case.

    Attributes
    ----------
    values : dict of str to list of str
        By name in upper case, in the order of the request.
    files : dict of str to bytes
        Parts of a multipart request that carry a file, by their name as it is.
    """

    values: dict[str, list[str]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)

    def add(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Add (name, value) pairs to those that are there."""
        for name, value in pairs:
            self.values.setdefault(name.upper(), []).append(value)

    def replace(self, other: Parameters) -> None:
        """Let another request's parameters stand in place of those of the same name."""
        self.values.update(other.values)
        self.files.update(other.files)

    def get(self, name: str, default: str = "") -> str:
        """The last value of a parameter."""
        return self.values.get(name, [default])[-1]


def read_parameters(environ: Mapping[str, Any]) -> Parameters:
    """Read the parameters of a WSGI request, from its address and its body.

    Parameters
    ----------
    environ : mapping
        The WSGI environment (PEP 3333).

    Returns
    -------
    Parameters

    Raises
    ------
    RequestRefused
        If the body is too long or is not what its type says.
    """
    parameters = Parameters()
    parameters.add(urllib.parse.parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    if environ["REQUEST_METHOD"] != "POST":
        return parameters
    content_type = environ.get("CONTENT_TYPE", "")
    boundary = re.search(r'boundary="?([^";,]+)', content_type)
    try:
        body = _body(environ)
        if content_type.startswith("multipart/form-data") and boundary:
            _read_parts(body, boundary.group(1).encode("latin-1"), parameters)
        else:
            parameters.add(urllib.parse.parse_qsl(body.decode(), keep_blank_values=True))
    except ValueError as error:
        raise RequestRefused(f"the body of the request cannot be read: {error}") from error
    return parameters


def _body(environ: Mapping[str, Any]) -> bytes:
    """Read a request's body, whole or in chunks (RFC 9112, section 7.1)."""
    stream = environ["wsgi.input"]
    if environ.get("HTTP_TRANSFER_ENCODING", "").lower() != "chunked":
        length = int(environ.get("CONTENT_LENGTH") or 0)
        _check_length(length)
        return stream.read(length)
    body = bytearray()
    while size := int(stream.readline().partition(b";")[0], 16):
        _check_length(len(body) + size)
        body += stream.read(size)
        stream.readline()
    # trailers may follow the last chunk; none of them has a meaning for TAP
    while stream.readline().strip():
        pass
    return bytes(body)


def _check_length(length: int) -> None:
    if length > _BODY_LIMIT:
        raise RequestRefused(f"the request is longer than the {_BODY_LIMIT} bytes accepted", 413)


def _read_parts(body: bytes, boundary: bytes, parameters: Parameters) -> None:
    """Read multipart/form-data (RFC 7578)."""
    for part in (b"\r\n" + body).split(b"\r\n--" + boundary)[1:]:
        if part.startswith(b"--"):
            return
        head, blank, content = part.partition(b"\r\n\r\n")
        name = re.search(rb'[; ]name="([^"]*)"', head)
        if not blank or name is None:
            raise RequestRefused("the multipart body of the request cannot be read")
        if re.search(rb"filename\*?=", head):
            parameters.files[name.group(1).decode()] = content
        else:
            parameters.add([(name.group(1).decode(), content.decode())])


@dataclass(frozen=True)
class TapRequest:
    """A query, and how its answer is wanted.

    Attributes
    ----------
    query : str
    media_type, serialisation : str
        How the answer is written, as in `votable.FORMATS`.
    maxrec : int or None
        Most rows that the answer may have.
    uploads : dict of str to Upload
        By name in lower case.
    """

    query: str
    media_type: str
    serialisation: str
    maxrec: int | None
    uploads: dict[str, Upload]

    @classmethod
    def from_parameters(cls, parameters: Parameters) -> TapRequest:
        """Check the parameters of TAP and read the uploads.

        Raises
        ------
        RequestRefused
            Names the parameter, its value and what is accepted.
        """
        request = parameters.get("REQUEST", "doQuery")
        if request != "doQuery":
            raise RequestRefused(f"REQUEST={request} is not supported; doQuery is")
        language = parameters.get("LANG", "ADQL")
        if language.upper() not in _LANGUAGES:
            raise RequestRefused(f"LANG={language} is not supported; {', '.join(_LANGUAGES)} are")
        query = parameters.get("QUERY")
        if not query.strip():
            raise RequestRefused("QUERY is missing")
        name = parameters.get("RESPONSEFORMAT") or parameters.get("FORMAT") or "votable"
        written_as = FORMATS.get(name.lower().replace(" ", "").replace('"', ""))
        if written_as is None:
            raise RequestRefused(
                f"RESPONSEFORMAT={name} is not supported; {', '.join(FORMATS)} are"
            )
        return cls(query, *written_as, _maxrec(parameters), _uploads(parameters))


def _maxrec(parameters: Parameters) -> int | None:
    text = parameters.get("MAXREC").strip()
    if not text:
        return None
    if not text.isdecimal():
        raise RequestRefused(f"MAXREC={text} is not a number of rows")
    return int(text)


def _uploads(parameters: Parameters) -> dict[str, Upload]:
    """Read ``UPLOAD=name,param:part``, several of them apart by semicolons."""
    specifications = [
        specification
        for value in parameters.values.get("UPLOAD", [])
        for specification in value.split(";")
        if specification.strip()
    ]
    if not specifications:
        return {}
    from xgamma.demo.server.uploads import read_upload

    uploads: dict[str, Upload] = {}
    for specification in specifications:
        name, _, source = (piece.strip() for piece in specification.partition(","))
        if not source.startswith("param:"):
            raise RequestRefused(
                f"UPLOAD={specification} is not supported; inline name,param:part is"
            )
        part = source.removeprefix("param:")
        if part not in parameters.files:
            raise RequestRefused(f"UPLOAD={specification}: the request has no part called {part}")
        if name.lower() in uploads:
            raise RequestRefused(f"UPLOAD: two tables are called {name}")
        uploads[name.lower()] = read_upload(name, parameters.files[part])
    return uploads
