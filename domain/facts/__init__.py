"""Every fact the ledger can hold, by the stream it belongs to. `domain.events` lists them all."""
