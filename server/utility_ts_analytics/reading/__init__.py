"""From bytes to records: decompress, cut into lines, decode, explain bad lines. No I/O."""
