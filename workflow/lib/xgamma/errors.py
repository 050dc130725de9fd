"""The one exception that is meant for the user's eyes."""

__all__ = ["XgammaError"]


class XgammaError(Exception):
    """A problem that the user can act on.

    The message is one line: the thing, the place, and the way out.

    Attributes
    ----------
    unreachable : tuple of str
        Hosts to which there is no way from this machine, if that alone is the problem.
    """

    unreachable: tuple[str, ...] = ()
