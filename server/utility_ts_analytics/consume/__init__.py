"""The log to QuestDB: messages of a Kafka topic through the same rules, lanes and sinks.

An offset is committed only once QuestDB has every row of the messages before it, and refused
records are in the dead-letter topic. `reader` is the order of all steps, `group` the only door to
Kafka's consumer, `dead_letters` that to its producer.
"""
