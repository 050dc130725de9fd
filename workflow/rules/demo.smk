# The demo archive's simulated sky.
# Needs: the real Fermi lists in resources/, beside the workflow.
# Makes: archive/{sky.duckdb, truth.parquet, fates.parquet}, archive/sky.json (size, seed, digest).


rule build_demo_sky:
    output:
        sky=f"{CONFIG.archive_folder}/archive/sky.duckdb",
        truth=f"{CONFIG.archive_folder}/archive/truth.parquet",
        fates=f"{CONFIG.archive_folder}/archive/fates.parquet",
        record=f"{CONFIG.archive_folder}/archive/sky.json",
    log:
        f"{CONFIG.archive_folder}/logs/build_demo_sky.log",
    benchmark:
        f"{CONFIG.archive_folder}/benchmarks/build_demo_sky.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled_by_attempt(2000),
        runtime=scaled_by_attempt(10),
    params:
        size=CONFIG.demo.size,
        seed=CONFIG.demo.seed,
        # the list that the sky is simulated for, and the one that is served
        fermi=lambda wildcards: [
            digest_of_resource(FERMI_LISTS[name])(wildcards)
            for name in dict.fromkeys(("dr4", CONFIG.demo.fermi))
        ],
        served=CONFIG.demo.fermi,
        code=code_digest("build_demo_sky"),
    message:
        "simulating the demo sky"
    script:
        "../scripts/build_demo_sky.py"
