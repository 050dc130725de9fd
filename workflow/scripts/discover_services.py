"""Search the IVOA registry, and say whether it knows the configured services."""

from xgamma.archive.registry import (
    REGISTRY_COLUMNS,
    registered_services,
    registry_keywords,
    search_registry,
)
from xgamma.run.job import job
from xgamma.tables.files import write_ecsv
from xgamma.tables.printable import printable
from xgamma.tables.whole_files import write_text

with job(snakemake):
    urls = snakemake.params.urls
    found = {name: search_registry(registry_keywords(name)) for name in urls}
    frame, sentences = registered_services(urls, found)
    write_ecsv(snakemake.output.registry, frame, REGISTRY_COLUMNS)
    write_text(snakemake.output.text, "\n".join(sentences) + "\n")
    print("\n".join(map(printable, sentences)))
