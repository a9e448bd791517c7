"""The ledger's rules: events, state and decisions, pure and standard library only."""
