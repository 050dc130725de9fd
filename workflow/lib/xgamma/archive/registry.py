"""The IVOA registry: which TAP services it knows, the configured ones among them or not."""

from __future__ import annotations

import time
from collections.abc import Mapping

import pandas as pd

from xgamma.errors import XgammaError
from xgamma.tables.columns import Column, conform
from xgamma.tap.faults import plain_words
from xgamma.tap.transport import BoundedAdapter

__all__ = ["REGISTRY_COLUMNS", "registered_services", "registry_keywords", "search_registry"]

# what to look for in the IVOA registry where a service's name is not enough
_KEYWORDS = {"gaia": "gaia esa"}

# the registry is asked for a few rows: seconds at most, unless something is wrong
_TIMEOUT_S, _MAX_BYTES = 60.0, 50e6

REGISTRY_COLUMNS = [
    Column("service", "text", "", "Which of the archive's services was looked for"),
    Column("keywords", "text", "", "Words searched for"),
    Column("ivoid", "text", "", "IVOA identifier"),
    Column("title", "text", "", "Title"),
    Column("access_url", "text", "", "Base URL of its TAP service"),
    Column("configured", "bool", "", "True if this is the URL in the config"),
]


def registry_keywords(service: str) -> str:
    """The words by which the registry is searched for a service of this name."""
    return _KEYWORDS.get(service, service.replace("_", " "))


def search_registry(keywords: str) -> list[dict[str, str]]:
    """The TAP services in the IVOA registry that `keywords` describe.

    Parameters
    ----------
    keywords : str
        Words, with blanks between them.

    Returns
    -------
    list of dict
        ivoid, title, access_url.

    Raises
    ------
    XgammaError
        If the registry does not answer, or not with a table.
    """
    import pyvo
    from pyvo import registry
    from pyvo.utils.http import create_session
    from requests import RequestException
    from requests.adapters import HTTPAdapter

    # registry.search() makes a session of its own, which waits for ever
    session = create_session()
    adapter = BoundedAdapter(
        HTTPAdapter(),
        timeout_s=_TIMEOUT_S,
        sync_timeout_s=_TIMEOUT_S,
        max_bytes=_MAX_BYTES,
    )
    adapter.end = time.monotonic() + _TIMEOUT_S
    for scheme in ("http://", "https://"):
        session.mount(scheme, adapter)
    url = registry.regtap.get_RegTAP_service_url()
    try:
        service = pyvo.dal.TAPService(url, session=session)
        wanted = registry.Freetext(*keywords.split()), registry.Servicetype("tap")
        query = registry.get_RegTAP_query(*wanted, service=service)
        found = registry.regtap.RegistryQuery(url, query, session=session).execute()
        return [
            {
                "ivoid": str(resource.ivoid),
                "title": str(resource.res_title),
                "access_url": str(interface.access_url),
            }
            for resource in found
            for interface in resource.interfaces
            if interface.is_standard and "tap" in str(interface.standard_id).lower()
        ]
    except (pyvo.dal.DALAccessError, RequestException, ValueError, LookupError) as error:
        # pyvo goes on to guess
        reason = plain_words(error).split(" This could mean")[0][:200]
        raise XgammaError(
            f"the IVOA registry ({url}) does not answer: {reason}; "
            f"check the network, or run again later"
        ) from error


def _bare(url: str) -> str:
    """A URL less what does not tell services apart."""
    return url.split("://", 1)[-1].rstrip("/").lower()


def registered_services(
    urls: Mapping[str, str], found: Mapping[str, list[dict[str, str]]]
) -> tuple[pd.DataFrame, list[str]]:
    """The registry's TAP services beside the configured ones, and whether these are among them.

    Parameters
    ----------
    urls : mapping
        Service -> configured URL.
    found : mapping
        Service -> what `search_registry` gave for it.

    Returns
    -------
    frame : DataFrame
        `REGISTRY_COLUMNS`, sorted.
    sentences : list of str
        One per service.
    """
    rows, sentences = [], []
    for service, url in urls.items():
        matches = {r["ivoid"] for r in found[service] if _bare(r["access_url"]) == _bare(url)}
        sentences.append(
            f"{service}: {url} is registered as {', '.join(sorted(matches))}"
            if matches
            else f"{service}: {url} is not among the {len(found[service])} registered TAP "
            f"services for '{registry_keywords(service)}'"
        )
        rows += [
            {
                "service": service,
                "keywords": registry_keywords(service),
                "configured": _bare(r["access_url"]) == _bare(url),
                **r,
            }
            for r in found[service]
        ]
    frame = pd.DataFrame(rows, columns=[c.name for c in REGISTRY_COLUMNS])
    frame = conform(frame, REGISTRY_COLUMNS).drop_duplicates()
    return frame.sort_values(["service", "ivoid", "access_url"], ignore_index=True), sentences
