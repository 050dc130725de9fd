"""A page as a browser takes it apart, as far as Python's parser goes."""

from __future__ import annotations

from html.parser import HTMLParser


class Page(HTMLParser):
    """The tags of a page, their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data):
        self.text.append(data)

    def values(self, tag: str, name: str) -> list[str]:
        """Of an attribute, in the order of the page."""
        return [value for t, n, value in self.attributes if (t, n) == (tag, name)]

    def words(self) -> str:
        """All text, with single blanks."""
        return " ".join(" ".join(self.text).split())
