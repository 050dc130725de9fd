"""Try what a run needs of the services; fail if a run would stop."""

from xgamma.archive.preflight import preflight
from xgamma.config.settings import load_config
from xgamma.errors import XgammaError
from xgamma.run.job import job
from xgamma.tables.printable import printable
from xgamma.tables.whole_files import write_text

with job(snakemake) as results:
    settings, path = load_config(snakemake.config), results / "services/preflight.txt"
    if settings.replay_of:
        raise XgammaError(
            f"preflight: a replay asks nobody; name the archive that it repeats: "
            f"snakemake --cores 1 preflight --config archive={settings.replay_of}"
        )
    findings = []
    for finding in preflight(settings, snakemake.params.surveys, snakemake.input.get("sky")):
        findings.append(finding)
        print(printable(str(finding)), flush=True)
    write_text(path, "".join(f"{finding}\n" for finding in findings))
    stops = [finding.place for finding in findings if finding.kind == "STOP"]
    if stops:
        raise XgammaError(f"preflight: a run would stop: {'; '.join(stops)} (the lines: {path})")
