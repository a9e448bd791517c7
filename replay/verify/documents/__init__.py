"""Independent folds of the read model `documents`: one module for each kind, listed in `kinds`."""
