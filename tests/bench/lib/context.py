"""What every row of the comparison gets: the candidates, the machine's CPUs, and where results go."""

import argparse
from dataclasses import dataclass

from .load import Bench
from .process import Candidate, Fleet
from .report import Report


@dataclass
class Context:
    ours: Candidate
    reference: Candidate
    others: list[Candidate]
    server_cpus: set[int]
    client_cpus: set[int]
    arguments: argparse.Namespace
    fleet: Fleet
    report: Report

    @property
    def all(self) -> list[Candidate]:
        return [self.reference, self.ours, *self.others]

    def bench(self) -> Bench:
        return Bench(self.client_cpus, self.arguments.fifo, self.arguments.seconds)
