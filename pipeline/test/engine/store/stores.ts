// What the store's tests share: stores in folders that go away, and things put into them as the engine would.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { writeExecRecord } from '../../../engine/store/execs.ts';
import { Store, type StoreOptions } from '../../../engine/store/store.ts';

export function temporaryRoot(): string {
  const folder = mkdtempSync(join(tmpdir(), 'drydock-store-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'store');
}

/** A session on a store, ended with the test if the test does not end it. */
export function openStore(root: string, options: StoreOptions = {}): Store {
  const store = new Store(root, { budget: '1GB', ...options });
  const close = store.close.bind(store);
  let closed: Promise<void> | undefined;
  store.close = () => (closed ??= close());
  onTestFinished(() => store.close());
  return store;
}

export async function addLayer(store: Store, id: string, bytes = 10, exec?: string): Promise<void> {
  const folder = store.scratchFolder('layer');
  mkdirSync(join(folder, 'fs'));
  writeFileSync(join(folder, 'fs', 'file'), Buffer.alloc(bytes, id));
  await store.commitLayer(id, folder, exec);
}

/** A command's result with its layer, on top of other layers. */
export async function addExec(store: Store, key: string, below: string[] = [], bytes = 10): Promise<void> {
  const folder = store.scratchFolder('exec');
  for (const name of ['stdout', 'stderr', 'combined']) writeFileSync(join(folder, name), `${name} of ${key}`);
  await addLayer(store, `layer-${key}`, bytes, key);
  await writeExecRecord(key, folder, { exitCode: 0, layer: `layer-${key}`, mounts: {}, below });
  await store.commitExec(key, folder);
}
