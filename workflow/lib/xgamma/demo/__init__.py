"""The demo archive: a simulated sky behind a TAP service."""

__all__ = ["DEMO_URL"]

DEMO_URL = "http://demo.invalid/"
"""Where simulated services are that jobs answer themselves, without a server.

The name can never exist on the network (RFC 2606).
"""
