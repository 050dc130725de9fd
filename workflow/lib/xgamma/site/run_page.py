"""The page that tells where a run is from: who was asked what, with which programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xgamma.provenance.products import description

__all__ = ["about_run", "run_context"]


def about_run(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What every page says of the run.

    Parameters
    ----------
    facts : mapping
        Of a table that rests on all that was asked, as `xgamma.tables.metadata.read_facts` gives
        them.
    """
    return {
        "archive": facts.get("archive", ""),
        "simulated": bool(facts.get("simulated", False)),
        "software": facts.get("software", ""),
        "answered": facts.get("answered", ""),
        "catalogues": list(facts.get("catalogues", [])),
        "cite": list(facts.get("cite", [])),
    }


def run_context(
    records: Mapping[str, Mapping[str, Any]],
    digests: Mapping[str, str],
    summary: str,
    software: Mapping[str, str],
    about: Mapping[str, Any],
) -> dict[str, Any]:
    """Values of the page.

    Parameters
    ----------
    records : mapping
        Fetched file -> its record of how it was fetched.
    digests : mapping
        Table -> SHA-256 of its bytes.
    summary : str
        summary.txt.
    software : mapping
        Package -> version.
    about : mapping
        Of `about_run`.
    """
    answers = [
        {
            "file": file,
            "service": answer["service"],
            "url": answer["url"],
            "rows": answer["rows"],
            "adql": answer["adql"],
            "body": answer["body"],
        }
        for file, record in sorted(records.items())
        for answer in record["answers"]
    ]
    when = f"Answered {about['answered']}. " if about["answered"] else ""
    return {
        "answers": answers,
        "note": f"{when}The questions to the surveys, clock times, and all other products are in "
        "provenance.json.",
        "summary": summary.splitlines(),
        "tables": [
            {"file": name, "what": description(name), "digest": digest}
            for name, digest in sorted(digests.items())
        ],
        "software": sorted(software.items()),
    }
