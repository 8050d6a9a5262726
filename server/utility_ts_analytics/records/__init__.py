"""What a row is: the streams, their record types, the rules, and the event id."""
