# Which Chandra X-ray sources can be the counterparts of the Fermi gamma-ray sources of the
# Galactic plane, and what are they in the optical and the infrared?
#
#   snakemake --cores 2                          the demo archive
#   snakemake --cores 2 --config archive=live    the real archives
#   snakemake --cores 1 preflight --config archive=live    whether they have what that needs
#   snakemake --cores 2 --config archive=replay  once more from the kept answers, asking nobody

from snakemake.utils import min_version

min_version("9.20")


configfile: "config/config.yaml"


report: "workflow/report/workflow.rst"


# For --sdm apptainer only; docs/cluster.md says how to make it.
container: "envs/xgamma.sif"


include: "workflow/rules/common.smk"
include: "workflow/rules/demo.smk"
include: "workflow/rules/catalogs.smk"
include: "workflow/rules/crossmatch.smk"
include: "workflow/rules/enrichment.smk"
include: "workflow/rules/summary.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/provenance.smk"


rule all:
    input:
        PRODUCTS,
        rules.provenance.output,
    localrule: True


onsuccess:
    print(success_report(RESULTS, CONFIG.surveys))


# Snakemake tells each failure as it comes; by the end of a long run that is far up.
onerror:
    report_text = failure_report(RESULTS, Path.cwd(), STARTED)
    print(f"{report_text}\n", end="", flush=True)  # at once: Snakemake itself goes on to speak
