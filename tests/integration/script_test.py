"""Scripts that do not end, and what all workers answer meanwhile."""

import time
from concurrent.futures import ThreadPoolExecutor, as_completed

from case import ServerCase

BUSY = "-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."
CLIENTS = 12  # More than workers.
PATIENCE = 20


class BusyScript(ServerCase):
    def busy(self, script, *keys):
        """A server of four workers with a script that is busy; its client, and others of all workers."""
        server = self.start("--io-threads", "4", "--busy-reply-threshold", "10")
        runner = server.connect(timeout=60)
        others = [server.connect(timeout=PATIENCE) for _ in range(CLIENTS)]
        for number, client in enumerate(others):
            if number % 2 == 0:
                self.assertEqual("+OK", repr(client.call("WATCH", *keys, "another")))
        runner.send([b"EVAL", script.encode(), str(len(keys)).encode(), *[key.encode() for key in keys]])
        deadline = time.monotonic() + PATIENCE
        while repr(others[0].call("PING")) != BUSY:
            self.assertLess(time.monotonic(), deadline)
        return server, runner, others

    def look_beside(self, others):
        """What redis-server answers in that state."""
        for client in others:
            for words, reply in ((["UNWATCH"], "+OK"), (["WATCH", "key", "another"], "+OK"), (["MULTI"], "+OK"),
                                 (["SET", "key", "1"], BUSY), (["DISCARD"], "+OK"), (["WATCH", "key"], "+OK"),
                                 (["MULTI"], "+OK"),
                                 (["EXEC"], "-EXECABORT Transaction discarded because of: " + BUSY[1:]),
                                 (["WATCH", "key"], "+OK"), (["GET", "key"], BUSY), (["RESET"], "+RESET")):
                self.assertEqual(reply, repr(client.call(*words)), words)

    def check_nothing_is_watched(self, client):
        deadline = time.monotonic() + PATIENCE
        while client.call("INFO", "clients").value.find(b"total_watched_keys:0\r\n") < 0:
            self.assertLess(time.monotonic(), deadline)

    def test_every_worker_serves_transactions_beside_a_script_with_their_key(self):
        self.ours_only("it has one worker")
        _, runner, others = self.busy("while true do end", "key")
        self.look_beside(others)
        others.pop().close()  # With nothing watched, and below with something.
        self.assertEqual("+OK", repr(others[0].call("WATCH", "key")))
        others.pop(0).close()
        self.assertEqual("+OK", repr(others[0].call("SCRIPT", "KILL")))
        self.assertIn("Script killed by user", repr(runner.read()))
        self.check_nothing_is_watched(others[0])

    def test_every_worker_serves_transactions_beside_a_script_that_has_the_node(self):
        self.ours_only("it has one worker")
        _, runner, others = self.busy("redis.call('get', 'not declared') while true do end")
        self.look_beside(others)
        self.assertEqual("+OK", repr(others[0].call("SCRIPT", "KILL")))
        self.assertIn("Script killed by user", repr(runner.read()))
        self.check_nothing_is_watched(others[0])

    def test_what_a_busy_script_writes_spoils_what_was_watched_beside_it(self):
        self.ours_only("it has one worker")
        script = """local function now() local t = redis.call('time') return t[1] * 1000 + t[2] / 1000 end
            local stop = now() + 1500 repeat until now() > stop redis.call('set', KEYS[1], 'x') return 'done'"""
        _, runner, others = self.busy(script, "key")
        for client in others:
            self.assertEqual("+OK", repr(client.call("UNWATCH")))
            self.assertEqual("+OK", repr(client.call("WATCH", "key")))
        self.assertEqual(b"done", self.value(runner.read()))
        for number, client in enumerate(others):
            # One that watches nothing any more is not concerned.
            if number == 0:
                self.assertEqual("+OK", repr(client.call("UNWATCH")))
            self.assertEqual("+OK", repr(client.call("MULTI")))
            self.assertEqual("+QUEUED", repr(client.call("GET", "key")))
            self.assertEqual('*1\n  "x"' if number == 0 else "*-1", repr(client.call("EXEC")))
        self.check_nothing_is_watched(others[0])

    def test_a_script_that_becomes_busy_amid_reads_and_writes_disorders_nothing(self):
        self.ours_only("it has one worker")
        server = self.start("--io-threads", "2", "--busy-reply-threshold", "6", "--enable-debug-command", "yes")
        clients = [server.connect(timeout=PATIENCE) for _ in range(4 * CLIENTS)]
        of_worker = [[client for client in clients if int(self.value(client.call("CLIENT", "ID"))) % 2 == worker]
                     for worker in (0, 1)]
        runner, killer = of_worker[0][:2]
        sleeper, *others = of_worker[1]
        large = b"x" * (1 << 20)
        self.assertEqual("+OK", repr(runner.call("SET", "large", large)))
        script = b"redis.call('get', 'not declared') while true do end"
        busy = 0
        for _ in range(20):
            sleeper.send([b"DEBUG", b"SLEEP", b"0.05"])  # All that follows is read and answered together.
            for client in others:
                client.send([b"GET", b"large"])
            self.assertEqual("+OK", repr(sleeper.read()))
            runner.send([b"EVAL", script, b"0"])  # While the kernel copies the replies.
            for client in others:
                client.send([b"ECHO", b"after"])
            with ThreadPoolExecutor(len(others)) as pool:
                reading = [pool.submit(lambda client: [client.read(), client.read()], client) for client in others]
                # The one whose request the worker was about to execute waits for the script.
                for _, future in zip(others[1:], as_completed(reading, timeout=PATIENCE)):
                    future.result()
                self.assertEqual("+OK", repr(killer.call("SCRIPT", "KILL")))
                for reply, after in [future.result() for future in reading]:
                    self.assertTrue(reply.value == large or repr(reply) == BUSY)
                    self.assertIn(repr(after), (BUSY, '"after"'))
                    busy += repr(after) == BUSY
            self.assertIn("Script killed by user", repr(runner.read()))
        self.assertGreater(busy, 0)

    def test_who_was_read_together_with_a_busy_script_is_answered_beside_it(self):
        server = self.start("--busy-reply-threshold", "10", "--enable-debug-command", "yes", "--io-threads", "1")
        sleeper, runner, *others = [server.connect(timeout=PATIENCE) for _ in range(CLIENTS)]
        for client in others:
            self.assertEqual("+PONG", repr(client.call("PING")))
        sleeper.send([b"DEBUG", b"SLEEP", b"0.3"])  # All that follows waits to be read when it ends.
        runner.send([b"EVAL", b"while true do end", b"0"])
        for client in others:
            client.send([b"PING"])
        self.assertEqual("+OK", repr(sleeper.read()))
        for client in others:
            self.assertIn(repr(client.read()), (BUSY, "+PONG"))  # Who stands before the script in that poll, +PONG.
        self.assertEqual("+OK", repr(others[0].call("SCRIPT", "KILL")))
        self.assertIn("Script killed by user", repr(runner.read()))
        for client in others:
            self.assertEqual("+PONG", repr(client.call("PING")))
