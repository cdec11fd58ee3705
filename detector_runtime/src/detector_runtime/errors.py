"""What can go wrong, and what to do about it.

Every error that this package raises on purpose is a `DetectorError`: its text says what is wrong
and ends with what to do next.
"""

from __future__ import annotations


class DetectorError(Exception):
    """Base of all errors of this package.

    Both texts are kept as `args`, so that an error crosses a process boundary whole.
    """

    def __init__(self, problem: str, fix: str) -> None:
        super().__init__(problem, fix)
        self.problem = problem
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.problem}\n  What to do: {self.fix}"


class ImageError(DetectorError, ValueError):
    """An image that cannot be read, or an array that is not an image."""


class ModelLoadError(DetectorError):
    """A model file that is absent, damaged, or made for something else."""


class UnknownOnnxLayoutError(ModelLoadError):
    """A model whose output is not `(N, 6)` rows of `x1, y1, x2, y2, score, class`."""


class ModelOutputError(DetectorError):
    """Rows that no detector would give: not finite, or of a class that does not exist."""


class ClassListError(ModelLoadError):
    """Class names that are absent, or that differ between the model and what came with it."""


class ClassifierError(ModelLoadError):
    """A model that is no classifier of icons or screens, or one of another layout."""


class CommunityModelError(ModelLoadError):
    """A community model that is incomplete, altered, or newer than this package."""


class PolicyModelError(ModelLoadError):
    """Policies that are incomplete, altered, newer than this package, or play something else."""


class BundleError(ModelLoadError):
    """A bundle that is incomplete, altered, or newer than this package."""


class MissingDependencyError(DetectorError, ImportError):
    """An optional package that this call needs is not installed."""


class ConfigurationError(DetectorError, ValueError):
    """Settings that contradict each other, or a second configuration of the shared detector."""


class PredictionExpiredError(DetectorError):
    """Positions were predicted too often, or for too long, without looking."""


class DocumentError(DetectorError):
    """A document of a publisher that is damaged, of another kind, or newer than this package."""


class SignatureError(DetectorError):
    """A document that was changed after it was signed, or that must not be signed so."""


class UnknownKeyError(SignatureError):
    """A document that only keys have signed which do not count (yet, or any more)."""


class UpdateError(DetectorError):
    """A model that could not be brought up to date; the one that was there goes on."""


class UpdateBusyError(UpdateError):
    """Another program changes the same folder of models at this moment."""


class SourceError(UpdateError):
    """The place where models are published says no, or answers with something else."""


class SourceUnreachableError(SourceError):
    """The place where models are published cannot be reached, or only in part."""


class UntrustedUpdateError(UpdateError):
    """Something that the publisher cannot have meant: older, endless, for others, altered."""


class ContributionError(DetectorError):
    """A contribution that cannot be kept or sent; those that were kept before still are."""


class ContributionStoreError(ContributionError):
    """The place that contributions go to refuses, or cannot be reached.

    `retry_after` is for how many seconds it wants to be left alone; 0 where it says nothing of it.
    """

    def __init__(self, problem: str, fix: str, retry_after: float = 0.0) -> None:
        super().__init__(problem, fix)
        self.retry_after = retry_after
