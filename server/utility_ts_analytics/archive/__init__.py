"""History as Parquet files: QuestDB into a folder, and back (decision 0032, docs/ARCHIVE.md)."""
