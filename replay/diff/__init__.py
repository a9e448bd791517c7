"""Two versions of a read model compared at one position, and each difference explained."""
