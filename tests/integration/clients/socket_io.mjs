// @socket.io/redis-adapter: two socket.io servers are one, over channels and over shard channels.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { createAdapter, createShardedAdapter } from '@socket.io/redis-adapter';
import { createClient } from 'redis';
import { Server } from 'socket.io';
import { io } from 'socket.io-client';
import { host, port, run, test, until } from './frame.mjs';

async function startNode(makeAdapter) {
  const publisher = await createClient({ socket: { host, port } }).connect();
  const subscriber = await createClient({ socket: { host, port } }).connect();
  const http = createServer();
  const server = new Server(http, { adapter: makeAdapter(publisher, subscriber) });
  server.on('connection', (socket) => socket.on('join', async (room, done) => {
    await socket.join(room);
    done();
  }));
  await new Promise((resolve) => http.listen(0, host, resolve));
  return { server, url: `http://${host}:${http.address().port}` };
}

async function connect(node) {
  const socket = io(node.url, { transports: ['websocket'], reconnection: false });
  await new Promise((resolve, reject) => {
    socket.on('connect', resolve);
    socket.on('connect_error', reject);
  });
  return socket;
}

for (const [kind, makeAdapter] of [['channels', createAdapter], ['shard channels', createShardedAdapter]]) {
  test(`rooms, broadcasts and questions over ${kind}`, async () => {
    const nodes = await Promise.all([startNode(makeAdapter), startNode(makeAdapter)]);
    const [one, two, three] = await Promise.all([connect(nodes[0]), connect(nodes[1]), connect(nodes[1])]);
    for (const socket of [one, two]) await new Promise((resolve) => socket.emit('join', 'room', resolve));
    await until(async () => (await nodes[0].server.fetchSockets()).length === 3, 'all sockets are seen');
    const got = [];
    for (const [name, socket] of [['one', one], ['two', two], ['three', three]]) {
      socket.on('hello', (value) => got.push(`${name}:${value}`));
    }
    nodes[0].server.to('room').emit('hello', 1);
    await until(() => got.length === 2, 'the room');
    nodes[1].server.emit('hello', 2);
    await until(() => got.length === 5, 'everybody');
    assert.deepEqual(got.sort(), ['one:1', 'one:2', 'three:2', 'two:1', 'two:2']);
    assert.deepEqual((await nodes[0].server.in('room').fetchSockets()).map((socket) => socket.id).sort(),
                     [one.id, two.id].sort());
    nodes[1].server.on('ask', (value, answer) => answer(value * 2));
    assert.deepEqual(await nodes[0].server.serverSideEmitWithAck('ask', 21), [42]);
    [one, two, three].forEach((socket) => socket.disconnect());
    await Promise.all(nodes.map((node) => node.server.close()));
  });
}

await run();
