# What all rules share: the checked config, where products go, and how jobs reach a service.
# Needs: config (loaded by the Snakefile).
# Makes: CONFIG, RESULTS, ENVIRONMENT, SURVEY_TABLES, code_digest(), url(), demo_sky(),
#        demo_sky_record(), service_slots(), survey_slots(), shards_of_manifest().

import functools
import json
import os
import sys
from pathlib import Path

LIBRARY = Path(workflow.basedir) / "workflow" / "lib"
if str(LIBRARY) not in sys.path:
    sys.path.insert(0, str(LIBRARY))
# Snakemake hands sys.path to the jobs' scripts too, but behind what is installed, and that may be
# the library of another clone: the code digest would then be of code that does not run.
before = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
os.environ.update(PYTHONPATH=os.pathsep.join(dict.fromkeys([str(LIBRARY), *before])))

from xgamma.code_digest import code_digest as digest_of_script
from xgamma.config import ConfigError, load_config

try:
    CONFIG = load_config(config)
except ConfigError as error:
    # no stack trace: the user's file is wrong, not our code
    sys.exit(str(error))

# simulated and real products never mix
RESULTS = f"results/{CONFIG.archive}"
ENVIRONMENT = f"{workflow.basedir}/envs/xgamma.yaml"

# How to ask does not change what is answered, so it is not in any rule's params, and a
# longer deadline reruns nothing. The jobs' scripts find it in snakemake.config.
config["connections"] = {
    name: {
        "mode": service.mode,
        "upload": service.upload,
        "timeout_s": CONFIG.tap.timeout_s,
        "deadline_s": CONFIG.tap.deadline_s,
        "attempts": CONFIG.tap.attempts,
    }
    for name, service in CONFIG.services.items()
}


wildcard_constraints:
    catalog="chanmaster|csc|fermilpsc",
    survey="[a-z][a-z0-9_]*",
    shard="[A-Za-z0-9_+-]+",
    digest="[0-9a-f]{16}",


@functools.cache
def code_digest(script):
    """Digest of a rule's script and of the library modules it uses."""
    return digest_of_script(Path(workflow.basedir) / "workflow" / "scripts" / f"{script}.py")


def url(service):
    return CONFIG.services[service].url


def demo_sky(wildcards):
    """The simulated sky's file, for rules that ask the demo archive; else nothing."""
    simulated = any(s.url.startswith("http://demo.invalid/") for s in CONFIG.services.values())
    return f"{RESULTS}/archive/sky.duckdb" if simulated else []


def demo_sky_record(wildcards):
    """Size, seed and content digest of that sky."""
    sky = demo_sky(wildcards)
    return sky.replace("sky.duckdb", "sky.json") if sky else []


def service_slots(service):
    """The part of a service's 100 slots (see profiles/default) that one job takes."""
    return 100 // CONFIG.services[service].max_requests


def survey_slots(wildcards, service):
    """`service_slots` for the service that has the survey, none for the others."""
    asked = CONFIG.surveys[wildcards.survey].service
    return service_slots(service) if service == asked else 0


# plain values, as rules' params need them; but for the service, the fields of
# xgamma.enrichment.SurveyTable
SURVEY_TABLES = {
    name: {
        "service": survey.service,
        "table": survey.table,
        "id": survey.id,
        "ra": survey.ra,
        "dec": survey.dec,
        "columns": dict(survey.columns),
        "optional": list(survey.optional),
    }
    for name, survey in CONFIG.surveys.items()
}


def shards_of_manifest(wildcards):
    """The files that the manifest names, once the checkpoint has written it."""
    manifest = checkpoints.shard_sources.get(**wildcards).output.manifest
    with open(manifest, encoding="utf-8") as stream:
        shards = json.load(stream)
    return [
        f"{RESULTS}/enrichment/{survey}/{shard}.{digest}.parquet"
        for survey in CONFIG.surveys
        for shard, digest in shards[survey].items()
    ]
