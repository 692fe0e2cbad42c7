from fetch_fixtures import archive, options, server

__all__ = ["archive", "options", "server"]
