"""The demo archive from a shell: ``python -m xgamma.demo build`` and ``serve``."""

from __future__ import annotations

import argparse
import socketserver
import sys
from collections.abc import Sequence
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from xgamma.errors import XgammaError
from xgamma.run.places import FERMI_LIST, FERMI_LISTS, workflow_file

__all__ = ["main", "make_tap_server"]


class _ThreadingServer(socketserver.ThreadingMixIn, WSGIServer):
    """One thread per request, so that a slow query does not hold up the others."""

    daemon_threads = True


class _Handler(WSGIRequestHandler):
    """Logs requests to standard error; answers do not wait for a name server."""

    def address_string(self) -> str:
        return str(self.client_address[0])


def make_tap_server(database_path: str | Path, host: str, port: int) -> WSGIServer:
    """Put the demo service on a port.

    Parameters
    ----------
    database_path : path-like
    host : str
    port : int
        0 takes any free one; ``server_port`` of the result tells which.

    Returns
    -------
    wsgiref.simple_server.WSGIServer
        ``serve_forever`` starts it.
    """
    from xgamma.demo.server.service import TapApplication

    application = TapApplication(database_path)
    return make_server(host, port, application, _ThreadingServer, _Handler)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status."""
    parsed = _parser().parse_args(arguments)
    try:
        parsed.command(parsed)
    except XgammaError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m xgamma.demo", description=__doc__)
    commands = parser.add_subparsers(required=True)
    build = commands.add_parser("build", help="simulate a sky and write the archive file")
    build.add_argument("--output", type=Path, required=True, help="DuckDB file to write")
    build.add_argument("--size", choices=("small", "full"), default="small")
    build.add_argument("--seed", type=int, default=4)
    build.add_argument("--resource", type=Path, help="the Fermi list, else that of the workflow")
    build.add_argument("--fermi", choices=FERMI_LISTS, default="dr4", help="the list to serve")
    build.set_defaults(command=_build)
    serve = commands.add_parser("serve", help="answer TAP requests on a port")
    serve.add_argument("--database", type=Path, required=True, help="DuckDB file to serve")
    serve.add_argument("--port", type=int, required=True, help="0 takes any free one")
    serve.add_argument("--host", default="127.0.0.1")
    serve.set_defaults(command=_serve)
    return parser


def _build(parsed: argparse.Namespace) -> None:
    from xgamma.demo.sky.build import build_sky

    resource = parsed.resource or workflow_file(FERMI_LIST)
    if not resource.exists():
        raise XgammaError(f"demo: {resource} does not exist; name another one with --resource")
    served = None if parsed.fermi == "dr4" else workflow_file(FERMI_LISTS[parsed.fermi])
    build_sky(parsed.output, size=parsed.size, seed=parsed.seed, resource=resource, served=served)
    print(f"{parsed.output}: simulated sky, size {parsed.size}, seed {parsed.seed}")


def _serve(parsed: argparse.Namespace) -> None:
    from xgamma.demo.server.service import SERVICES

    if not parsed.database.exists():
        raise XgammaError(
            f"demo: {parsed.database} does not exist; make it with python -m xgamma.demo build"
        )
    try:
        server = make_tap_server(parsed.database, parsed.host, parsed.port)
    except OSError as error:
        raise XgammaError(f"demo: {parsed.host}:{parsed.port} cannot be used: {error}") from error
    with server:
        for service in SERVICES:
            print(f"http://{parsed.host}:{server.server_port}{service}", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print("stopped", flush=True)


if __name__ == "__main__":
    sys.exit(main())
