"""Parts of tests/bench/compare and tests/bench/instructions."""
