# Optical and infrared sources around the Fermi sources and their Chandra candidates.
# Needs: crossmatch/pairs.parquet, association/candidates.parquet, catalogs/{csc,fermilpsc}.parquet, services/*.ecsv, the services themselves.
# Makes: enrichment/{targets.parquet, shards.json}, enrichment/{survey}/{shard}.{digest}.parquet
#        with .provenance.json,
#        tables/{counterparts_{survey}.parquet, .ecsv, grouped_csc_fermi_gaia_2mass_pairs.csv, .ecsv}.


# A checkpoint: which shards there are, and what they are called, is known only when the pairs
# are. The first dry run therefore shows no enrichment jobs.
checkpoint shard_sources:
    input:
        pairs=f"{RESULTS}/crossmatch/pairs.parquet",
        candidates=f"{RESULTS}/association/candidates.parquet",
        fermi=f"{RESULTS}/catalogs/fermilpsc.parquet",
        csc=f"{RESULTS}/catalogs/csc.parquet",
        columns=DESCRIPTIONS,
        sky_record=demo_sky_record,
    output:
        targets=f"{RESULTS}/enrichment/targets.parquet",
        manifest=f"{RESULTS}/enrichment/shards.json",
    log:
        f"{RESULTS}/logs/shard_sources.log",
    benchmark:
        f"{RESULTS}/benchmarks/shard_sources.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled_by_input(1000, 3),
        runtime=scaled_by_input(10, 0.03),
    params:
        radius_deg=CONFIG.enrichment.radius_deg,
        csc_radius_arcsec=CONFIG.enrichment.csc_radius_arcsec,
        csc_radius_sigma=CONFIG.enrichment.csc_radius_sigma,
        csc_radius_most_arcsec=CONFIG.enrichment.csc_radius_most_arcsec,
        nearest=CONFIG.enrichment.nearest,
        least_probability=CONFIG.enrichment.least_probability,
        by=CONFIG.enrichment.shards.by,
        order=CONFIG.enrichment.shards.order,
        most_together=CONFIG.enrichment.shards.targets,
        surveys=SURVEY_TABLES,
        urls={survey.service: asked_at(survey.service) for survey in CONFIG.surveys.values()},
        kept_answers=kept_answers,
        enrichment_code=code_digest("enrich_shard"),
        code=code_digest("shard_sources"),
    message:
        "dividing the sources into shards"
    script:
        "../scripts/shard_sources.py"


SHARD = ShardFile("{survey}", "{shard}", "{digest}")


# The file's name holds a digest of all that its content depends on, so the inputs are ancient:
# a file of that name is right whatever the inputs' times say.
rule enrich_shard:
    input:
        targets=ancient(f"{RESULTS}/enrichment/targets.parquet"),
        columns=lambda wildcards: ancient(
            f"{RESULTS}/services/{description_name(wildcards.survey)}.ecsv"
        ),
        sky=lambda wildcards: ancient(demo_sky(wildcards)),
    output:
        counterparts=f"{RESULTS}/{SHARD.path}",
        provenance=f"{RESULTS}/{SHARD.record}",
    log:
        f"{RESULTS}/logs/{SHARD.job}.log",
    benchmark:
        f"{RESULTS}/benchmarks/{SHARD.job}.tsv"
    localrule: stays_here("enrich_shard")
    conda:
        ENVIRONMENT
    resources:
        **slots_at(lambda wildcards: [CONFIG.surveys[wildcards.survey].service]),
        mem_mb=scaled_by_attempt(1000),
        runtime=scaled_by_attempt(FETCH_MINUTES),
    params:
        url=lambda wildcards: url(CONFIG.surveys[wildcards.survey].service),
        survey=lambda wildcards: SURVEY_TABLES[wildcards.survey],
        nearest=CONFIG.enrichment.nearest,
    message:
        "{wildcards.survey} around the sources of {wildcards.shard}"
    script:
        "../scripts/enrich_shard.py"


rule merge_enrichment:
    input:
        pairs=f"{RESULTS}/crossmatch/pairs.parquet",
        fermi=f"{RESULTS}/catalogs/fermilpsc.parquet",
        shards=shards_of_manifest,
        descriptions=sorted(
            {f"{RESULTS}/services/{description_name(survey)}.ecsv" for survey in SURVEY_TABLES}
        ),
        # ancient: the pairs are made anew if another answer gives others
        records=ancient(records_of("crossmatch/joined")),
    output:
        grouped_csv=f"{RESULTS}/tables/grouped_csc_fermi_gaia_2mass_pairs.csv",
        grouped_ecsv=f"{RESULTS}/tables/grouped_csc_fermi_gaia_2mass_pairs.ecsv",
        long=expand(f"{RESULTS}/tables/counterparts_{{survey}}.parquet", survey=CONFIG.surveys),
        long_ecsv=expand(f"{RESULTS}/tables/counterparts_{{survey}}.ecsv", survey=CONFIG.surveys),
    log:
        f"{RESULTS}/logs/merge_enrichment.log",
    benchmark:
        f"{RESULTS}/benchmarks/merge_enrichment.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled_by_input(1000, 5),
        runtime=scaled_by_input(10, 0.03),
    params:
        surveys=SURVEY_TABLES,
        described={survey: description_name(survey) for survey in SURVEY_TABLES},
        about=about("fermilpsc", "csc", surveys=True),
        code=code_digest("merge_enrichment"),
    message:
        "merging the shards"
    script:
        "../scripts/merge_enrichment.py"
