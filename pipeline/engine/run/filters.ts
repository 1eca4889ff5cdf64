// The filters of system calls, as the runtime compiled them for a session's first step: to compile one takes crun half of the time in which it
// starts a step, so the next ones are handed what came of it.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where the first step's filter is put, in its bundle. */
const COPY = 'filter.bpf';
/** crun takes a compiled filter by this, in place of the profile. A version that does not know it compiles the profile, which is always there. */
const ANNOTATION = 'run.oci.seccomp_bpf_data';
const INSTRUCTION_BYTES = 8;

export class Filters {
  /** By profile, in base64. */
  readonly #known = new Map<string, string>();

  /** What to add to the specification of a step. `compiled` is where its runtime has the filter while the step runs. */
  addition(profile: string, compiled: string, bundle: string): object {
    const known = this.#known.get(profile);
    if (known !== undefined) return { annotations: { [ANNOTATION]: known } };
    // All of its input is read: a runtime that cannot write it is told so by a signal, and hands that to the step.
    const copy = `cp ${compiled} ${join(bundle, COPY)} 2>/dev/null; cat >/dev/null`;
    const env = [`PATH=${process.env.PATH ?? ''}`];
    return { hooks: { poststart: [{ path: '/bin/sh', args: ['sh', '-c', copy], env }] } };
  }

  /** To be told of each step that ran. */
  learn(profile: string, bundle: string): void {
    const file = join(bundle, COPY);
    if (this.#known.has(profile) || !existsSync(file)) return;
    const bytes = readFileSync(file);
    const isWhole = bytes.length > 0 && bytes.length % INSTRUCTION_BYTES === 0;
    if (isWhole) this.#known.set(profile, bytes.toString('base64'));
  }
}
