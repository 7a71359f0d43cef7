// rate-limiter-flexible: no more than the points, however many ask at once.
import assert from 'node:assert/strict';
import Redis from 'ioredis';
import { BurstyRateLimiter, RateLimiterRedis } from 'rate-limiter-flexible';
import { host, port, run, test } from './frame.mjs';

const clients = Array.from({ length: 6 }, () => new Redis(port, host, { enableOfflineQueue: true }));
const limiters = clients.map((storeClient) => new RateLimiterRedis({ storeClient, keyPrefix: 'rl', points: 30, duration: 60 }));

test('exactly as many as allowed', async () => {
  const asked = Array.from({ length: 120 }, (_, i) => limiters[i % limiters.length].consume('user'));
  const results = await Promise.allSettled(asked);
  assert.equal(results.filter((result) => result.status === 'fulfilled').length, 30);
  for (const { reason } of results.filter((result) => result.status === 'rejected')) {
    assert.equal(reason.remainingPoints, 0);
    assert.ok(reason.msBeforeNext > 0 && reason.msBeforeNext <= 60000);
  }
  assert.equal((await limiters[0].get('user')).consumedPoints, 120);
});

test('penalty, reward, block and delete', async () => {
  const [limiter] = limiters;
  assert.equal((await limiter.penalty('other', 5)).consumedPoints, 5);
  assert.equal((await limiter.reward('other', 2)).consumedPoints, 3);
  await limiter.block('other', 30);
  await assert.rejects(limiter.consume('other'), (result) => result.msBeforeNext > 20000);
  assert.equal(await limiter.delete('other'), true);
  assert.equal((await limiter.consume('other')).remainingPoints, 29);
});

test('points come back', async () => {
  const limiter = new RateLimiterRedis({ storeClient: clients[0], keyPrefix: 'short', points: 1, duration: 1 });
  await limiter.consume('k');
  const refused = await limiter.consume('k').catch((result) => result);
  await new Promise((resolve) => setTimeout(resolve, refused.msBeforeNext + 5));
  assert.equal((await limiter.consume('k')).consumedPoints, 1);
});

test('a burst beyond the rate', async () => {
  const storeClient = clients[1];
  const bursty = new BurstyRateLimiter(
    new RateLimiterRedis({ storeClient, keyPrefix: 'base', points: 2, duration: 60 }),
    new RateLimiterRedis({ storeClient, keyPrefix: 'burst', points: 3, duration: 60 }));
  const results = [];
  for (let i = 0; i < 6; i += 1) results.push(await bursty.consume('k').then(() => true, () => false));
  assert.deepEqual(results, [true, true, true, true, true, false]);
});

await run();
