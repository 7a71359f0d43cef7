"""python3-redis: what its users lean on. Arguments: the port of a server on 127.0.0.1. Output as frame.mjs says."""

import sys
import threading
import traceback

import redis

PORT = int(sys.argv[1])
WAIT_SECONDS = 20


def connect(**options):
    return redis.Redis("127.0.0.1", PORT, decode_responses=True, **options)


def in_threads(count, work):
    """Runs work(index) in threads; raises the first error one of them had."""
    errors = []

    def guarded(index):
        try:
            work(index)
        except Exception as error:  # Told by the main thread.
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_SECONDS)
    if errors:
        raise errors[0]
    assert not any(thread.is_alive() for thread in threads)


def values_and_types(client):
    assert client.set("s", "grüße", ex=100, nx=True)
    assert client.set("s", "no", nx=True) is None
    assert client.get("s") == "grüße"
    assert client.hset("h", mapping={"a": 1, "b": "two"}) == 2
    assert client.hgetall("h") == {"a": "1", "b": "two"}
    client.zadd("z", {"m": 1.5, "n": float("-inf")})
    assert client.zrange("z", 0, -1, withscores=True) == [("n", float("-inf")), ("m", 1.5)]
    assert redis.Redis("127.0.0.1", PORT).setrange("bytes", 3, b"\xff\x00") == 5
    assert redis.Redis("127.0.0.1", PORT).get("bytes") == b"\x00\x00\x00\xff\x00"
    try:
        client.lpush("h", "x")
        raise AssertionError("a list operation on a hash was accepted")
    except redis.ResponseError as error:
        assert "WRONGTYPE" in str(error)


def pipeline_and_transaction(client):
    pipe = client.pipeline(transaction=False)
    for _ in range(1000):
        pipe.incr("counter")
    assert pipe.execute() == list(range(1, 1001))
    client.set("balance", 0)

    def add_ten(_):
        mine = connect()
        for _ in range(10):
            mine.transaction(lambda pipe: pipe.multi() or pipe.set("balance", int(own(pipe, "balance")) + 1), "balance")

    def own(pipe, key):
        return connect().get(key)

    in_threads(6, add_ten)
    assert client.get("balance") == "60"


def locks(client):
    total = []

    def work(_):
        mine = connect()
        for _ in range(10):
            with mine.lock("lock", timeout=30, blocking_timeout=WAIT_SECONDS, sleep=0.005):
                value = int(mine.get("guarded") or 0)
                mine.set("guarded", value + 1)
                total.append(value)

    in_threads(6, work)
    assert sorted(total) == list(range(60))
    assert client.exists("lock") == 0


def channels(client):
    listener = connect().pubsub()
    listener.subscribe("news")
    listener.psubscribe("n*")
    kinds = [listener.get_message(timeout=WAIT_SECONDS)["type"] for _ in range(2)]
    assert kinds == ["subscribe", "psubscribe"]
    assert client.publish("news", "hello") == 2
    got = [listener.get_message(timeout=WAIT_SECONDS) for _ in range(2)]
    assert sorted(message["type"] for message in got) == ["message", "pmessage"]
    assert all(message["data"] == "hello" for message in got)


def scripts(client):
    add = client.register_script("return redis.call('incrby', KEYS[1], ARGV[1])")
    assert add(keys=["n"], args=[5]) == 5
    client.script_flush()
    assert add(keys=["n"], args=[2]) == 7


def queues_and_streams(client):
    results = []
    taker = threading.Thread(target=lambda: results.append(connect().brpop(["q1", "q2"], timeout=WAIT_SECONDS)))
    taker.start()
    client.lpush("q2", "job")
    taker.join(WAIT_SECONDS)
    assert results == [("q2", "job")]
    client.xgroup_create("x", "g", mkstream=True)
    entry = client.xadd("x", {"f": "v"})
    assert client.xreadgroup("g", "c", {"x": ">"}, block=1000) == [["x", [(entry, {"f": "v"})]]]
    assert client.xpending("x", "g")["pending"] == 1
    assert client.xack("x", "g", entry) == 1


def scanning(client):
    wanted = {"scan:%d" % number for number in range(3000)}
    client.mset({key: "v" for key in wanted})
    assert set(client.scan_iter("scan:*", count=100)) == wanted
    client.hset("big", mapping={str(number): number for number in range(2000)})
    assert len(dict(client.hscan_iter("big"))) == 2000


def administration(client):
    assert client.info("server")["redis_version"]
    assert client.config_get("maxmemory") == {"maxmemory": "0"}
    client.acl_setuser("app", enabled=True, passwords=["+secret"], keys=["app:*"], commands=["+get", "+set"])
    app = connect(username="app", password="secret")
    app.set("app:1", "x")
    try:
        app.get("s")
        raise AssertionError("a key outside of the user's patterns was read")
    except redis.exceptions.NoPermissionError:
        pass
    assert any(entry["id"] == str(client.client_id()) for entry in client.client_list())


def main():
    failed = 0
    for case in (values_and_types, pipeline_and_transaction, locks, channels, scripts, queues_and_streams, scanning,
                 administration):
        try:
            case(connect())
            print("ok %s" % case.__name__, flush=True)
        except Exception:
            failed += 1
            print("FAIL %s: %s" % (case.__name__, traceback.format_exc().strip().replace("\n", " ")), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
