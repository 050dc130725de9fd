"""Running a query on the archive file, shut off from everything else."""

from __future__ import annotations

import contextlib
import functools
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from xgamma.demo.server.catalogue import SERVICES, Catalogue, Column, load_catalogue, quote
from xgamma.demo.server.errors import TapError

if TYPE_CHECKING:
    from collections.abc import Callable

    import duckdb
    import pyarrow as pa

    from xgamma.demo.server.uploads import Upload

__all__ = ["Archive", "Field", "Result"]

_THREADS = 2
_BATCH_ROWS = 20_000

#: VOTable datatypes by DuckDB's types; what is missing here is written as text.
_DATATYPES = {
    "BOOLEAN": "boolean",
    "UTINYINT": "unsignedByte",
    "TINYINT": "short",
    "SMALLINT": "short",
    "USMALLINT": "int",
    "INTEGER": "int",
    "UINTEGER": "long",
    "BIGINT": "long",
    "UBIGINT": "long",
    "HUGEINT": "long",
    "FLOAT": "float",
    "DOUBLE": "double",
}
_EXACT_DECIMALS = "DECIMAL"


@dataclass(frozen=True)
class Field:
    """A column of an answer: its datatype, and what is known of where it comes from."""

    name: str
    datatype: str
    column: Column

    @property
    def arraysize(self) -> str:
        """'*' for text, '' for a number."""
        return "*" if self.datatype in ("char", "unicodeChar") else ""


