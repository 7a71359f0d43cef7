"""Random requests that are not about keys: users and their rules, settings, functions, scripts, tracking."""

USERS = [b"u1", b"u2", b"nobody", b""]
# Of categories only "all": 7.0 sums up what a user may do by a table of commands that ours has more of.
RULES = [
    b"on", b"off", b"nopass", b">pw", b">other", b"<pw", b"#" + b"a1" * 32, b"!" + b"a1" * 32, b"#x", b"resetpass",
    b"~*", b"~s*", b"%R~l*", b"%W~l*", b"%RW~h?", b"%~a", b"%X~a", b"allkeys", b"resetkeys", b"&*", b"&c*", b"allchannels",
    b"resetchannels", b"+get", b"-get", b"+set", b"+nothing", b"+config|get", b"-config|get", b"+config|x", b"-client|id",
    b"+@all", b"-@all", b"+@x", b"allcommands", b"nocommands", b"reset",
    b"(+get ~k*)", b"(+set %R~a &b)", b"(", b"(+x)", b"()", b"clearselectors", b"sanitize-payload",
    b"skip-sanitize-payload", b"", b"x", b">", b"~", b"&", b"+", b"+@", b"~a\x00b", b"+GET", b"ON"]

VALUES = [
    b"yes", b"no", b"YES", b"0", b"1", b"-1", b"2", b"10", b"100", b"512", b"1000", b"65536", b"1mb", b"1k", b"1gb", b"-2",
    b"10%", b"x", b" 1", b"1 ", b"1.5", b"99999999999", b"9223372036854775807", b"9223372036854775808", b"everysec",
    b"volatile-lru", b"noeviction", b"allkeys-lfu", b"notice", b"debug", b"clients", b"AKE", b"Kx", b"900 1", b"900",
    b"normal 0 0 0", b"pubsub 32mb 8mb 60", b"x 0 0 0", b"no-such-value", b"1 2"]
# What is left out of VALUES: "" and "kb" are 0 as sizes to Redis, and errors to us.
# Not set: they would move the server, take the tool's connection away or let it do what it does not do yet.
NOT_SET = set(
    "dir dbfilename port bind unixsocket unixsocketperm requirepass maxclients appendonly appenddirname replicaof "
    "masterauth masteruser logfile pidfile aclfile maxmemory maxmemory-clients client-query-buffer-limit "
    "proto-max-bulk-len save rdbcompression rdbchecksum tls-port tls-cert-file tls-key-file tls-key-file-pass "
    "tls-client-cert-file tls-client-key-file tls-client-key-file-pass tls-dh-params-file tls-ca-cert-file "
    "tls-ca-cert-dir tls-protocols tls-ciphers tls-ciphersuites tls-session-caching tls-session-cache-size "
    "tls-session-cache-timeout tls-prefer-server-ciphers tls-auth-clients tls-replication tls-cluster cluster-port "
    "notify-keyspace-events active-defrag activedefrag jemalloc-bg-thread oom-score-adj oom-score-adj-values "
    "server-cpulist server_cpulist bio-cpulist bio_cpulist aof-rewrite-cpulist aof_rewrite_cpulist bgsave-cpulist "
    "bgsave_cpulist bind-source-addr crash-log-enabled watchdog-period loglevel io-threads proc-title-template "
    "socket-mark-id client-output-buffer-limit repl-backlog-size".split())

LIBRARIES = [
    b"#!lua name=one\nredis.register_function('f', function(keys, args) return {#keys, #args, keys[1], args[1]} end)",
    b"#!lua name=one\nredis.register_function{function_name='g', callback=function(keys) "
    b"return redis.call('get', keys[1]) end, flags={'no-writes'}}",
    b"#!lua name=two\nredis.register_function('f', function() return redis.error_reply('MINE it failed') end)",
    b"#!lua name=two\nlocal n = 0 redis.register_function('count', function() n = n + 1 return n end)",
    b"#!lua name=three\nredis.register_function{function_name='w', callback=function(keys, args) "
    b"return redis.call('set', keys[1], args[1]) end, flags={'no-writes', 'allow-stale'}}",
    b"#!lua name=three\nredis.register_function('f', 1)", b"#!lua name=four\nreturn 1", b"#!lua name=five\nx = 1",
    b"#!lua name=six\nredis.call('get', 'x')", b"#!lua name=a-b\nreturn 1", b"#!lua\nreturn 1", b"#!js name=x\nreturn 1",
    b"return 1", b"", b"#!lua name=seven other=1\nreturn 1", b"#!lua name=eight\nfunction(", b"#!lua name=nine\n"
    b"redis.register_function('f g', function() end)", b"#!lua name=ten\nredis.register_function{callback=function() end}"]
