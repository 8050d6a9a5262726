"""Ingestion of electric-utility readings into QuestDB, and the SQL asked of them.

The command is `ingestion-service` (`cli`). `docs/ARCHITECTURE.md` has the data path and its files.
"""

__version__ = "0.1.0"
