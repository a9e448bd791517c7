"""The UCI "Online Retail" file: a year of a wholesaler's invoices."""
