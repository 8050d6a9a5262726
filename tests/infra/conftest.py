"""The running service of the process tests, for what is deployed around it."""

from tests.process.conftest import launch, service, tables

__all__ = ["launch", "service", "tables"]
