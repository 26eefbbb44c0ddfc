"""The database: the only room that knows motor. Everything else calls the functions here."""
