"""What the demo service says when it declines a request."""

from __future__ import annotations

from xgamma.errors import XgammaError

__all__ = ["TapError"]


class TapError(XgammaError):
    """A request that cannot be answered; its text becomes the TAP error document.

    Parameters
    ----------
    message : str
        One line that names what is wrong and what would be right.
    status : int
        HTTP status of the answer: 400 for a request that is wrong, 404 for a
        resource that does not exist, 500 for a failure of the service.
    """

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status