SCRIPTS = [
    b"return 1", b"return {1, 2.9, 'x', false, nil, 3}", b"return redis.status_reply('FINE')", b"error('x')", b"error({err='E'})",
    b"return redis.error_reply('MINE')", b"return {err='My Err'}", b"return {ok='fine'}", b"return 'a' .. 1", b"return #KEYS",
    b"return KEYS[1]", b"return ARGV", b"return redis.sha1hex(ARGV[1] or '')", b"x = 1", b"return y", b"return redis.call()",
    b"return redis.call('nothing')", b"return redis.call('get')", b"return redis.pcall('incr', 's0')", b"return tostring(1e15)",
    b"return cjson.encode({1, 'a', {b=2}})", b"return cjson.decode('[1,2.5,null,{\"a\":\"b\"}]')", b"local r = cjson.decode('x') return r",
    b"return {bit.band(255, 15), bit.tohex(255)}", b"return cmsgpack.unpack(cmsgpack.pack({1, 'x'}))", b"return struct.pack('>I2', 5)",
    b"#!lua flags=no-writes\nreturn redis.call('set', 'a', 'b')", b"#!lua flags=x\nreturn 1", b"#!lua\nreturn 2", b"return (",
    b"redis.setresp(4)", b"return {map={a=1}}", b"return {double=1.5}",
    b"return redis.log(1)", b"redis.log(redis.LOG_DEBUG, 'x') return 'logged'", b"return string.rep('x', 5)", b"return math.floor(2.7)",
    b"local t = {} t[1] = 'a' t[3] = 'c' return t", b"return loadstring('return 5')()", b"return type(os.clock())", b"return {''}",
    b"return redis.REDIS_VERSION_NUM > 0", b"return tonumber('0x10')", b"return 1/0", b"return 0/0", b"return -0.5", b"return 2^53"]


