# Where the products come from, and what can be done with that: replay, bundle, drift.
# Needs: all products.
# Makes: provenance.json, ro-crate-metadata.json; on demand results/<archive>.zip and
#        drift/{drift.txt, drift.ecsv}.


# All that xgamma.provenance.products describes; the shards are known later.
PRODUCTS = [
    *DESCRIPTIONS,
    *expand(rules.fetch_catalog.output.catalog, catalog=["chanmaster", "csc", "fermilpsc"]),
    *(
        rules.choose_sources.output
        if CONFIG.sources
        else expand(rules.filter_plane.output.plane, catalog=["csc", "fermilpsc"])
    ),
    rules.crossmatch.output.joined,
    *rules.verify_crossmatch.output,
    *rules.group_by_fermi.output,
    *([rules.fetch_outlines.output.outlines] if CONFIG.outline_service else []),
    *rules.map_coverage.output,
    *rules.associate.output,
    *rules.calibrate.output,
    *rules.tabulate.output,
    rules.shard_sources.output.targets,
    *rules.merge_enrichment.output,
    *rules.identify.output,
    *rules.exports.output,
    *rules.summarize.output,
    *FIGURES,
]


# The config is not in the params: it is that of the products, as long as none is made anew.
rule provenance:
    input:
        products=PRODUCTS,
        manifest=f"{RESULTS}/enrichment/shards.json",
        records=[
            *expand(rules.describe_service.output.provenance, description=DESCRIBED),
            *expand(
                rules.fetch_catalog.output.provenance, catalog=["chanmaster", "csc", "fermilpsc"]
            ),
            rules.crossmatch.output.provenance,
            *([rules.fetch_outlines.output.provenance] if CONFIG.outline_service else []),
        ],
    output:
        provenance=f"{RESULTS}/provenance.json",
        crate=f"{RESULTS}/ro-crate-metadata.json",
    log:
        f"{RESULTS}/logs/provenance.log",
    benchmark:
        f"{RESULTS}/benchmarks/provenance.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled_by_attempt(1000),
        runtime=scaled_by_attempt(10),
    params:
        archive=CONFIG.archive,
        answers_of=CONFIG.replay_of or CONFIG.archive,
        simulated=CONFIG.simulated,
        releases=CONFIG.releases,
        codes=codes,
        code=code_digest("provenance"),
    message:
        "recording where the products come from"
    script:
        "../scripts/provenance.py"


# The following are not part of `all`. Without outputs, they run whenever they are asked for.


rule replay:
    input:
        ours=rules.provenance.output.provenance if CONFIG.replay_of else [],
    log:
        f"{RESULTS}/logs/replay.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled_by_attempt(1000),
        runtime=scaled_by_attempt(10),
    params:
        replayed=CONFIG.replay_of,
    message:
        "comparing the replay with the run that it repeats"
    script:
        "../scripts/replay.py"


# What is there goes into the bundle: to make a bundle may not mean to ask the archives again.
rule bundle:
    log:
        f"{RESULTS}/logs/bundle.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=scaled_by_attempt(1000),
        runtime=scaled_by_attempt(10),
    params:
        replay=CONFIG.replay_of is not None,
        codes=codes,
    message:
        "bundling products, answers and workflow"
    script:
        "../scripts/bundle.py"


rule drift:
    log:
        f"{RESULTS}/logs/drift.log",
    localrule: stays_here("drift")
    conda:
        ENVIRONMENT
    resources:
        **slots_at(every_service),
        mem_mb=scaled_by_attempt(2000),
        runtime=scaled_by_attempt(FETCH_MINUTES),
    params:
        replay=CONFIG.replay_of is not None,
        simulated_sky=IN_PROCESS,
        urls={name: service.url for name, service in CONFIG.services.items()},
    message:
        "asking the services what has changed"
    script:
        "../scripts/drift.py"
