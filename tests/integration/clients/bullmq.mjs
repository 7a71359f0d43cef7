// BullMQ: jobs are done once each, delayed ones not too early, repeated and rate-limited as asked, failures retried.
import assert from 'node:assert/strict';
import { Queue, QueueEvents, Worker } from 'bullmq';
import { host, port, run, test, until } from './frame.mjs';

const connection = { host, port, maxRetriesPerRequest: null };
const open = [];
function keep(thing) {
  open.push(thing);
  return thing;
}
async function closeAll() {
  await Promise.all(open.splice(0).map((thing) => thing.close(true)));
}

test('four workers do each job once', async () => {
  const queue = keep(new Queue('plain', { connection }));
  const done = new Map();
  const work = async (job) => {
    done.set(job.data.n, (done.get(job.data.n) ?? 0) + 1);
    return job.data.n * 2;
  };
  for (let i = 0; i < 4; i += 1) keep(new Worker('plain', work, { connection, concurrency: 5 }));
  await queue.addBulk(Array.from({ length: 400 }, (_, n) => ({ name: 'double', data: { n } })));
  await until(async () => (await queue.getCompletedCount()) === 400, '400 jobs done');
  assert.equal(done.size, 400);
  assert.ok([...done.values()].every((times) => times === 1));
  assert.deepEqual(await queue.getJobCounts('wait', 'active', 'failed'), { wait: 0, active: 0, failed: 0 });
  await closeAll();
});

test('the result is waited for', async () => {
  const queue = keep(new Queue('results', { connection }));
  const events = keep(new QueueEvents('results', { connection }));
  await events.waitUntilReady();
  keep(new Worker('results', async (job) => `${job.name}!`, { connection }));
  const job = await queue.add('hello', {});
  assert.equal(await job.waitUntilFinished(events, 20000), 'hello!');
  await closeAll();
});

test('a delayed job comes late, others do not', async () => {
  const queue = keep(new Queue('delayed', { connection }));
  const order = [];
  keep(new Worker('delayed', async (job) => order.push([job.name, Date.now() - job.timestamp]), { connection }));
  await queue.add('late', {}, { delay: 400 });
  await queue.add('now', {});
  await until(() => order.length === 2, 'both jobs');
  assert.deepEqual(order.map(([name]) => name), ['now', 'late']);
  assert.ok(order[1][1] >= 399, `after ${order[1][1]} ms`);
  await closeAll();
});

test('a repeated job', async () => {
  const queue = keep(new Queue('repeated', { connection }));
  let count = 0;
  keep(new Worker('repeated', async () => { count += 1; }, { connection }));
  await queue.upsertJobScheduler('beat', { every: 100 });
  await until(() => count >= 4, 'four rounds');
  assert.ok(await queue.removeJobScheduler('beat'));
  await closeAll();
});

test('a rate limit', async () => {
  const queue = keep(new Queue('limited', { connection }));
  const times = [];
  await queue.addBulk(Array.from({ length: 12 }, (_, n) => ({ name: 'job', data: { n } })));
  const limiter = { max: 4, duration: 500 };
  keep(new Worker('limited', async () => times.push(Date.now()), { connection, limiter, concurrency: 12 }));
  await until(() => times.length === 12, 'twelve jobs');
  assert.ok(times[11] - times[0] >= 900, `all within ${times[11] - times[0]} ms`);
  await closeAll();
});

test('failures are retried, then kept', async () => {
  const queue = keep(new Queue('failing', { connection }));
  let attempts = 0;
  keep(new Worker('failing', async (job) => {
    attempts += 1;
    if (job.name === 'never' || attempts < 3) throw new Error('not yet');
  }, { connection }));
  await queue.add('third', {}, { attempts: 3, backoff: { type: 'fixed', delay: 20 } });
  await until(async () => (await queue.getCompletedCount()) === 1, 'the third attempt');
  assert.equal(attempts, 3);
  await queue.add('never', {}, { attempts: 2 });
  await until(async () => (await queue.getFailedCount()) === 1, 'the failure');
  assert.equal((await queue.getFailed())[0].failedReason, 'not yet');
  await closeAll();
});

test('priorities, pause and obliterate', async () => {
  const queue = keep(new Queue('ranked', { connection }));
  const order = [];
  await queue.add('b', {}, { priority: 2 });
  await queue.add('c', {}, { priority: 3 });
  await queue.add('a', {}, { priority: 1 });
  await queue.pause();
  keep(new Worker('ranked', async (job) => order.push(job.name), { connection }));
  await queue.resume();
  await until(() => order.length === 3, 'three jobs');
  assert.deepEqual(order, ['a', 'b', 'c']);
  await queue.obliterate({ force: true });
  assert.equal(await queue.count(), 0);
  await closeAll();
});

await run();