class Administration:
    """Makes requests as Grammar does: a name that says how replies compare, and the words."""

    groups = ["acl", "settings", "function", "lua", "session"]

    def __init__(self, parameters):
        """`parameters`: the names and values the reference's CONFIG GET * lists."""
        self.parameters = {name: value for name, value in parameters.items() if name.decode() not in NOT_SET}
        self.names = sorted(self.parameters)

    def commands(self, random, values, group, any_command):
        """One request, or a few that belong together: a setting is set back. `any_command()` makes words of a request
        about keys."""
        if group == "settings":
            return self.setting(random)
        return [{"acl": self.acl, "function": self.function, "lua": self.lua, "session": self.session}[group](
            random, values, any_command)]

    def acl(self, random, _values, any_command):
        user = random.choice(USERS)
        form = random.randrange(8)
        if form < 4:
            words = [b"SETUSER", user] + [random.choice(RULES) for _ in range(random.randrange(6))]
        elif form == 4:
            words = [b"DRYRUN", user] + any_command()
        else:
            words = random.choice([[b"GETUSER", user], [b"LIST"], [b"USERS"], [b"DELUSER", b"u1"], [b"WHOAMI"], [b"CAT", b"x"],
                                   [b"GENPASS", b"0"], [b"GENPASS", b"5000"], [b"GETUSER"], [b"LOG", b"x"], [b"nothing"]])
        return "acl", [b"ACL"] + words

    def setting(self, random):
        name = random.choice(self.names)
        return [("config", [b"CONFIG", b"SET", name, random.choice(VALUES)]), ("config", [b"CONFIG", b"GET", name]),
                ("config", [b"CONFIG", b"SET", name, self.parameters[name]])]

    def function(self, random, values, _any_command):
        words = random.choice([
            lambda: [b"FUNCTION", b"LOAD"] + random.choice([[], [b"REPLACE"], [b"x"]]) + [random.choice(LIBRARIES)],
            lambda: [b"FUNCTION", b"DELETE", random.choice([b"one", b"two", b"three"])],
            lambda: [b"FUNCTION", b"LIST"] + random.choice([[], [b"WITHCODE"], [b"LIBRARYNAME", b"t*"], [b"LIBRARYNAME"], [b"x"]]),
            lambda: [b"FUNCTION", b"FLUSH"] + random.choice([[], [b"SYNC"], [b"x"]]),
            lambda: [random.choice([b"FCALL", b"FCALL_RO"]), random.choice([b"f", b"g", b"count", b"w", b"nothing"]),
                     random.choice([b"0", b"1", b"1", b"2", b"-1", b"x", b"9"]), values.key("string"), values.member()],
        ])()
        return "function", words

    def lua(self, random, values, _any_command):
        script = random.choice(SCRIPTS)
        tail = [random.choice([b"0", b"1", b"1", b"2", b"-1", b"x", b"9"]), values.key("string"), values.member()]
        words = random.choice([[b"EVAL", script] + tail, [b"EVAL", script, b"0"], [b"EVAL_RO", script] + tail,
                               [b"SCRIPT", b"LOAD", script], [b"SCRIPT", b"EXISTS", b"0" * 40, b"x"], [b"EVALSHA", b"0" * 40] + tail,
                               [b"SCRIPT", b"nothing"], [b"SCRIPT", b"KILL"], [b"SCRIPT", b"FLUSH", b"x"]])
        return "lua", words

    def session(self, random, values, _any_command):
        return "session", random.choice([
            [b"SELECT", values.database()], [b"SWAPDB", values.database(), values.database()], [b"FLUSHDB"], [b"FLUSHALL"],
            [b"FLUSHDB", b"x"], [b"DBSIZE"], [b"WATCH", values.key("string")], [b"UNWATCH"], [b"DISCARD"], [b"EXEC"],
            [b"MULTI", b"x"], [b"CLIENT", b"GETNAME"], [b"CLIENT", b"SETNAME", values.member()], [b"CLIENT", b"NO-EVICT", b"on"],
            [b"CLIENT", b"NO-EVICT", b"x"], [b"CLIENT", b"TRACKINGINFO"], [b"CLIENT", b"GETREDIR"], [b"CLIENT", b"CACHING", b"yes"],
            [b"CLIENT", b"TRACKING", b"x"], [b"CLIENT", b"TRACKING", b"on", b"REDIRECT", b"x"], [b"CLIENT", b"TRACKING", b"off"],
            [b"CLIENT", b"UNBLOCK", b"999"], [b"CLIENT", b"UNBLOCK", b"x"], [b"CLIENT", b"REPLY", b"x"], [b"CLIENT", b"REPLY", b"on"],
            [b"CLIENT", b"KILL", b"x"], [b"CLIENT", b"KILL", b"ID", b"x"], [b"CLIENT", b"LIST", b"TYPE", b"x"],
            [b"CLIENT", b"PAUSE", b"x"], [b"CLIENT", b"PAUSE", b"-1"], [b"CLIENT", b"UNPAUSE"], [b"CLIENT", b"nothing"],
            [b"ECHO", values.member()], [b"PING"], [b"PING", values.member()], [b"PING", b"a", b"b"], [b"AUTH", b"x"],
            [b"AUTH", b"default", b"x"], [b"HELLO", b"4"], [b"HELLO", b"x"], [b"HELLO", b"3", b"x"], [b"PUBLISH", b"c", b"m"],
            [b"OBJECT", b"FREQ", values.key("string")], [b"OBJECT", b"nothing", b"x"],
            [b"DEBUG", b"nothing"], [b"LATENCY", b"nothing"], [b"MEMORY", b"nothing"], [b"MEMORY", b"USAGE"],
            [b"SLOWLOG", b"LEN", b"x"], [b"SLOWLOG", b"GET", b"x"], [b"SLOWLOG", b"nothing"], [b"RESET"], [b"QUITE"], [b"", b"x"],
            [b"x" * 200, b"y" * 200], [b"get"], [b"GET", b"a", b"b"], [b"COMMAND", b"COUNT", b"x"],
            [b"READONLY"], [b"READWRITE"], [b"ASKING"], [b"CLUSTER", b"INFO"], [b"WAIT", b"0", b"1"], [b"WAIT", b"x", b"1"],
            [b"LOLWUT", b"VERSION", b"x"], [b"REPLICAOF", b"a"], [b"FAILOVER"], [b"MIGRATE", b"h", b"1", b"k", b"0", b"1"],
            [b"BGSAVE", b"x"], [b"SAVE", b"x"], [b"LASTSAVE", b"x"], [b"SHUTDOWN", b"x"], [b"INFO", b"nothing"]])
