# What all rules share: the checked config, where products go, and how jobs reach a service.
# Needs: config (loaded by main.smk), the library, HERE and IS_LOCAL of library.smk.
# Makes: CONFIG, RESULTS, CHOSEN, STARTED, ENVIRONMENT, IN_PROCESS, FETCH_MINUTES, SURVEY_TABLES,
#        IDENTIFIED_SURVEYS, DESCRIBED, DESCRIPTIONS, placed_results(), kept_answers(), code_digest(), digest_of_resource(), file_of(), digest_of_file(), url(),
#        demo_sky(), demo_sky_record(), slots_at(), outline_slots(), the_described(), description_name(),
#        scaled_by_attempt(), scaled_by_input(), stays_here(), shards_of_manifest(), codes(),
#        about(), records_of().

import atexit
import functools
import hashlib
import math
import os
import sys
import time
from pathlib import Path

from xgamma.archive.surveys import description_of, service_described
from xgamma.config.archives import SERVICE_NAME
from xgamma.config.settings import load_config
from xgamma.config.sources import with_source_names
from xgamma.config.surveys import SURVEY_NAME
from xgamma.errors import XgammaError
from xgamma.run import scheduling, snakemake_insides
from xgamma.run.code_digest import code_digest as digest_of_script
from xgamma.run.end_of_run import failure_report, success_report
from xgamma.run.job import leave_garbage
from xgamma.run.places import (
    EXTENDED_LIST,
    FERMI_LISTS,
    check_folders,
    name_interpreter_plainly,
    workflow_file,
)
from xgamma.run.progress import tell_progress_plainly
from xgamma.run.slurm import wait_for_earlier_jobs
from xgamma.run.user_account import shield_jobs
from xgamma.stages.shard_file import (
    DIGEST_PATTERN,
    SHARD_PATTERN,
    ShardFile,
    read_manifest,
)

try:
    check_folders(Path.cwd())
    # a file of names is read here, so that records and jobs have the names
    config.update(with_source_names(config))
    CONFIG = load_config(config)
except XgammaError as error:
    # no stack trace: the user's file or folder is wrong, not our code
    sys.exit(str(error))

# as rules have it in outputs and logs, where a module's prefix comes before it
RESULTS = CONFIG.results_folder
# the Fermi sources that the config names, as a table; nothing for all of the plane
CHOSEN = f"{RESULTS}/catalogs/chosen.parquet" if CONFIG.sources else []
STARTED = time.time()
# as seen from the files in this folder
ENVIRONMENT = "../../envs/xgamma.yaml"

# Whether jobs answer themselves, from the simulated sky. In one archive, some services may be
# simulated and others not.
IN_PROCESS = scheduling.asks_simulated_sky(CONFIG)
FETCH_MINUTES = scheduling.fetch_minutes(CONFIG)


def placed_results():
    """RESULTS as the jobs have it: a module may have a prefix."""
    return Path(rules.crossmatch.output.joined).parents[1]


def begin_run():
    """What comes before the first job, and before Snakemake looks at what there is."""
    # a main process that is killed leaves its jobs behind, on a cluster at least
    wait_for_earlier_jobs(Path.cwd(), latency_s=5)


atexit.register(leave_garbage)
name_interpreter_plainly()
snakemake_insides.limit_resources(workflow, CONFIG.services, scheduling.ALL_SLOTS)
shield_jobs(Path(".snakemake"))
if not workflow.is_main_process:
    snakemake_insides.let_jobs_record()
else:
    if warning := snakemake_insides.not_guaranteed():
        print(warning, file=sys.stderr)
    snakemake_insides.before_jobs(workflow, begin_run)
    tell_progress_plainly(workflow)


wildcard_constraints:
    catalog="chanmaster|csc|fermilpsc",
    description=f"{SERVICE_NAME}(-surveys)?",
    survey=SURVEY_NAME,
    shard=SHARD_PATTERN,
    digest=DIGEST_PATTERN,


