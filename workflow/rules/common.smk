# What all rules share: the checked config, where products go, and how jobs reach a service.
# Needs: config (loaded by the Snakefile).
# Makes: CONFIG, RESULTS, ENVIRONMENT, ANSWERS, SURVEY_TABLES, ASKED, DESCRIPTIONS, KEPT_ANSWERS,
#        FETCH_MINUTES, code_digest(), digest_of_file(), url(), demo_sky(), demo_sky_record(),
#        service_slots(), survey_slots(), scaled_by_attempt(), stays_here(), shards_of_manifest(), codes(),
#        what_failed(), how_they_were_made(), of_other_surveys().

import functools
import hashlib
import json
import os
import sys
import time
from pathlib import Path

from snakemake.persistence import PersistenceBase

LIBRARY = Path(workflow.basedir) / "workflow" / "lib"
if str(LIBRARY) not in sys.path:
    sys.path.insert(0, str(LIBRARY))
# Snakemake hands sys.path to the jobs' scripts too, but behind what is installed, and that may be
# the library of another clone: the code digest would then be of code that does not run.
before = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
os.environ.update(PYTHONPATH=os.pathsep.join(dict.fromkeys([str(LIBRARY), *before])))

from xgamma.run.slurm import lost_jobs, sets_partition, recorded_by_jobs, wait_for_earlier_jobs
from xgamma.run.code_digest import code_digest as digest_of_script
from xgamma.config.settings import ConfigError, load_config
from xgamma.config.check import DEMO_URL
from xgamma.run.failures import failures
from xgamma.answers.store import answers_digest
from xgamma.run.slots import slots_taken

try:
    CONFIG = load_config(config)
except ConfigError as error:
    # no stack trace: the user's file is wrong, not our code
    sys.exit(str(error))

STARTED = time.time()

# A main process that is killed leaves its jobs behind, on a cluster at least.
if not workflow.is_main_process:
    PersistenceBase.finished = recorded_by_jobs(PersistenceBase.finished)
elif not workflow.output_settings.dryrun:
    wait_for_earlier_jobs(Path.cwd(), latency_s=5)

RESULTS = CONFIG.results_folder
ENVIRONMENT = f"{workflow.basedir}/envs/xgamma.yaml"

# A run keeps every answer it gets; a replay asks nobody and reads those of the run it repeats.
ANSWERS = CONFIG.answers_folder
# Of the answers that a replay reads, so that other answers give other products.
KEPT_ANSWERS = answers_digest(ANSWERS) if CONFIG.replay_of else None

# Of each service that is asked, whether jobs answer themselves, from the simulated sky.
ARE_SIMULATED = [
    service.url.startswith(DEMO_URL) for service in CONFIG.services.values() if not CONFIG.replay_of
]
IN_PROCESS, OVER_THE_NETWORK = any(ARE_SIMULATED), not all(ARE_SIMULATED)
# For jobs that ask services: a query's own limit, and the time around it.
FETCH_MINUTES = CONFIG.tap.deadline_s // 60 + 15 if OVER_THE_NETWORK else 10


wildcard_constraints:
    catalog="chanmaster|csc|fermilpsc",
    service="heasarc|gaia|irsa",
    survey="[a-z][a-z0-9_]*",
    shard="(healpix[0-3]-[0-9]{3}/)?[A-Za-z0-9_+-]+",
    digest="[0-9a-f]{16}",


@functools.cache
def digest_of(script):
    """Digest of a rule's script and of the library modules it uses."""
    # a change of the simulation concerns simulated answers only
    leave_out = () if IN_PROCESS else ("xgamma.demo",)
    path = Path(workflow.basedir) / "workflow" / "scripts" / f"{script}.py"
    return digest_of_script(path, leave_out)


def code_digest(script):
    """That digest as a param: a job computes its own rule's only, of all in the Snakefile."""
    return lambda wildcards: digest_of(script)


