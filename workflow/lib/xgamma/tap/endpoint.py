"""One address of a TAP service: it takes ADQL and tables, and gives an answer or an error."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

import numpy as np
import requests

from xgamma.errors import XgammaError
from xgamma.tap.faults import is_passing, is_timeout, is_too_slow, plain_words
from xgamma.tap.jobs import Job, JobLost
from xgamma.tap.mirror_names import Names
from xgamma.tap.patience import Limits, PatientSession, Received
from xgamma.tap.transport import TooLarge, body_of

__all__ = ["Endpoint", "upload_votable"]

logger = logging.getLogger("xgamma.tap")

_CLEAN_UP_S = 30.0


class Endpoint(PatientSession):
    """One address of a service: the configured one, or a mirror's.

    Parameters
    ----------
    service : str
        For messages.
    url : str
    mode : {'sync', 'async'}
    limits : Limits
    mirror : str, optional
        Its name, if it is a mirror.
    names : Names, optional
        How tables and columns are spelt there; as they are asked for, if it is not given.
    adapter : requests.adapters.BaseAdapter, optional
        What does the sending; over the network, if it is not given.
    """

    def __init__(
        self,
        service: str,
        url: str,
        mode: str,
        limits: Limits,
        *,
        mirror: str | None = None,
        names: Names | None = None,
        adapter: requests.adapters.BaseAdapter | None = None,
    ):
        super().__init__(
            service, url.rstrip("/"), limits, adapter or requests.adapters.HTTPAdapter()
        )
        self.mode, self.mirror = mode, mirror
        self.names = names or Names()

    def declares_upload(self) -> bool | None:
        """What the capabilities say about uploads; None if they do not say."""
        self.begin_query(self.limits.timeout_s)
        try:
            response = self.http.get(f"{self.url}/capabilities")
            response.raise_for_status()
            body = body_of(response).stream
            body.seek(0)
            return _takes_uploads(body.read())
        except (requests.RequestException, TooLarge, ElementTree.ParseError):
            return None

    def ask(self, adql: str, uploads: Mapping[str, bytes]) -> Received:
        """The answer to a query, not yet believed: it may have overflowed.

        Parameters
        ----------
        adql : str
        uploads : mapping
            Table name -> VOTable.

        Raises
        ------
        Exception
            The last error, when what fails does not pass or time is up:
            `xgamma.tap.faults` tells what it is.
        """
        self.begin_query(self.limits.deadline_s)
        if self.mode == "async":
            return self._ask_async(adql, uploads)
        try:
            return self.with_retries(
                lambda: self._ask_sync(adql, uploads),
                # a query that got no answer in time is better asked as a job than once more
                retry=lambda error: is_passing(error) and not is_timeout(error),
            )
        except Exception as error:
            if not is_too_slow(error) or self.time_left() <= 0:
                raise
            logger.warning("%s: %s; asking as a job", self.service, plain_words(error))
            self.attempts += 1
            try:
                return self._ask_async(adql, uploads)
            except XgammaError:
                raise
            except Exception as job_error:
                # a service without jobs: the first error is the one that says what is wrong
                raise error from job_error

    def _ask_sync(self, adql: str, uploads: Mapping[str, bytes]) -> Received:
        response = self.http.post(f"{self.url}/sync", **_form(adql, uploads))
        return self.receive(response, "sync")

    def _ask_async(self, adql: str, uploads: Mapping[str, bytes]) -> Received:
        def run() -> Received:
            job = Job(self, _form(adql, uploads))
            try:
                return job.result()
            finally:
                # a job left behind costs the archive storage; failing to delete costs us nothing
                with self.extend_deadline(_CLEAN_UP_S), contextlib.suppress(Exception):
                    job.delete()

        # requests were repeated inside: here only a job that is gone is made anew
        return self.with_retries(run, retry=lambda error: isinstance(error, JobLost))


def _takes_uploads(capabilities: bytes) -> bool | None:
    """Whether a document of VOSI capabilities names a way to upload; None if it has none of TAP."""
    # what no such document needs, and some attacks do
    if b"<!ENTITY" in capabilities.upper():
        return None
    for capability in ElementTree.fromstring(capabilities).iter("capability"):
        types = [value for name, value in capability.attrib.items() if name.endswith("}type")]
        if any(one.rpartition(":")[2] == "TableAccess" for one in types):
            return capability.find("uploadMethod") is not None
    return None


def upload_votable(table: Mapping[str, Any]) -> bytes:
    """A table of numbers as a VOTable, the same bytes whatever the version of astropy.

    By hand: astropy's writer names its version in a comment, which would make another
    question of it, and writes beyond its buffer for rows of 256 bytes.

    Parameters
    ----------
    table : mapping
        Column -> values; a frame, or a table of astropy's, will do.
    """
    datatypes = {"i": "long", "f": "double"}
    names = table.keys()  # of a table of astropy's, its own iteration gives rows
    columns = {name: np.asarray(table[name]) for name in names}
    fields = "".join(
        f'<FIELD name="{name}" datatype="{datatypes[values.dtype.kind]}"/>'
        for name, values in columns.items()
    )
    rows = "".join(
        f"<TR>{''.join(f'<TD>{value!r}</TD>' for value in row)}</TR>\n"
        for row in zip(*(values.tolist() for values in columns.values()), strict=True)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<VOTABLE version="1.3" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">\n'
        f"<RESOURCE><TABLE>{fields}<DATA><TABLEDATA>\n{rows}"
        "</TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>\n"
    ).encode()


def _form(adql: str, uploads: Mapping[str, bytes]) -> dict[str, Any]:
    """The parameters of a TAP query, as requests takes them."""
    data = {"REQUEST": "doQuery", "LANG": "ADQL", "QUERY": adql}
    if not uploads:
        return {"data": data}
    data["UPLOAD"] = ";".join(f"{name},param:{name}" for name in uploads)
    media_type = "application/x-votable+xml"
    files = {name: (f"{name}.xml", content, media_type) for name, content in uploads.items()}
    return {"data": data, "files": files}
