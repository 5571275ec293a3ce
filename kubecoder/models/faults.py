"""What is wrong with a value of a file, said so that a reader can put it right."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a value.

    Attributes:
        message: What is wrong; never holds a secret value.
        advice: What to write instead, or an empty string.
        keys: Where it is inside of the checked value, such as `("tls", "clusterIssuer")`; empty means the value itself.
    """

    message: str
    advice: str = ""
    keys: tuple[str, ...] = ()


class InvalidValueError(ValueError):
    """A value has faults; raised by validators, so pydantic collects it with the value's place."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__("; ".join(fault.message for fault in faults))
        self.faults = faults

    @classmethod
    def of(cls, message: str, advice: str = "", *keys: str) -> InvalidValueError:
        """Make the error of one fault."""
        return cls(Fault(message, advice, keys))
