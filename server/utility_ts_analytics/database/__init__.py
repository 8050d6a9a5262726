"""QuestDB itself: the embedded server, the schema, its health, and the one door to asyncpg."""
