# All rules and what goes with them. Snakefile and workflow/Snakefile include it.
# Needs: nothing.
# Makes: what the files below make, and TARGETS.

from snakemake.utils import min_version

min_version("9.20")


include: "library.smk"
include: "config_files.smk"


configfile: checked_file(own_or_shipped("config/config.yaml"))


report: "../report/workflow.rst"


# For --sdm apptainer only; docs/cluster.md says how to make it.
container: own_or_shipped("envs/xgamma.sif")


include: "common.smk"
include: "demo.smk"
include: "catalogs.smk"
include: "crossmatch.smk"
include: "association.smk"
include: "enrichment.smk"
include: "identification.smk"
include: "exports.smk"
include: "summary.smk"
include: "figures.smk"
include: "site.smk"
include: "provenance.smk"
include: "compare.smk"


TARGETS = [*PRODUCTS, *SITE, *rules.provenance.output]


onsuccess:
    print(success_report(placed_results(), CONFIG.surveys, CONFIG.sources))


# Snakemake tells each failure as it comes; by the end of a long run that is far up.
onerror:
    report_text = failure_report(placed_results(), Path.cwd(), STARTED)
    print(f"{report_text}\n", end="", flush=True)  # at once: Snakemake itself goes on to speak
