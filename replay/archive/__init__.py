"""The log as sealed Parquet segments, from which a whole system comes back."""