class Result:
    """The answer to a query, read batch by batch.

    Attributes
    ----------
    fields : tuple of Field
    overflow : bool
        Whether rows were left out. Known when all batches have been read.
    """

    def __init__(
        self, fields: Sequence[Field], batches: Iterator[pa.RecordBatch], limit: int | None
    ) -> None:
        self.fields = tuple(fields)
        self.overflow = limit == 0
        self._batches = batches
        self._limit = limit

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Give the rows, at most as many as the limit allows."""
        written = 0
        for batch in self._batches:
            left = batch.num_rows if self._limit is None else self._limit - written
            if batch.num_rows > left:
                self.overflow = True
                batch = batch.slice(0, left)
            written += batch.num_rows
            if batch.num_rows:
                yield batch


class Archive:
    """A DuckDB file with a TAP_SCHEMA in it.

    The file is open only while it is asked, read-only, so that any number of
    processes can ask at the same time.

    Parameters
    ----------
    path : path-like
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._catalogues: dict[tuple[str, int], Catalogue] = {}

    def catalogue(self, service: str) -> Catalogue:
        """What a service, given by its base path, publishes."""
        key = (service, self._modified())
        if key not in self._catalogues:
            with self._connected() as connection:
                self._catalogues[key] = load_catalogue(connection, SERVICES[service])
        return self._catalogues[key]

    @contextlib.contextmanager
    def answer(
        self,
        adql: str,
        service: str,
        *,
        uploads: Mapping[str, Upload],
        default_limit: int,
        maxrec: int | None = None,
        interruptible: Callable[[Callable[[], None]], None] | None = None,
    ) -> Iterator[Result]:
        """Ask a query.

        Parameters
        ----------
        adql : str
        service : str
            Base path of the service that is asked.
        uploads : mapping of str to Upload
            Tables that the query may name as ``TAP_UPLOAD.name``.
        default_limit : int
            Most rows when neither the query nor the request sets a number.
        maxrec : int, optional
            Most rows that the request wants.
        interruptible : callable, optional
            Is given a function that stops the query from another thread.

        Yields
        ------
        Result
            To be read inside the context. Without ORDER BY, rows of the archive come
            in an order that changes from one time to the next, as at real archives.

        Raises
        ------
        TapError
            If the query cannot be translated or fails.
        """
        from xgamma.demo.server.adql import translate

        tables = [upload.table for upload in uploads.values()]
        query = translate(adql, self.catalogue(service).with_tables(tables))
        limit = default_limit if maxrec is None and query.top is None else maxrec
        # One row more than allowed tells whether there are more.
        counts = (query.top, None if limit is None else limit + 1)
        most = min((count for count in counts if count is not None), default=None)
        body, order = query.body, query.order
        if not order and query.tables - {table.name for table in tables}:
            body, order = f"SELECT * FROM ({body})", " ORDER BY random()"
        sql = f"{body}{order}" + ("" if most is None else f" LIMIT {most}")
        sql += "" if query.offset is None else f" OFFSET {query.offset}"
        with self._connected(uploads) as connection, _failures_named():
            if interruptible is not None:
                interruptible(functools.partial(_interrupt, connection))
            relation = connection.sql(sql)
            kinds = [_datatype(str(kind)) for kind in relation.types]
            fields = [
                Field(column.name, _text_datatype(column) if kind == "char" else kind, column)
                for column, kind in zip(query.columns, kinds, strict=True)
            ]
            batches = _with_types(relation.to_arrow_reader(_BATCH_ROWS), kinds)
            first = list(itertools.islice(batches, 1))  # fails here if the query does
            yield Result(fields, itertools.chain(first, batches), limit)

    def _modified(self) -> int:
        try:
            return self.path.stat().st_mtime_ns
        except FileNotFoundError:
            raise TapError(
                f"demo archive: {self.path} does not exist; "
                "make it with python -m xgamma.demo build",
                status=500,
            ) from None

    @contextlib.contextmanager
    def _connected(
        self, uploads: Mapping[str, Upload] | None = None
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection that sees the file and the uploads, and cannot see more."""
        import duckdb

        self._modified()
        connection = duckdb.connect(
            ":memory:",
            config={
                "threads": _THREADS,
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
                "python_enable_replacements": False,
            },
        )
        try:
            path = str(self.path).replace("'", "''")
            connection.execute(f"ATTACH '{path}' AS archive (READ_ONLY)")
            connection.execute("USE archive")
            for upload in (uploads or {}).values():
                connection.register("incoming", upload.rows)
                connection.execute(
                    f"CREATE TEMP TABLE {quote(upload.physical_name)} AS SELECT * FROM incoming"
                )
                connection.unregister("incoming")
            connection.execute("SET enable_progress_bar = false")
            connection.execute("SET enable_external_access = false")
            connection.execute("SET lock_configuration = true")
            yield connection
        except duckdb.IOException as error:
            reason = str(error).splitlines()[0]
            raise TapError(f"demo archive: {self.path}: {reason}", status=500) from error
        finally:
            connection.close()


def _interrupt(connection: duckdb.DuckDBPyConnection) -> None:
    import duckdb

    with contextlib.suppress(duckdb.ConnectionException):  # closed: nothing left to stop
        connection.interrupt()


@contextlib.contextmanager
def _failures_named() -> Iterator[None]:
    """Turn what DuckDB says about a query into the service's words."""
    import duckdb

    try:
        yield
    except duckdb.InterruptException as error:
        raise TapError("the query was stopped before it was done") from error
    except duckdb.IOException:
        raise
    except duckdb.Error as error:
        reason = str(error).splitlines()[0]
        raise TapError(f"the database cannot run this query: {reason}") from error


def _datatype(kind: str) -> str:
    if kind.startswith(_EXACT_DECIMALS):
        return "double"
    return _DATATYPES.get(kind, "char")


def _text_datatype(column: Column) -> str:
    """Text of the archive is ASCII; what a query or an upload brings may be any."""
    return "char" if column.datatype == "char" else "unicodeChar"


def _with_types(reader: pa.RecordBatchReader, kinds: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Bring every column to the Arrow type that stands for its VOTable datatype."""
    import pyarrow as pa

    types = {
        "boolean": pa.bool_(),
        "unsignedByte": pa.uint8(),
        "short": pa.int16(),
        "int": pa.int32(),
        "long": pa.int64(),
        "float": pa.float32(),
        "double": pa.float64(),
        "char": pa.string(),
    }
    schema = pa.schema(
        [(name, types[kind]) for name, kind in zip(reader.schema.names, kinds, strict=True)]
    )
    for batch in reader:
        columns = [
            column if column.type == wanted.type else column.cast(wanted.type)
            for column, wanted in zip(batch.columns, schema, strict=True)
        ]
        yield pa.record_batch(columns, schema=schema)
