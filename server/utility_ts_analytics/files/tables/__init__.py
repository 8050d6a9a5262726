"""Files of every kind as tables of numbered records, which a mapping reads."""
