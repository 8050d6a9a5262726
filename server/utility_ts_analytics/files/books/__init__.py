"""What became of each input, kept on the disk: counts, refused records, the journal."""
