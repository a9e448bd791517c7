"""The schema, step by step, for every store that has one."""
