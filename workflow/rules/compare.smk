# Two finished runs compared, of whatever archives, lists or dates.
# Needs: the products of both: provenance.json, catalogs/{fermilpsc,csc}.parquet,
#        coverage/fields.parquet, association/model.json, tables/{fermi_sources,candidates}.parquet.
# Makes: on demand results/comparisons/<a>-<b>/: index.html, summary.md, comparison.json,
#        tables/compared_{sources,chandra}.{parquet,ecsv,csv}, figures/compared_*.


# Not part of `all`. The two runs are no inputs: to compare may not mean to make them anew.
rule compare:
    log:
        f"{RESULTS}/logs/compare.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled_by_attempt(2000),
        runtime=scaled_by_attempt(10),
    params:
        compare=CONFIG.compare,
        formats=list(CONFIG.figures.formats),
        dpi=CONFIG.figures.dpi,
    message:
        "comparing two runs"
    script:
        "../scripts/compare.py"
