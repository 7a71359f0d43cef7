// redlock on one node: locks exclude, are extended, run out and are given back.
import assert from 'node:assert/strict';
import Redis from 'ioredis';
import Redlock from 'redlock';
import { host, port, run, test } from './frame.mjs';

const clients = Array.from({ length: 8 }, () => new Redis(port, host));
const lockers = clients.map((client) => new Redlock([client], { retryCount: 500, retryDelay: 10, retryJitter: 10 }));
const impatient = new Redlock([clients[0]], { retryCount: 0 });

test('one holder at a time', async () => {
  let inside = 0;
  let rounds = 0;
  await Promise.all(lockers.map(async (locker) => {
    for (let i = 0; i < 10; i += 1) {
      const lock = await locker.lock('locks:shared', 10000);
      inside += 1;
      assert.equal(inside, 1);
      await clients[1].incr('inside');
      rounds += 1;
      inside -= 1;
      await lock.unlock();
    }
  }));
  assert.equal(rounds, 80);
  assert.equal(await clients[0].get('inside'), '80');
});

test('a held lock is refused, an extended one lives on', async () => {
  const lock = await lockers[0].lock('locks:held', 1000);
  await assert.rejects(impatient.lock('locks:held', 1000), /exceeded/i);
  const extended = await lock.extend(60000);
  assert.ok((await clients[0].pttl('locks:held')) > 30000);
  await extended.unlock();
  assert.equal(await clients[0].exists('locks:held'), 0);
});

test('a lock that ran out cannot be given back', async () => {
  const lock = await lockers[0].lock('locks:short', 60);
  const next = await lockers[1].lock('locks:short', 10000);
  await assert.rejects(lock.unlock());
  assert.equal(await clients[0].exists('locks:short'), 1);
  await next.unlock();
});

await run();
