// What the operating system refuses is told in a sentence with a hint; what is our bug keeps its stack.
import { expect, test } from 'vitest';
import { asFault, describeFault } from '../../cli/faults.ts';
import { PipelineError } from '../../src/core/errors.ts';

const errno = (code: string, path?: string) =>
  Object.assign(new Error(`${code}: as the system says it`), { code, ...(path === undefined ? {} : { path }) });

const system: [code: string, fault: string, message: string, hint: string][] = [
  ['ENOSPC', 'NO_SPACE', 'the disk is full', 'free some space, or name another folder with --output'],
  ['EDQUOT', 'NO_SPACE', 'the disk quota is used up', 'free some space, or name another folder with --output'],
  ['EROFS', 'NO_PERMISSION', 'the file system is read-only', 'name a folder that can be written with --output'],
  ['EACCES', 'NO_PERMISSION', 'permission is denied', 'name a folder that you may write with --output'],
  ['EPERM', 'NO_PERMISSION', 'permission is denied', 'name a folder that you may write with --output'],
];
for (const [code, fault, message, hint] of system) {
  test(`${code} is ${fault}`, () => {
    expect(asFault(errno(code))).toMatchObject({ code: fault, exitCode: 3, message, hint });
    expect(asFault(errno(code, '/out/x'))?.message).toBe(`${message} (/out/x)`);
  });
  test(`${code} is found below what wraps it`, () => {
    const wrapped = new Error('writing failed', { cause: new Error('a layer between', { cause: errno(code, '/x') }) });
    expect(asFault(wrapped)).toMatchObject({ code: fault, message: `${message} (/x)` });
  });
}

const ours = new PipelineError('OFFLINE', 'node is not in the cache', 'run it once without --offline');
const selfish = new Error('its own cause');
selfish.cause = selfish;

const others: [name: string, thrown: unknown, fault: PipelineError | undefined][] = [
  ['one of ours is itself', ours, ours],
  ['one of ours is found below what wraps it', new Error('x', { cause: ours }), ours],
  ['an errno that a person can do nothing about', errno('EBADF'), undefined],
  ['an errno that is a word of JavaScript', errno('toString'), undefined],
  ['a bug', new TypeError('x is not a function'), undefined],
  ['a bug with a cause that is none of these', new Error('x', { cause: 'a text' }), undefined],
  ['an error that is its own cause', selfish, undefined],
  ['a text', 'a text', undefined],
  ['nothing', undefined, undefined],
];
for (const [name, thrown, fault] of others) test(`a fault: ${name}`, () => expect(asFault(thrown)).toBe(fault));

test('a full disk keeps what the system said as its cause', () => {
  const thrown = errno('ENOSPC');
  expect(asFault(thrown)?.cause).toBe(thrown);
});

test('one of ours is printed as a sentence and a hint', () => {
  expect(describeFault(ours, false)).toEqual({
    text: 'error: node is not in the cache\nhint: run it once without --offline\n',
    exitCode: 3,
  });
});

test('with --verbose, what caused it is printed as well', () => {
  const fault = new PipelineError('NO_ENGINE', 'it did not start', 'start it', { cause: new Error('ECONNREFUSED') });
  expect(describeFault(fault, true).text).toBe('error: it did not start\nhint: start it\ncause: ECONNREFUSED\n');
  expect(describeFault(fault, false).text).not.toContain('ECONNREFUSED');
  expect(describeFault(ours, true).text).not.toContain('cause:');
});

const REPORT = '\nthis is a bug in drydock: please report it with the lines above\n';

test('a bug is printed with its stack, and a wish', () => {
  const bug = new TypeError('x is not a function');
  expect(describeFault(bug, false)).toEqual({ text: `${bug.stack}${REPORT}`, exitCode: 1 });
  expect(bug.stack).toContain('faults.test.ts');
});

test('a bug is printed with the stacks of its causes', () => {
  const cause = new RangeError('the first of all');
  const bug = new Error('the last', { cause: new Error('the second', { cause }) });
  const { text } = describeFault(bug, false);
  expect(text).toContain(`caused by: ${cause.stack}`);
  expect(text.indexOf('the last')).toBeLessThan(text.indexOf('the second'));
  expect(describeFault(new Error('x', { cause: 'a text' }), false).text).toContain('caused by: a text');
});

const odd: [name: string, thrown: unknown, text: string][] = [
  ['a text', 'out of order', 'out of order'],
  ['nothing', undefined, 'undefined'],
  ['an error whose stack was taken', Object.assign(new Error('bare'), { stack: undefined }), 'bare'],
];
for (const [name, thrown, text] of odd) {
  test(`thrown by a bug: ${name}`, () =>
    expect(describeFault(thrown, false)).toEqual({ text: `${text}${REPORT}`, exitCode: 1 }));
}

test('an error that is its own cause is printed once', () => {
  expect(describeFault(selfish, false).text).toBe(`${selfish.stack}${REPORT}`);
});
