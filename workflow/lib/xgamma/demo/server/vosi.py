"""The documents in which the service describes itself: availability, capabilities, tables.

Their form is IVOA's VOSI 1.1, TAPRegExt 1.0 and VODataService 1.1.
"""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from xgamma.demo.server.catalogue import Catalogue, Column, ForeignKey, Table
from xgamma.demo.server.functions import LANGUAGE_FEATURES
from xgamma.demo.server.parameters import DEFAULT_ROWS
from xgamma.demo.server.refusals import RequestRefused
from xgamma.demo.server.votable import VOTABLE_TYPE

__all__ = ["availability", "capabilities", "table_document", "tables_document"]

_XML = '<?xml version="1.0" encoding="UTF-8"?>\n'
_XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
_VODATASERVICE = 'xmlns:vs="http://www.ivoa.net/xml/VODataService/v1.1"'

_OUTPUT_FORMATS = (
    (VOTABLE_TYPE, ("votable", "votable/b2")),
    (f"{VOTABLE_TYPE};serialization=TABLEDATA", ("votable/td",)),
    ("text/csv;header=present", ("csv",)),
)
_UPLOAD_METHOD = "ivo://ivoa.net/std/TAPRegExt#upload-inline"


def availability() -> bytes:
    """The document that says that the service is available: it has answered."""
    return (
        f'{_XML}<vosi:availability xmlns:vosi="http://www.ivoa.net/xml/VOSIAvailability/v1.0">\n'
        "<vosi:available>true</vosi:available>\n</vosi:availability>\n"
    ).encode()


def capabilities(url: str) -> bytes:
    """The document that says what the service can do.

    Parameters
    ----------
    url : str
        The service's base address.

    Returns
    -------
    bytes
        XML; the features of the language are those of `functions.py`.
    """
    features = "".join(
        f"<languageFeatures type={quoteattr(group)}>\n"
        + "".join(
            f"<feature><form>{escape(form)}</form>"
            f"<description>{escape(meaning)}</description></feature>\n"
            for form, meaning in members.items()
        )
        + "</languageFeatures>\n"
        for group, members in LANGUAGE_FEATURES.items()
    )
    formats = "".join(
        f"<outputFormat><mime>{escape(mime)}</mime>"
        + "".join(f"<alias>{alias}</alias>" for alias in aliases)
        + "</outputFormat>\n"
        for mime, aliases in _OUTPUT_FORMATS
    )
    documents = "".join(
        f'<capability standardID="ivo://ivoa.net/std/VOSI#{name}">\n'
        '<interface xsi:type="vs:ParamHTTP" role="std" version="1.1">'
        f'<accessURL use="full">{escape(url)}/{name}</accessURL></interface>\n</capability>\n'
        for name in ("availability", "capabilities", "tables")
    )
    return (
        f"{_XML}<vosi:capabilities"
        ' xmlns:vosi="http://www.ivoa.net/xml/VOSICapabilities/v1.0"'
        ' xmlns:tr="http://www.ivoa.net/xml/TAPRegExt/v1.0"'
        f" {_VODATASERVICE} {_XSI}>\n"
        '<capability standardID="ivo://ivoa.net/std/TAP" xsi:type="tr:TableAccess">\n'
        '<interface xsi:type="vs:ParamHTTP" role="std" version="1.1">'
        f'<accessURL use="base">{escape(url)}</accessURL></interface>\n'
        "<language>\n<name>ADQL</name>\n"
        '<version ivo-id="ivo://ivoa.net/std/ADQL#v2.0">2.0</version>\n'
        '<version ivo-id="ivo://ivoa.net/std/ADQL#v2.1">2.1</version>\n'
        "<description>A subset of ADQL 2.1; what is not in it is refused by name</description>\n"
        f"{features}</language>\n{formats}"
        f'<uploadMethod ivo-id="{_UPLOAD_METHOD}"/>\n'
        f'<outputLimit><default unit="row">{DEFAULT_ROWS}</default></outputLimit>\n'
        f"</capability>\n{documents}</vosi:capabilities>\n"
    ).encode()


def tables_document(catalogue: Catalogue, *, with_columns: bool = True) -> bytes:
    """The document that lists all schemas and tables.

    Parameters
    ----------
    catalogue : Catalogue
    with_columns : bool
        List the columns of each table too, and its foreign keys.
    """
    schemas = "".join(
        f"<schema>\n<name>{escape(schema.name)}</name>\n"
        + _optional("description", schema.description)
        + "".join(
            f"<table type={quoteattr(table.kind)}>\n{_table(table, with_columns)}</table>\n"
            for table in catalogue.tables
            if table.schema == schema.name
        )
        + "</schema>\n"
        for schema in catalogue.schemas
    )
    return (
        f'{_XML}<vosi:tableset xmlns:vosi="http://www.ivoa.net/xml/VOSITables/v1.0"'
        f" {_VODATASERVICE} {_XSI}>\n{schemas}</vosi:tableset>\n"
    ).encode()


def table_document(catalogue: Catalogue, name: str) -> bytes:
    """The document about one table, with its columns.

    Parameters
    ----------
    catalogue : Catalogue
    name : str
        In any case.

    Raises
    ------
    RequestRefused
        If there is no such table.
    """
    for table in catalogue.tables:
        if table.name.lower() == name.lower():
            return (
                f'{_XML}<vosi:table xmlns:vosi="http://www.ivoa.net/xml/VOSITables/v1.0"'
                f" {_VODATASERVICE} {_XSI} type={quoteattr(table.kind)}>\n"
                f"{_table(table, with_columns=True)}</vosi:table>\n"
            ).encode()
    raise RequestRefused(f"there is no table {name}", status=404)


def _optional(element: str, text: str) -> str:
    return f"<{element}>{escape(text)}</{element}>\n" if text else ""


def _table(table: Table, with_columns: bool) -> str:
    details = "".join((*map(_column, table.columns), *map(_foreign_key, table.foreign_keys)))
    return (
        f"<name>{escape(table.name)}</name>\n"
        + _optional("description", table.description)
        + _optional("utype", table.utype)
        + (details if with_columns else "")
    )


def _foreign_key(key: ForeignKey) -> str:
    pairs = "".join(
        f"<fkColumn><fromColumn>{escape(column)}</fromColumn>"
        f"<targetColumn>{escape(target_column)}</targetColumn></fkColumn>\n"
        for column, target_column in key.columns
    )
    return f"<foreignKey>\n<targetTable>{escape(key.target)}</targetTable>\n{pairs}</foreignKey>\n"


def _column(column: Column) -> str:
    size = f" arraysize={quoteattr(column.arraysize)}" if column.arraysize else ""
    xtype = f" extendedType={quoteattr(column.xtype)}" if column.xtype else ""
    return (
        f'<column std="{"true" if column.std else "false"}">\n'
        f"<name>{escape(column.published_name)}</name>\n"
        + _optional("description", column.description)
        + _optional("unit", column.unit)
        + _optional("ucd", column.ucd)
        + _optional("utype", column.utype)
        + f'<dataType xsi:type="vs:VOTableType"{size}{xtype}>{column.datatype}</dataType>\n'
        + ("<flag>indexed</flag>\n" if column.indexed else "")
        + "</column>\n"
    )
