// ioredis: what its users lean on, over several connections at once.
import assert from 'node:assert/strict';
import Redis from 'ioredis';
import { host, port, run, test, until } from './frame.mjs';

const redis = new Redis(port, host);
const other = new Redis(port, host);

test('values, bytes and types', async () => {
  assert.equal(await redis.set('s', 'grüße', 'EX', 100, 'NX'), 'OK');
  assert.equal(await redis.set('s', 'no', 'NX'), null);
  assert.equal(await redis.get('s'), 'grüße');
  const bytes = Buffer.from([0, 255, 13, 10, 0]);
  await redis.set('bytes', bytes);
  assert.deepEqual(await redis.getBuffer('bytes'), bytes);
  await redis.hset('h', { a: 1, b: 'two' });
  assert.deepEqual(await redis.hgetall('h'), { a: '1', b: 'two' });
  await redis.zadd('z', 1.5, 'm', '-inf', 'n');
  assert.deepEqual(await redis.zrange('z', 0, -1, 'WITHSCORES'), ['n', '-inf', 'm', '1.5']);
  await assert.rejects(redis.lpush('h', 'x'), /WRONGTYPE/);
});

test('a pipeline keeps its order and its errors apart', async () => {
  const pipeline = redis.pipeline();
  for (let i = 0; i < 1000; i += 1) pipeline.incr('counter');
  pipeline.lpush('h', 'x').get('counter');
  const results = await pipeline.exec();
  assert.equal(results.length, 1002);
  assert.deepEqual(results.slice(0, 1000).map(([, value]) => value), Array.from({ length: 1000 }, (_, i) => i + 1));
  assert.match(results[1000][0].message, /WRONGTYPE/);
  assert.equal(results[1001][1], '1000');
});

test('optimistic transfers lose nothing', async () => {
  await redis.mset('from', 200, 'to', 0);
  const clients = Array.from({ length: 8 }, () => new Redis(port, host));
  await Promise.all(clients.map(async (client) => {
    for (let done = 0; done < 25;) {
      await client.watch('from', 'to');
      const [from, to] = await client.mget('from', 'to');
      const result = await client.multi().set('from', Number(from) - 1).set('to', Number(to) + 1).exec();
      if (result !== null) done += 1;
    }
  }));
  assert.deepEqual(await redis.mget('from', 'to'), ['0', '200']);
  clients.forEach((client) => client.disconnect());
});

test('scripts as commands', async () => {
  redis.defineCommand('take', {
    numberOfKeys: 1,
    lua: "local n = tonumber(redis.call('get', KEYS[1]) or '0') if n < tonumber(ARGV[1]) then return {err='POOR'} end " +
         "return redis.call('decrby', KEYS[1], ARGV[1])",
  });
  await redis.set('purse', 10);
  assert.equal(await redis.take('purse', 4), 6);
  await assert.rejects(redis.take('purse', 7), /POOR/);
  await redis.script('FLUSH');
  assert.equal(await redis.take('purse', 1), 5);
});

test('blocked clients are served in turn', async () => {
  const waiters = Array.from({ length: 6 }, () => new Redis(port, host));
  const served = [];
  const waits = [];
  for (const [index, waiter] of waiters.entries()) {
    waits.push(waiter.blpop('queue', 20).then(([, value]) => served.push([index, value])));
    await until(async () => (await redis.info('clients')).includes(`blocked_clients:${index + 1}`), 'blocked');
  }
  for (let i = 0; i < waiters.length; i += 1) await other.rpush('queue', i);
  await Promise.all(waits);
  assert.deepEqual(served.sort(), waiters.map((_, index) => [index, String(index)]));
  assert.equal(await redis.blpop('queue', 0.05), null);
  waiters.forEach((waiter) => waiter.disconnect());
});

test('SCAN as a stream finds every key', async () => {
  await redis.flushdb();
  const wanted = new Set();
  const pipeline = redis.pipeline();
  for (let i = 0; i < 3000; i += 1) {
    wanted.add(`scan:${i}`);
    pipeline.set(`scan:${i}`, i);
  }
  await pipeline.exec();
  const found = new Set();
  for await (const keys of redis.scanStream({ match: 'scan:*', count: 100 })) keys.forEach((key) => found.add(key));
  assert.deepEqual(found, wanted);
});

test('channels and patterns', async () => {
  const subscriber = new Redis(port, host);
  const got = [];
  subscriber.on('message', (channel, message) => got.push(['m', channel, message]));
  subscriber.on('pmessage', (pattern, channel, message) => got.push(['p', pattern, channel, message]));
  assert.equal(await subscriber.subscribe('news', 'more'), 2);
  assert.equal(await subscriber.psubscribe('n?ws'), 3);
  assert.equal(await redis.publish('news', 'hello'), 2);
  for (let i = 0; i < 100; i += 1) await other.publish('more', i);
  await until(() => got.length === 102, 'all messages');
  assert.deepEqual(got.slice(0, 2).sort(), [['m', 'news', 'hello'], ['p', 'n?ws', 'news', 'hello']]);
  assert.deepEqual(got.slice(2).map((entry) => entry[2]), Array.from({ length: 100 }, (_, i) => String(i)));
  subscriber.disconnect();
});

test('a killed connection comes back, with its subscriptions', async () => {
  const subscriber = new Redis(port, host, { retryStrategy: () => 10 });
  const got = [];
  subscriber.on('message', (_, message) => got.push(message));
  await subscriber.subscribe('again');
  await redis.client('KILL', 'TYPE', 'pubsub');
  await until(async () => (await redis.publish('again', 'x')) !== null && got.length > 0, 'a message again');
  subscriber.disconnect();
});

test('auto pipelining over many connections', async () => {
  const clients = Array.from({ length: 8 }, () => new Redis(port, host, { enableAutoPipelining: true }));
  await Promise.all(clients.flatMap((client) => Array.from({ length: 500 }, () => client.incr('total'))));
  assert.equal(await redis.get('total'), '4000');
  clients.forEach((client) => client.disconnect());
});

test('users', async () => {
  await redis.acl('SETUSER', 'app', 'on', '>secret', '~app:*', '+@all', '-@dangerous');
  const app = new Redis({ port, host, username: 'app', password: 'secret' });
  assert.equal(await app.set('app:1', 'x'), 'OK');
  await assert.rejects(app.get('s'), /NOPERM/);
  await assert.rejects(app.flushall(), /NOPERM/);
  app.disconnect();
});

test('streams with a group', async () => {
  await redis.xgroup('CREATE', 'stream', 'workers', '$', 'MKSTREAM');
  const reader = new Redis(port, host);
  const wait = reader.xreadgroup('GROUP', 'workers', 'one', 'BLOCK', 20000, 'STREAMS', 'stream', '>');
  const id = await redis.xadd('stream', '*', 'field', 'value');
  assert.deepEqual(await wait, [['stream', [[id, ['field', 'value']]]]]);
  assert.equal(await redis.xack('stream', 'workers', id), 1);
  reader.disconnect();
});

await run();
