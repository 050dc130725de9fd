# The demo archive's simulated sky.
# Needs: the real 4FGL-DR4 list in resources/, beside the workflow.
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
        fermi=digest_of_resource(FERMI_LIST),
        code=code_digest("build_demo_sky"),
    message:
        "simulating the demo sky"
    script:
        "../scripts/build_demo_sky.py"
