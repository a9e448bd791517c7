"""What-if: one ledger's past, decided again under another policy, beside what happened."""
