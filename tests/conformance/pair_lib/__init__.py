"""The parts of tests/conformance/pair: what it sends, how it compares, and how it shortens what it found."""
