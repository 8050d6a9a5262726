"""An embedded QuestDB for `dev` and for tests."""
