"""The write side: commands are decided, appended in groups and answered once."""
