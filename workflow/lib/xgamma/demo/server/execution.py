"""A query run on the archive's DuckDB file, and shut off from everything else.

The database sees the file, read-only, and the tables that came with the request: no other
file, no network, no extension.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from xgamma.demo.server.catalogue import SERVICES, Catalogue, Column, load_catalogue, quote
from xgamma.demo.server.refusals import RequestRefused

if TYPE_CHECKING:
    from collections.abc import Callable

    import duckdb
    import pyarrow as pa

    from xgamma.demo.server.uploads import Upload

__all__ = ["Archive", "Field", "Result"]

_THREADS = 2
_BATCH_ROWS = 20_000

#: VOTable datatypes by DuckDB's types; a type that is not listed is written as text.
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


@dataclass(frozen=True)
class Field:
    """A column of an answer.

    Attributes
    ----------
    name : str
    datatype : str
        Of VOTable.
    column : Column
        What is known of the column that it comes from.
    """

    name: str
    datatype: str
    column: Column

    @property
    def arraysize(self) -> str:
        """'*' for text, '' for a number."""
        return "*" if self.datatype in ("char", "unicodeChar") else ""


class Result:
    """The answer to a query, read batch by batch.

    Parameters
    ----------
    fields : sequence of Field
    batches : iterator of pyarrow.RecordBatch
    limit : int or None
        Most rows to give.

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
        given = 0
        for batch in self._batches:
            allowed = batch.num_rows if self._limit is None else self._limit - given
            if batch.num_rows > allowed:
                self.overflow = True
                batch = batch.slice(0, allowed)
            given += batch.num_rows
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
        """What a service publishes.

        Parameters
        ----------
        service : str
            Base path, one of `SERVICES`.
        """
        # a file that was written anew may publish other tables
        key = (service, self._modification_time())
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
        """Answer a query.

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
        RequestRefused
            If the query cannot be translated or fails.
        """
        from xgamma.demo.server.adql import translate

        tables = [upload.table for upload in uploads.values()]
        query = translate(adql, self.catalogue(service).with_tables(tables))
        limit = default_limit if maxrec is None and query.top is None else maxrec
        # one row more than allowed tells whether there are more
        counts = (query.top, None if limit is None else limit + 1)
        row_count = min((count for count in counts if count is not None), default=None)
        body, order = query.body, query.order
        if not order and query.tables - {table.name for table in tables}:
            body, order = f"SELECT * FROM ({body})", " ORDER BY random()"
        sql = f"{body}{order}" + ("" if row_count is None else f" LIMIT {row_count}")
        sql += "" if query.offset is None else f" OFFSET {query.offset}"
        with self._connected(uploads) as connection, _database_errors_refused():
            if interruptible is not None:
                interruptible(functools.partial(_interrupt, connection))
            relation = connection.sql(sql)
            datatypes = [_datatype(str(duckdb_type)) for duckdb_type in relation.types]
            fields = [
                Field(
                    column.name,
                    _text_datatype(column) if datatype == "char" else datatype,
                    column,
                )
                for column, datatype in zip(query.columns, datatypes, strict=True)
            ]
            batches = _with_arrow_types(relation.to_arrow_reader(_BATCH_ROWS), datatypes)
            # a query that fails does so here, before its first rows are on their way
            first = list(itertools.islice(batches, 1))
            yield Result(fields, itertools.chain(first, batches), limit)

    def _modification_time(self) -> int:
        try:
            return self.path.stat().st_mtime_ns
        except FileNotFoundError:
            raise RequestRefused(
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

        self._modification_time()  # a missing file has a message of its own
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
                connection.register("uploaded", upload.rows)
                connection.execute(
                    f"CREATE TEMP TABLE {quote(upload.physical_name)} AS SELECT * FROM uploaded"
                )
                connection.unregister("uploaded")
            connection.execute("SET enable_progress_bar = false")
            connection.execute("SET enable_external_access = false")
            connection.execute("SET lock_configuration = true")
            yield connection
        except duckdb.IOException as error:
            reason = str(error).splitlines()[0]
            raise RequestRefused(f"demo archive: {self.path}: {reason}", status=500) from error
        finally:
            connection.close()


def _interrupt(connection: duckdb.DuckDBPyConnection) -> None:
    import duckdb

    # a connection that is closed has nothing left to stop
    with contextlib.suppress(duckdb.ConnectionException):
        connection.interrupt()


@contextlib.contextmanager
def _database_errors_refused() -> Iterator[None]:
    """Turn DuckDB's errors about a query into refusals."""
    import duckdb

    try:
        yield
    except duckdb.InterruptException as error:
        raise RequestRefused("the query was stopped before it was done") from error
    except duckdb.IOException:
        raise
    except duckdb.Error as error:
        reason = str(error).splitlines()[0]
        raise RequestRefused(f"the database cannot run this query: {reason}") from error


def _batches(reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    """What the reader gives; DuckDB's errors come through Arrow as an OSError with their text."""
    try:
        yield from reader
    except OSError as error:
        reason = str(error).splitlines()[0]
        if reason.startswith("INTERRUPT"):
            raise RequestRefused("the query was stopped before it was done") from error
        raise RequestRefused(f"the database cannot run this query: {reason}") from error


def _datatype(duckdb_type: str) -> str:
    if duckdb_type.startswith("DECIMAL"):
        return "double"
    return _DATATYPES.get(duckdb_type, "char")


def _text_datatype(column: Column) -> str:
    """Text of the archive is ASCII; what a query or an upload brings may be any."""
    return "char" if column.datatype == "char" else "unicodeChar"


def _with_arrow_types(
    reader: pa.RecordBatchReader, datatypes: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    """The batches with every column in the Arrow type that stands for its VOTable datatype."""
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
        [
            (name, types[datatype])
            for name, datatype in zip(reader.schema.names, datatypes, strict=True)
        ]
    )
    for batch in _batches(reader):
        columns = [
            column if column.type == field.type else column.cast(field.type)
            for column, field in zip(batch.columns, schema, strict=True)
        ]
        yield pa.record_batch(columns, schema=schema)
