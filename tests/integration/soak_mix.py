"""Clients of the soak whose books must balance: money that moves between accounts, a queue between two lists.

Each runs on a thread and a connection of its own in database MIX_DATABASE, which the disturbance leaves alone. A refusal
for lack of memory is no failure: it must have changed nothing.
"""

import random
import threading
import time

from resp import Closed

MIX_DATABASE = 10
ACCOUNTS = 40
OPENING_BALANCE = 1000
WORLD_RATE = 250  # Commands a second that take the world lock: what is tried,
WORLD_RATE_MIN = 200  # and what must come about.
WORLD_BURST = 10

# Neither names its keys: which ones they reach, nobody can tell beforehand.
TRANSFER = """redis.call('decrby', 'account:' .. ARGV[1], ARGV[3])
redis.call('incrby', 'account:' .. ARGV[2], ARGV[3]) return 'done'"""
SUM = """local sum = 0
for i = 0, ARGV[1] - 1 do sum = sum + redis.call('get', 'account:' .. i) end return sum"""
LIBRARY = "#!lua name=soak\nredis.register_function('soak_%d', function() return %d end)"


class MixClient(threading.Thread):
    """One client; `number` tells those of a kind apart."""

    def __init__(self, server, seed, number=1):
        super().__init__(name="%s %d" % (type(self).__name__, number), daemon=True)
        self.connection = server.connect(timeout=60.0)
        self.connection.call("SELECT", MIX_DATABASE)
        self.random = random.Random("%s %s" % (seed, self.name))
        self.stopping = threading.Event()
        self.count = 0
        self.problems = []

    def run(self):
        try:
            while not self.is_over():
                self.step()
        except (Closed, OSError) as error:
            self.problems.append("%s: %s" % (self.name, error))
        self.connection.close()

    def is_over(self):
        return self.problems or self.stopping.is_set()

    def check(self, condition, text):
        if not condition:
            self.problems.append("%s: %s" % (self.name, text))

    def call(self, *words):
        """The reply, or None for lack of memory."""
        reply = self.connection.call(*words)
        self.count += 1
        if reply.kind != "-":
            return reply
        self.check(reply.value.startswith((b"OOM", b"EXECABORT")), "%s answers %r" % (words, reply))
        time.sleep(0.01)
        return None


class WorldLocks(MixClient):
    """Commands that have the node to themselves, WORLD_RATE a second."""

    def __init__(self, server, seed):
        super().__init__(server, seed)
        self.began = time.monotonic()

    def commands(self):
        number = self.random.randrange(10)
        return [("SWAPDB", 11, 12), ("CLIENT", "LIST"), ("CONFIG", "SET", "hz", 10 + number),
                ("FUNCTION", "LOAD", "REPLACE", LIBRARY % (number, number)), ("ACL", "SETUSER", "soak", "on", "+get")]

    def step(self):
        chosen = [self.random.choice(self.commands()) for _ in range(WORLD_BURST)]
        for words in chosen:
            self.connection.send([str(word).encode() for word in words])
        for words in chosen:
            reply = self.connection.read()
            self.check(reply.kind != "-" or reply.value.startswith(b"OOM"), "%s answers %r" % (words, reply))
        self.count += len(chosen)
        time.sleep(max(0.0, self.began + self.count / WORLD_RATE - time.monotonic()))

    def rate(self):
        return self.count / (time.monotonic() - self.began)


class Transfers(MixClient):
    """Money from account to account by EXEC and by scripts; the sum stays."""

    @staticmethod
    def open_accounts(connection):
        connection.call("SELECT", MIX_DATABASE)
        for number in range(ACCOUNTS):
            connection.call("SET", "account:%d" % number, OPENING_BALANCE)

    def step(self):
        self.random.choice([self.by_exec, self.by_script, self.by_script, self.look, self.look_by_script,
                            self.others])()

    def pick(self):
        return [*self.random.sample(range(ACCOUNTS), 2), self.random.randrange(50)]

    def by_exec(self):
        source, target, amount = self.pick()
        self.call("MULTI")
        self.call("DECRBY", "account:%d" % source, amount)
        self.call("INCRBY", "account:%d" % target, amount)
        self.call("EXEC")

    def by_script(self):
        self.call("EVAL", TRANSFER, 0, *self.pick())

    def look(self):
        reply = self.call("MGET", *["account:%d" % number for number in range(ACCOUNTS)])
        if reply is not None:
            self.check_sum(sum(int(item.value) for item in reply.value))

    def look_by_script(self):
        reply = self.call("EVAL", SUM, 0, ACCOUNTS)
        if reply is not None:
            self.check_sum(int(reply.value))

    def check_sum(self, found):
        self.check(found == ACCOUNTS * OPENING_BALANCE, "the accounts hold %d" % found)

    def others(self):
        """Several keys of different shards, values of the same writer."""
        names = ["%s:%d" % (self.name, number) for number in range(8)]
        mark = self.random.randrange(10 ** 9)
        if self.call("MSET", *[word for name in names for word in (name, mark)]) is None:
            return
        reply = self.call("MGET", *names)
        if reply is not None:
            found = {item.value for item in reply.value}
            self.check(found == {b"%d" % mark}, "MGET behind MSET gives %r" % found)


class Producer(MixClient):
    def __init__(self, server, seed):
        super().__init__(server, seed)
        self.pushed = 0

    def step(self):
        if self.call("RPUSH", "queue:in", self.pushed) is not None:
            self.pushed += 1
        if self.pushed % 20 == 0:
            time.sleep(0.005)


class Mover(MixClient):
    def step(self):
        self.call("BLMOVE", "queue:in", "queue:out", "LEFT", "RIGHT", "0.2")


class Consumer(MixClient):
    """Takes what was moved: every element once, in the order it came. Ends by itself when all of it is there."""

    def __init__(self, server, seed, producer):
        super().__init__(server, seed)
        self.producer = producer
        self.taken = 0

    def is_over(self):
        return self.problems or (self.stopping.is_set() and self.taken == self.producer.pushed)

    def step(self):
        reply = self.call("BLPOP", "queue:out", "0.2")
        if reply is None or reply.value is None:
            return
        found = int(reply.value[1].value)
        self.check(found == self.taken, "element %d came, %d was next" % (found, self.taken))
        self.taken += 1


class Mix:
    def __init__(self, server, seed):
        opener = server.connect(timeout=60.0)
        Transfers.open_accounts(opener)
        opener.close()
        producer = Producer(server, seed)
        self.world = WorldLocks(server, seed)
        self.movers = [Mover(server, seed)]
        self.consumer = Consumer(server, seed, producer)
        self.clients = [self.world, Transfers(server, seed, 1), Transfers(server, seed, 2), producer]
        for client in self.all():
            client.start()

    def all(self):
        return [*self.clients, *self.movers, self.consumer]

    def problems(self):
        return [problem for client in self.all() for problem in client.problems]

    def stop(self):
        """Ends them, the queue's end last. Returns what they did."""
        rate = self.world.rate()
        self.world.check(rate >= WORLD_RATE_MIN, "%.0f commands a second, %d wanted" % (rate, WORLD_RATE_MIN))
        for group in (self.clients, [self.consumer], self.movers):
            for client in group:
                client.stopping.set()
            for client in group:
                client.join(60)
                client.check(not client.is_alive(), "it does not end")
        counts = {"world_locks_per_s": round(rate), "queued": self.consumer.taken}
        for client in self.all():
            counts[client.name] = client.count
        return counts
