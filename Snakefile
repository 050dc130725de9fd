# Which Chandra X-ray sources can be the counterparts of the Fermi gamma-ray sources of the
# Galactic plane, and what are they in the optical and the infrared?
#
#   snakemake --cores 2                          the demo archive
#   snakemake --cores 2 --config archive=live    the real archives

from snakemake.utils import min_version

min_version("9.0")


configfile: "config/config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/demo.smk"
include: "workflow/rules/catalogs.smk"
include: "workflow/rules/crossmatch.smk"
include: "workflow/rules/enrichment.smk"
include: "workflow/rules/summary.smk"
include: "workflow/rules/figures.smk"


rule all:
    input:
        f"{RESULTS}/summary.txt",
        f"{RESULTS}/tables/csc_fermi_pairs.ecsv",
        expand(
            f"{RESULTS}/tables/grouped_csc_fermi_{{rest}}.{{format}}",
            rest=["pairs", "gaia_2mass_pairs"],
            format=["csv", "ecsv"],
        ),
        expand(f"{RESULTS}/tables/counterparts_{{survey}}.ecsv", survey=CONFIG.surveys),
        FIGURES,
    localrule: True


onsuccess:
    print(f"xgamma: products are under {RESULTS}/")
