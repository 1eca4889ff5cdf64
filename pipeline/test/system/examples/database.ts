// Integration tests against a server that lives for the run: a small key-value database as a service, bound to the tests by name.
import { connection, dag } from '@dagger.io/dagger';
import { pinned } from '../../../src/pins.ts';

const SERVER = `
const { createServer } = require('node:net');
const { createInterface } = require('node:readline');
const values = new Map();
createServer((socket) => {
  createInterface({ input: socket }).on('line', (line) => {
    const [verb, key, value] = line.split(' ');
    if (verb === 'SET') values.set(key, value);
    socket.write((verb === 'GET' ? (values.get(key) ?? '(nil)') : 'OK') + '\\n');
  });
}).listen(6379);
`;
const TESTS = `
import assert from 'node:assert';
import { once } from 'node:events';
import { connect } from 'node:net';
import test from 'node:test';
const ask = async (line) => {
  const socket = connect(6379, 'database');
  socket.write(line + '\\n');
  const [answer] = await once(socket, 'data');
  socket.end();
  return String(answer).trim();
};
test('a value is kept between connections', async () => {
  assert.equal(await ask('SET colour green'), 'OK');
  assert.equal(await ask('GET colour'), 'green');
});
test('an unknown key is nothing', async () => assert.equal(await ask('GET shape'), '(nil)'));
`;

await connection(async () => {
  const node = dag.container().from(pinned('node'));
  const database = node
    .withNewFile('/srv/server.cjs', SERVER)
    .withExposedPort(6379)
    .asService({ args: ['node', '/srv/server.cjs'] });
  const tested = node
    .withNewFile('/src/database.test.js', TESTS)
    .withWorkdir('/src')
    .withServiceBinding('database', database)
    .withExec(['node', '--test', '--test-reporter', 'tap', 'database.test.js']);
  const summary = (await tested.stdout()).split('\n').filter((line) => /^# (pass|fail) /.test(line));
  console.log(JSON.stringify(summary));
});
