// Who keeps a service running, and when it goes: decided with services that only claim to run.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Instance, Services } from '../../../engine/run/services.ts';

/** A service that writes down what happens to it. */
function fake() {
  const events: string[] = [];
  let end: (reason: string) => void = () => {};
  const launch = async (): Promise<Instance> => {
    events.push('start');
    let resolve: (value: { reason: string }) => void = () => {};
    const ended = new Promise<{ reason: string }>((done) => {
      resolve = done;
    });
    end = (reason) => resolve({ reason });
    const stop = async ({ graceMs }: { graceMs: number }) => {
      events.push(`stop in ${graceMs}`);
      resolve({ reason: 'stopped' });
    };
    return { address: '10.87.128.1', ports: [], ended, stop };
  };
  return { events, launch, die: () => end('died') };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('a bound service', () => {
  test('is one for all who need it, and stays a while after the last', async () => {
    const services = new Services();
    const { events, launch } = fake();
    const [one, two] = await Promise.all([services.hold('web', launch), services.hold('web', launch)]);
    one.release();
    one.release();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(events).toEqual(['start']);
    two.release();
    await vi.advanceTimersByTimeAsync(9_000);
    const three = await services.hold('web', launch);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(events).toEqual(['start']);
    three.release();
    await vi.advanceTimersByTimeAsync(11_000);
    expect(events).toEqual(['start', 'stop in 10000']);
  });

  test('is started anew after it died', async () => {
    const services = new Services();
    const { events, launch, die } = fake();
    const hold = await services.hold('web', launch);
    die();
    expect(await hold.instance.ended).toEqual({ reason: 'died' });
    await vi.advanceTimersByTimeAsync(0);
    await services.hold('web', launch);
    expect(events).toEqual(['start', 'start']);
  });

  test('that cannot start fails for all who asked, and is tried again by the next', async () => {
    const services = new Services();
    const fails = vi.fn(async (): Promise<Instance> => Promise.reject(new Error('no')));
    const attempts = await Promise.allSettled([services.hold('web', fails), services.hold('web', fails)]);
    expect(attempts.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(fails).toHaveBeenCalledTimes(1);
    const { launch } = fake();
    await expect(services.hold('web', launch)).resolves.toBeDefined();
  });
});

describe('a started service', () => {
  test('stays without users until it is stopped', async () => {
    const services = new Services();
    const { events, launch } = fake();
    await services.start('web', launch);
    (await services.hold('web', launch)).release();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(events).toEqual(['start']);
    await services.stop('web', { kill: false });
    expect(await services.running('web')).toBeUndefined();
    await services.stop('web', { kill: false });
    await services.start('web', launch);
    expect(events).toEqual(['start', 'stop in 10000', 'start']);
  });

  test('stays also when it was about to go', async () => {
    const services = new Services();
    const { events, launch } = fake();
    (await services.hold('web', launch)).release();
    await services.start('web', launch);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(events).toEqual(['start']);
  });

  test('is killed where that is asked for', async () => {
    const services = new Services();
    const { events, launch } = fake();
    await services.start('web', launch);
    await services.stop('web', { kill: true });
    expect(events).toEqual(['start', 'stop in 0']);
  });
});

test('the end of the session stops all, and nothing starts after it', async () => {
  const services = new Services();
  const [one, two] = [fake(), fake()];
  await services.start('one', one.launch);
  await services.hold('two', two.launch);
  await services.close();
  expect([one.events, two.events]).toEqual([
    ['start', 'stop in 2000'],
    ['start', 'stop in 2000'],
  ]);
  await expect(services.start('three', fake().launch)).rejects.toThrow('ended');
});
