from check_fixtures import built, context

__all__ = ["built", "context"]
