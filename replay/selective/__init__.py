"""Single keys of the active read models, folded anew from their whole streams and put right."""
