# Which optical and infrared object each Chandra candidate is, and what that says of it.
# Needs: enrichment/{targets.parquet, {survey}/...}, catalogs/{csc,chanmaster,fermilpsc}.parquet,
#        association/candidates.parquet, tables/{candidates,fermi_sources}.parquet.
# Makes: identification/model.json, tables/{identifications,evidence,counterparts}.{parquet,ecsv,csv}.


rule identify:
    input:
        targets=f"{RESULTS}/enrichment/targets.parquet",
        csc=f"{RESULTS}/catalogs/csc.parquet",
        chanmaster=f"{RESULTS}/catalogs/chanmaster.parquet",
        association=f"{RESULTS}/association/candidates.parquet",
        candidates=f"{RESULTS}/tables/candidates.parquet",
        fermi=f"{RESULTS}/tables/fermi_sources.parquet",
        catalogue=f"{RESULTS}/catalogs/fermilpsc.parquet",
        shards=shards_of_manifest,
        records=records_of("catalogs/chanmaster", "catalogs/csc", "catalogs/fermilpsc"),
    output:
        model=f"{RESULTS}/identification/model.json",
        identifications=expand(
            f"{RESULTS}/tables/identifications.{{ending}}", ending=["parquet", "ecsv", "csv"]
        ),
        evidence=expand(f"{RESULTS}/tables/evidence.{{ending}}", ending=["parquet", "ecsv", "csv"]),
        counterparts=expand(
            f"{RESULTS}/tables/counterparts.{{ending}}", ending=["parquet", "ecsv", "csv"]
        ),
    log:
        f"{RESULTS}/logs/identify.log",
    benchmark:
        f"{RESULTS}/benchmarks/identify.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled_by_input(1500, 6),
        runtime=scaled_by_input(10, 0.03),
    params:
        surveys=IDENTIFIED_SURVEYS,
        evidence=CONFIG.association.evidence,
        about=about("fermilpsc", "csc", "chanmaster", surveys=True),
        code=code_digest("identify"),
    message:
        "identifying the optical and infrared objects"
    script:
        "../scripts/identify.py"
