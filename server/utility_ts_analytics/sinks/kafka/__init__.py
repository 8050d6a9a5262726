"""The log: readings as messages of a Kafka topic, from which `consume` fills QuestDB."""
