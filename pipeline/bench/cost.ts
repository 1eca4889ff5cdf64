// What a process costs, in seconds.
import { $ } from 'zx';

export type ProcessCost = { wall: number; cpu: number };
type Where = { cwd: string; env: NodeJS.ProcessEnv };

/** Of a process and all that it started and waited for; bash counts them. */
export async function costOfProcess(words: readonly string[], where: Where): Promise<ProcessCost> {
  const script = 'TIMEFORMAT="%R %U %S"; time "$@" >/dev/null 2>&1';
  const { stderr } = await $({ ...where, quiet: true })`bash -c ${script} bash ${words}`;
  const [wall = Number.NaN, user = Number.NaN, system = Number.NaN] = stderr.trim().split(' ').map(Number);
  return { wall, cpu: user + system };
}

export const median = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
