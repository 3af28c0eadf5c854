"""Every error that Semblance raises on purpose, as one tree.

SemblanceError
├── InputError                  the caller's input is wrong; the message says how to mend it
│   ├── ImageError              not an image, truncated, or not decodable
│   │   ├── ImageTooLargeError      beyond a limit (most are refused from the header)
│   │   ├── UnsupportedImageError   an image, but of a format that is not accepted, or that needs an extra
│   │   └── DecodeResourceError     memory ran out, or it was ended; another try may succeed
│   └── QueryError              empty, over-long or contradictory query
│       └── ExplainMethodError      an explanation method that does not fit the model, or that there is not
├── ModelError                  a model cannot be used
│   ├── UnknownModelError       no such name; the message lists those there are
│   ├── CheckpointError         missing, damaged or foreign weights
│   └── RuntimeUnavailableError the asked inference runtime is not installed here
└── StorageError                something on disk (the tree goes on in ``indexer.errors``)

Messages are for the person who reads them: what was wrong, with the value, the limit and the way out.
"""

from collections.abc import Sequence


class SemblanceError(Exception):
    """Base of every error that Semblance raises on purpose."""


class InputError(SemblanceError):
    """Something that the caller gave is wrong."""


class ImageError(InputError):
    """The bytes are not a decodable image."""


class ImageTooLargeError(ImageError):
    """The image is beyond a limit: of pixels, of a side, of scans or of memory."""


class UnsupportedImageError(ImageError):
    """The bytes are an image of a format that is not accepted, or that needs an extra."""


class DecodeResourceError(ImageError):
    """Memory or time ran out while the image was decoded: the cause may pass, and another try may succeed."""


class QueryError(InputError):
    """The query is empty, over-long or contradicts itself."""


class ExplainMethodError(QueryError):
    """An explanation method does not fit the model or the query, or there is none of that name.

    Args:
        method: that was asked for.
        model: whose scores it was to explain.
        fitting: the methods that fit both.
    """

    def __init__(self, method: str, model: str, fitting: Sequence[str]) -> None:
        there_are = ", ".join(fitting) or "none"
        super().__init__(f"The method {method[:40]!r} does not fit {model!r} and this query; there are: {there_are}.")


class ModelError(SemblanceError):
    """A model cannot be used."""


class UnknownModelError(ModelError):
    """No model of that name exists."""


class CheckpointError(ModelError):
    """Weights are missing, damaged or not of this model."""


class RuntimeUnavailableError(ModelError):
    """The asked inference runtime is not installed here."""


class StorageError(SemblanceError):
    """Something on disk is missing, damaged or in use."""
