// Watches its client, and is then too busy to see anything for some seconds, or for ever: `tsx stuck.ts SECONDS`.
import { endOfClient } from '../../../../engine/client.ts';

const seconds = Number(process.argv[2]);
void endOfClient({ beatSeconds: 0.2, silentSeconds: 1 }).then(() => process.exit(7));
setTimeout(() => {
  process.stdout.write('stuck\n');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, seconds * 1000);
  process.stdout.write('free\n');
}, 500);