def digest_of_file(path):
    """Of a file's content, as a param."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:16]


def url(service):
    return CONFIG.services[service].url


def demo_sky(wildcards):
    """The simulated sky's file, for rules that ask the demo archive; else nothing."""
    return f"{RESULTS}/archive/sky.duckdb" if IN_PROCESS else []


def demo_sky_record(wildcards):
    """Size, seed and content digest of that sky."""
    sky = demo_sky(wildcards)
    return sky.replace("sky.duckdb", "sky.json") if sky else []


def service_slots(resource, *asked):
    """The part of a service's 100 slots (see profiles/default) that a job takes."""
    return 0 if CONFIG.replay_of else slots_taken(CONFIG.services, resource, asked)


def survey_slots(wildcards, resource):
    """`service_slots` for a job that asks the service that has the survey."""
    return service_slots(resource, CONFIG.surveys[wildcards.survey].service)


def scaled_by_attempt(first):
    """A resource of which each further attempt of a job gets more."""
    return lambda wildcards, attempt: first * attempt


def stays_here(rule, over_the_network=OVER_THE_NETWORK):
    """Whether a rule's jobs run beside Snakemake itself when the others go to a cluster.

    Nodes of a cluster often reach no other machine. Where they do, the profile names a
    partition for the rule (see profiles/README.md).
    """
    places = workflow.resource_settings.overwrite_resources.get(rule, {})
    return over_the_network and not sets_partition(places)


# plain values, as rules' params need them; but for the service, the fields of
# xgamma.archive.surveys.SurveyTable
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
# The services that are asked: HEASARC always, the others if a survey is theirs.
ASKED = sorted({"heasarc", *(survey.service for survey in CONFIG.surveys.values())})
DESCRIPTIONS = expand(f"{RESULTS}/services/{{service}}.ecsv", service=ASKED)


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


def codes(wildcards):
    """Script -> digest of its code, of those that take part in products."""
    scripts = (Path(workflow.basedir) / "workflow" / "scripts").glob("*.py")
    apart = ("bundle", "discover_services", "drift", "provenance", "replay")
    return {path.stem: digest_of(path.stem) for path in sorted(scripts) if path.stem not in apart}


def what_failed():
    """The jobs of this run that ended badly, each with its reason, and what to do."""
    failed = failures(f"{RESULTS}/logs", STARTED)
    lines = [
        # some say themselves who they are
        f"xgamma: {name}: {why.removeprefix(f'{name}: ')}"
        for name, why in list(failed.items())[:20]
    ]
    if len(failed) > 20:
        lines.append(f"xgamma: ... and {len(failed) - 20} more")
    lines = [*lost_jobs(Path.cwd(), STARTED), *lines]
    if failed:
        head = f"failed jobs: {len(failed)}, logs in {RESULTS}/logs/"
    elif lines:
        head = f"logs in {RESULTS}/logs/"
    else:
        # Ctrl-C, or an error that is Snakemake's own
        head = "stopped, by you or for the reason above"
    done = "what is finished stays: the same command goes on from there"
    return "\n".join([*lines, f"xgamma: {head}; {done}"])


def how_they_were_made():
    """What the jobs of the products took, and of when the answers are, if it is recorded."""
    try:
        with open(f"{RESULTS}/provenance.json", encoding="utf-8") as stream:
            provenance = json.load(stream)
    except (OSError, ValueError):
        return ""
    run = provenance["run"]
    said = f"; all of them together took {run['job_seconds_total']:.0f} s of jobs"
    days = sorted({answer["started"][:10] for answer in provenance["answers"].values()})
    if not days:
        return said
    # kept answers are not asked for again: who waits for new data sees that these are old
    return f"{said}, answers of {' to '.join(sorted({days[0], days[-1]}))}"


def of_other_surveys():
    """Tables of surveys that are no longer in the config: Snakemake leaves them where they are."""
    tables = Path(RESULTS).glob("tables/counterparts_*.parquet")
    names = sorted({path.stem.removeprefix("counterparts_") for path in tables} - {*CONFIG.surveys})
    return [
        f"xgamma: {RESULTS}/tables/counterparts_{name}.* is of an earlier config" for name in names
    ]
