// The log against real files and pipes.
import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { createLog, type Level } from '../src/log.ts';
import { fileLog, linesOf, temporaryDirectory } from './support.ts';

const levels: [threshold: Level, written: Level[]][] = [
  ['info', ['info', 'warn', 'error']],
  ['warn', ['warn', 'error']],
  ['error', ['error']],
];
for (const [threshold, written] of levels) {
  test(`log: level ${threshold}`, () => {
    const { log, lines } = fileLog(threshold);
    log.info('x');
    log.warn('x');
    log.error('x', { reason: 'a "quoted"\nreason' });
    expect(lines().map((line) => line.level)).toEqual(written);
    expect(lines().at(-1)).toMatchObject({ event: 'x', reason: 'a "quoted"\nreason' });
  });
}

const file = () => join(temporaryDirectory(), 'log');

test('log: an error is written before the call returns, after the lines it follows', () => {
  const path = file();
  const log = createLog('info', openSync(path, 'a'));
  log.info('before');
  log.error('failed');
  expect(linesOf(readFileSync(path, 'utf8')).map((line) => line.event)).toEqual(['before', 'failed']);
});

test('log: a line does not wait for the next one', async () => {
  const path = file();
  createLog('info', openSync(path, 'a')).info('alone');
  await vi.waitFor(() => expect(linesOf(readFileSync(path, 'utf8'))).toHaveLength(1), 5000);
});

test('log: much is written before it is flushed', () => {
  const path = file();
  const log = createLog('info', openSync(path, 'a'));
  for (let n = 0; n < 20; n += 1) log.info('long', { text: 'x'.repeat(1000) });
  expect(linesOf(readFileSync(path, 'utf8')).length).toBeGreaterThan(0);
});

test('log: without a reader it goes on, and says that it is not well', () => {
  const fd = openSync(file(), 'a');
  closeSync(fd);
  const log = createLog('info', fd);
  expect(log.healthy()).toBe(true);
  log.error('lost');
  expect(log.healthy()).toBe(false);
});

test('log: a full pipe loses lines, an emptied one takes them again', () => {
  const path = file();
  execFileSync('mkfifo', [path]);
  const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  const log = createLog('info', fd);
  log.error('too much', { text: 'x'.repeat(1024 * 1024) });
  expect(log.healthy()).toBe(false);
  readSync(fd, Buffer.alloc(1024 * 1024));
  log.error('fits');
  expect(log.healthy()).toBe(true);
});
