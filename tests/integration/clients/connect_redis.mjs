// connect-redis: sessions of express-session.
import assert from 'node:assert/strict';
import { RedisStore } from 'connect-redis';
import { createClient } from 'redis';
import { host, port, run, test } from './frame.mjs';

const client = await createClient({ socket: { host, port } }).connect();
const store = new RedisStore({ client, prefix: 'sess:', ttl: 100 });
const call = (method, ...args) => new Promise((resolve, reject) => {
  store[method](...args, (error, value) => (error ? reject(error) : resolve(value)));
});
const session = (user) => ({ user, cookie: { originalMaxAge: null, path: '/' } });

test('a session is kept with a deadline, touched and destroyed', async () => {
  await call('set', 'one', session('ann'));
  assert.equal((await call('get', 'one')).user, 'ann');
  assert.ok((await client.ttl('sess:one')) > 90);
  await client.expire('sess:one', 10);
  await call('touch', 'one', session('ann'));
  assert.ok((await client.ttl('sess:one')) > 90);
  await call('destroy', 'one');
  assert.ok(!(await call('get', 'one')));
});

test('a session in the past is not kept', async () => {
  await call('set', 'old', { user: 'x', cookie: { expires: new Date(Date.now() - 1000).toISOString() } });
  assert.ok(!(await call('get', 'old')));
});

test('all sessions are listed and cleared', async () => {
  for (let i = 0; i < 300; i += 1) await call('set', `s${i}`, session(`user${i}`));
  assert.equal(await call('length'), 300);
  assert.equal((await call('ids')).length, 300);
  assert.equal((await call('all')).length, 300);
  await call('clear');
  assert.equal(await call('length'), 0);
});

await run();
