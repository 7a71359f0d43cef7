// redis (node-redis) in RESP3, with its client-side cache.
import assert from 'node:assert/strict';
import { BasicClientSideCache, WatchError, createClient } from 'redis';
import { host, port, run, test, until } from './frame.mjs';

const options = { RESP: 3, socket: { host, port } };
const client = await createClient(options).connect();
const writer = await createClient(options).connect();

test('RESP3 shapes', async () => {
  assert.equal((await client.hello(3)).proto, 3);
  await client.hSet('h', { a: '1', b: '2' });
  assert.deepEqual({ ...(await client.hGetAll('h')) }, { a: '1', b: '2' });
  await client.zAdd('z', [{ score: 1.25, value: 'a' }, { score: Infinity, value: 'b' }]);
  assert.deepEqual((await client.zRangeWithScores('z', 0, -1)).map(({ score, value }) => [score, value]),
                   [[1.25, 'a'], [Infinity, 'b']]);
  assert.equal(await client.zScore('z', 'missing'), null);
  assert.equal(await client.get('missing'), null);
  await client.sAdd('s', ['x', 'y']);
  assert.deepEqual([...(await client.sMembers('s'))].sort(), ['x', 'y']);
  await assert.rejects(client.lPush('h', 'x'), /WRONGTYPE/);
  assert.equal((await client.configGet('maxmemory')).maxmemory, '0');
});

test('WATCH notices another client', async () => {
  await client.set('w', '1');
  const other = await createClient(options).connect();
  await other.watch('w');
  await writer.set('w', '2');
  await assert.rejects(other.multi().set('w', '3').exec(), WatchError);
  assert.equal(await client.get('w'), '2');
  assert.deepEqual(await other.multi().incr('w').get('w').exec(), [3, '3']);
  other.destroy();
});

test('the client-side cache serves, and never a stale value for long', async () => {
  const cache = new BasicClientSideCache({ ttl: 0, maxEntries: 0 });
  const cached = await createClient({ ...options, clientSideCache: cache }).connect();
  await writer.set('cached', '0');
  assert.equal(await cached.get('cached'), '0');
  const hits = cache.stats().hitCount;
  for (let i = 0; i < 10; i += 1) assert.equal(await cached.get('cached'), '0');
  assert.equal(cache.stats().hitCount, hits + 10);
  for (let i = 1; i <= 200; i += 1) {
    await writer.set('cached', String(i));
    await until(async () => (await cached.get('cached')) === String(i), `value ${i}`);
  }
  await writer.flushDb();
  await until(async () => (await cached.get('cached')) === null, 'the flush');
  cached.destroy();
});

test('the cache of several clients under writers on every worker', async () => {
  const readers = await Promise.all(Array.from({ length: 4 }, () => createClient(
    { ...options, clientSideCache: new BasicClientSideCache({ ttl: 0, maxEntries: 0 }) }).connect()));
  const writers = await Promise.all(Array.from({ length: 4 }, () => createClient(options).connect()));
  const keys = Array.from({ length: 20 }, (_, i) => `many:${i}`);
  for (let round = 0; round < 20; round += 1) {
    await Promise.all(writers.map((one, index) => Promise.all(
      keys.filter((_, key) => key % writers.length === index).map((key) => one.incr(key)))));
    await Promise.all(readers.flatMap((one) => keys.map((key) => one.get(key))));
  }
  for (const one of readers) {
    for (const key of keys) await until(async () => (await one.get(key)) === '20', `last value of ${key}`);
  }
  [...readers, ...writers].forEach((one) => one.destroy());
});

test('channels on the connection that also asks', async () => {
  const subscriber = await createClient(options).connect();
  const got = [];
  await subscriber.subscribe('news', (message) => got.push(message));
  await subscriber.pSubscribe('n*', (message, channel) => got.push(`${channel}:${message}`));
  await subscriber.sSubscribe('shard', (message) => got.push(`shard:${message}`));
  await subscriber.set('while-subscribed', 'yes');
  assert.equal(await subscriber.get('while-subscribed'), 'yes');
  await writer.publish('news', '1');
  await writer.sPublish('shard', '2');
  await until(() => got.length === 3, 'three messages');
  assert.deepEqual(got.sort(), ['1', 'news:1', 'shard:2']);
  subscriber.destroy();
});

test('scanning, scripts, blocking, streams', async () => {
  await client.flushDb();
  await client.mSet(Array.from({ length: 1000 }, (_, i) => [`k${i}`, 'v']));
  const found = new Set();
  for await (const keys of client.scanIterator({ COUNT: 50 })) for (const key of keys) found.add(key);
  assert.equal(found.size, 1000);
  const sha = await client.scriptLoad("return {KEYS[1], ARGV[1], redis.call('dbsize')}");
  assert.deepEqual(await client.evalSha(sha, { keys: ['a'], arguments: ['b'] }), ['a', 'b', 1000]);
  const blocked = await createClient(options).connect();
  const popped = blocked.blPop('list', 20);
  await writer.rPush('list', 'element');
  assert.equal((await popped).element, 'element');
  await client.xGroupCreate('x', 'g', '$', { MKSTREAM: true });
  const read = blocked.xReadGroup('g', 'c', { key: 'x', id: '>' }, { BLOCK: 20000 });
  const id = await writer.xAdd('x', '*', { f: 'v' });
  const answer = await read;
  assert.ok(JSON.stringify(answer).includes(id));
  blocked.destroy();
});

test('pipelined by promises from many connections', async () => {
  const clients = await Promise.all(Array.from({ length: 8 }, () => createClient(options).connect()));
  await Promise.all(clients.flatMap((one) => Array.from({ length: 500 }, () => one.incrBy('sum', 2))));
  assert.equal(await client.get('sum'), '8000');
  clients.forEach((one) => one.destroy());
});

await run();
