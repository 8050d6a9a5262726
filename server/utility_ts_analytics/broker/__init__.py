"""The embedded Kafka broker: one real node in a child JVM, for `dev` and for tests."""
