# Which Chandra X-ray sources can be the counterparts of the Fermi gamma-ray sources of the
# Galactic plane, and what are they in the optical and the infrared?
#
#   snakemake --cores 2                          the demo archive
#   snakemake --cores 2 --config archive=live    the real archives
#   snakemake --cores 1 preflight --config archive=live    whether they have what that needs
#   snakemake --cores 2 --config archive=replay  once more from the kept answers, asking nobody


include: "workflow/rules/main.smk"


rule all:
    input:
        TARGETS,
    localrule: True
