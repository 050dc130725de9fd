# The demo archive's simulated sky.
# Needs: the real 4FGL-DR4 list in resources/.
# Makes: archive/sky.duckdb, archive/truth.parquet, archive/sky.json (size, seed, digest).


rule build_demo_sky:
    input:
        # by content: in a fresh clone it is newer than any product
        fermi=ancient("resources/4fgl_dr4_v35.ecsv.gz"),
    output:
        sky=f"{RESULTS}/archive/sky.duckdb",
        truth=f"{RESULTS}/archive/truth.parquet",
        record=f"{RESULTS}/archive/sky.json",
    log:
        f"{RESULTS}/logs/build_demo_sky.log",
    benchmark:
        f"{RESULTS}/benchmarks/build_demo_sky.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled_by_attempt(2000),
        runtime=scaled_by_attempt(10),
    params:
        size=CONFIG.demo.size,
        seed=CONFIG.demo.seed,
        fermi=lambda wildcards, input: digest_of_file(input.fermi),
        code=code_digest("build_demo_sky"),
    message:
        "simulating the demo sky"
    script:
        "../scripts/build_demo_sky.py"
