"""Shortens a list of items that shows a difference at its end."""


def shorten(items, shows):
    """The items without those that the last one does not need. `shows(items)` tells whether they still show it."""
    if not shows(items):
        return items
    size = len(items) // 2
    while size >= 1:
        start = 0
        while start < len(items) - 1:
            end = min(start + size, len(items) - 1)
            without = items[:start] + items[end:]
            if shows(without):
                items = without
            else:
                start = end
        size //= 2
    return items
