"""The same questions put to a real PostgreSQL: an embedded server, its catalogs read, two schemas compared."""
