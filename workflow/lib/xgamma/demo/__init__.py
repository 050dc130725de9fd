"""The demo archive: a simulated sky behind a TAP service."""