@functools.cache
def digest_of(script):
    """Digest of a rule's script and of the library modules it uses."""
    # what a setting is reaches the products as a param: how the config is read makes none of them.
    # A change of the simulation concerns simulated answers only.
    leave_out = ("xgamma.config",) if IN_PROCESS else ("xgamma.config", "xgamma.demo")
    if IS_LOCAL:
        path = Path(HERE, "../scripts", f"{script}.py")
    else:
        path = workflow.source_path(f"../scripts/{script}.py")
    return digest_of_script(path, leave_out)


def code_digest(script):
    """That digest as a param: a job computes its own rule's only, of all in the Snakefile."""
    return lambda wildcards: digest_of(script)


def digest_of_resource(path):
    """Digest of a file that the workflow ships, as a param.

    It is no input: its place and its time differ from clone to clone.
    """

    def digest(wildcards):
        with open(workflow_file(path), "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()[:16]

    return digest


def file_of(catalog):
    """The user's file in the place of a catalogue, if there is one; a replay needs it no more."""
    own = None if CONFIG.replay_of else CONFIG.catalogs.get(catalog)
    return ancient(own.file) if own else []


@functools.cache
def digest_of_file(catalog):
    """That file's digest and name."""
    if not (path := file_of(catalog)):
        return None
    with open(path, "rb") as stream:
        return [path, hashlib.file_digest(stream, "sha256").hexdigest()]


@functools.cache
def digest_of_answers():
    # once, and only in a process that needs it: every record is read
    from xgamma.answers.store import answers_digest

    return answers_digest(CONFIG.answers_folder(placed_results()))


def digest_of_folder(path):
    """The same of all files in a folder that the workflow ships, but for code of Python."""

    # three rules have it
    @functools.cache
    def digest_once():
        total = hashlib.sha256()
        for file in sorted(Path(workflow_file(path)).rglob("*")):
            if file.is_file() and file.suffix not in (".py", ".pyc"):
                total.update(file.name.encode() + file.read_bytes())
        return total.hexdigest()[:16]

    return lambda wildcards: digest_once()


def kept_answers(wildcards):
    """Digest of the answers that a replay reads, so that others give other products; else None."""
    return digest_of_answers() if CONFIG.replay_of else None


def url(service):
    return CONFIG.services[service].url


def spelt(service):
    """How a service spells tables that are called otherwise here, as a param of who asks it."""
    return CONFIG.spelt_tables(service)


def asked_at(service):
    """What of a service's settings its rows depend on."""
    return [url(service), spelt(service)] if spelt(service) else url(service)


def demo_sky(wildcards):
    """The simulated sky's file, for rules that ask the demo archive; else nothing."""
    return f"{CONFIG.archive_folder}/archive/sky.duckdb" if IN_PROCESS else []


def demo_sky_record(wildcards):
    """Size, seed and content digest of that sky."""
    sky = demo_sky(wildcards)
    return sky.replace("sky.duckdb", "sky.json") if sky else []


def slots_at(asked):
    """The part of each service's slots that a job takes, as resources by the services' names.

    Parameters
    ----------
    asked : callable
        From wildcards the services that the job asks in turn.
    """

    def taken(service):
        if CONFIG.replay_of:
            return 0
        return lambda wildcards: scheduling.slots_taken(CONFIG.services, service, asked(wildcards))

    return {service: taken(service) for service in CONFIG.services}


def the_catalogs(wildcards):
    """The service that has the Fermi and X-ray catalogues, as `slots_at` takes it."""
    return [CONFIG.catalogs_service]


def every_service(wildcards):
    """All services of the archive, as `slots_at` takes them."""
    return [*CONFIG.services]


def outline_slots():
    """The part of each service's slots that a job takes that asks for outlines.

    None, unless that service is at the same host: then all, which is one request at a time.
    """
    if not scheduling.asks_for_outlines(CONFIG):
        return {}
    services = {**CONFIG.services, "obscore": CONFIG.outline_service}
    return {
        service: scheduling.slots_taken(services, service, ["obscore"])
        for service in CONFIG.services
    }


def the_described(wildcards):
    """The service that a description is of."""
    return service_described(wildcards.description, CONFIG.catalogs_service)


def description_name(survey):
    """Under which name the tables of the service that has a survey are described."""
    return description_of(SURVEY_TABLES[survey], CONFIG.catalogs_service)


def scaled_by_attempt(first):
    """A resource of which each further attempt of a job gets more."""
    return lambda wildcards, attempt: first * attempt


def scaled_by_input(first, per_mb):
    """The same, and more by so much for each MB of the job's input.

    That is what jobs took on 16 times the real catalogues, and a little more.
    """

    # files that are not there yet are an error that Snakemake knows: it asks again when they are
    def asked(wildcards, input, attempt):
        megabytes = sum(os.path.getsize(file) for file in input) / 1e6
        return math.ceil((first + per_mb * megabytes) * attempt)

    return asked


def stays_here(rule, over_the_network=scheduling.asks_the_network(CONFIG)):
    """Whether a rule's jobs run beside Snakemake itself when the others go to a cluster.

    Nodes of a cluster often reach no other machine. Where they do, the profile names a
    partition for the rule (see docs/cluster.md).
    """
    resources = snakemake_insides.resources_set_for(workflow, rule)
    return over_the_network and not scheduling.sets_partition(resources)


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
# with what tells which object is a Chandra source: no shard depends on that
IDENTIFIED_SURVEYS = {
    name: {
        **SURVEY_TABLES[name],
        "identify": {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in vars(survey.identify).items()
        },
    }
    for name, survey in CONFIG.surveys.items()
}
# What services describe: the catalogues always, each the surveys that it has.
DESCRIBED = sorted({CONFIG.catalogs_service, *map(description_name, SURVEY_TABLES)})
DESCRIPTIONS = expand(f"{RESULTS}/services/{{description}}.ecsv", description=DESCRIBED)


def about(*tables, surveys=False):
    """What tables of a run say of their origin, as a param of the rule that writes them.

    Parameters
    ----------
    tables : str
        The catalogues on which they rest.
    surveys : bool
        Whether they rest on the surveys too.
    """
    # another X-ray catalogue is credited as what it is
    names = CONFIG.xray.spelt_tables
    asked = [
        (names.get(table, {}).get("table", table), CONFIG.catalogs_service) for table in tables
    ]
    if surveys:
        asked += [(survey.table, survey.service) for survey in CONFIG.surveys.values()]
    return {
        "archive": CONFIG.replay_of or CONFIG.archive,
        "simulated": CONFIG.simulated,
        # only where they matter: a survey more makes no other table anew
        **({"surveys": [one.table for one in CONFIG.surveys.values()]} if surveys else {}),
        # as shipped there is nothing to say
        **({"words": CONFIG.xray.words} if CONFIG.xray.words else {}),
        "catalogues": [
            [table, CONFIG.source_of(table, service), CONFIG.release_of(table, service)]
            for table, service in dict.fromkeys(asked)
            if table
        ],
    }


def records_of(*fetched):
    """How these files were fetched, for the days of the answers, which a simulated sky has not."""
    return [] if CONFIG.simulated else [f"{RESULTS}/{name}.provenance.json" for name in fetched]


def shards_of_manifest(wildcards):
    """The files that the manifest names, once the checkpoint has written it."""
    manifest = read_manifest(checkpoints.shard_sources.get(**wildcards).output.manifest)
    return [f"{RESULTS}/{shard.path}" for survey in CONFIG.surveys for shard in manifest[survey]]


def codes(wildcards):
    """Script -> digest of its code, of those that take part in products."""
    scripts = workflow_file("workflow/scripts").glob("*.py")
    apart = ("bundle", "compare", "discover_services", "drift", "preflight", "provenance", "replay")
    return {
        path.stem: digest_of(path.stem)
        for path in sorted(scripts)
        if path.stem not in apart and not path.stem.startswith("publish_")
    }
