"""QuestDB SQL, time ranges, intervals and tariffs, without a connection."""
