"""The drill: a planted bug, from found to repaired, while reads and writes go on."""
