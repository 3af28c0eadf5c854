"""Every error that Semblance raises on purpose, as one tree.

SemblanceError
├── InputError                  the caller's input is wrong; the message says how to mend it
│   ├── ImageError              not an image, truncated, or not decodable
│   │   ├── ImageTooLargeError      more pixels than the limit (refused from the header)
│   │   └── UnsupportedImageError   an image, but of a format that is not accepted
│   └── QueryError              empty, over-long or contradictory query
├── ModelError                  a model cannot be used
│   ├── UnknownModelError       no such name; the message lists those there are
│   ├── CheckpointError         missing, damaged or foreign weights
│   └── RuntimeUnavailableError the asked inference runtime is not installed here
└── StorageError                something on disk (the tree goes on in ``indexer.errors``)

Messages are for the person who reads them: what was wrong, with the value, the limit and the way out.
"""


class SemblanceError(Exception):
    """Base of every error that Semblance raises on purpose."""


class InputError(SemblanceError):
    """Something that the caller gave is wrong."""


class ImageError(InputError):
    """The bytes are not a decodable image."""


class ImageTooLargeError(ImageError):
    """The image has more pixels than the limit."""


class UnsupportedImageError(ImageError):
    """The bytes are an image of a format that is not accepted."""


class QueryError(InputError):
    """The query is empty, over-long or contradicts itself."""


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
