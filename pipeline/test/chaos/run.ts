// Kills engines, steps and clients at random moments, then lets all else happen that may, on one store. After each, nothing may be left,
// and the runs in between and after must be right. CHAOS_KILLS and CHAOS_FAULTS say how often.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeBase } from '../system/conformance/base.ts';
import { traces, until } from '../system/processes.ts';
import { FAULTS } from './faults.ts';
import { kill, VICTIM_NAMES, type Victim } from './kills.ts';
import { Scene } from './scene.ts';

const KILLS = Number(process.env.CHAOS_KILLS || 100);
/** Of each kind. */
const FAULTS_EACH = Number(process.env.CHAOS_FAULTS || 10);

const folder = await mkdtemp(join(tmpdir(), 'drydock-chaos-'));
try {
  const scene = new Scene(join(folder, 'cache'), await makeBase(folder));
  const before = JSON.stringify(traces());
  let marks = 0;
  /** What others do on this machine goes away again; what is left of us would stay. */
  const look = () =>
    until(() => JSON.stringify(traces()) === before, 'all is as it was').catch(() => {
      marks += 1;
    });
  await scene.check('before');

  const killed = new Map<Victim, number>();
  for (let round = 0; round < KILLS; round += 1) {
    const victim = VICTIM_NAMES[round % VICTIM_NAMES.length] ?? 'engine';
    if (await kill(scene, victim)) killed.set(victim, (killed.get(victim) ?? 0) + 1);
    await look();
    if (round % 10 === 9) await scene.check(`after ${round + 1} kills`);
  }
  const total = [...killed.values()].reduce((sum, count) => sum + count, 0);
  const kinds = [...killed].map(([victim, count]) => `${victim} ${count}`).join(', ');
  console.log(`${total} kills at random moments (${kinds}) in ${KILLS} rounds`);

  for (const [name, happen] of Object.entries(FAULTS)) {
    for (let round = 0; round < FAULTS_EACH; round += 1) {
      await happen(scene, round);
      await look();
    }
    console.log(`${FAULTS_EACH} × ${name}`);
  }

  await scene.check('last');
  const { right, wrong } = scene;
  const left = scene.leftovers();
  console.log(`${right} of ${right + wrong.length} runs in between and after were right`);
  console.log(
    `mounts or interfaces left after a round: ${marks}; temporary folders or leases at the end: ${left.length}`,
  );
  for (const line of wrong) console.log(line);
  process.exitCode = wrong.length + marks + left.length === 0 ? 0 : 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}
