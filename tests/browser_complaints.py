"""What a browser complains of while a test drives it."""


class Complaints:
    """What the browser complained of during a test, less what the test provokes.

    What is provoked is named, not cleared: a request that fails may report after the test's last line.
    """

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.provoked: list[str] = []

    def hear(self, text: str) -> None:
        """Keep one complaint."""
        self.heard.append(text)

    def expect(self, beginning: str) -> None:
        """Accept every complaint that begins with these words."""
        self.provoked.append(beginning)

    def unexpected(self) -> list[str]:
        """Return the complaints that no test asked for."""
        return [text for text in self.heard if not text.startswith(tuple(self.provoked))]
