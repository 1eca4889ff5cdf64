// What may be done where steps are not isolated from each other.
import { expect, test } from 'vitest';
import { isolationFault } from '../../src/core/isolation.ts';
import type { AskedStage, EngineFacts } from '../../src/core/model.ts';

const isolated: EngineFacts = { kind: 'embedded', why: 'asked for' };
const shared: EngineFacts = {
  ...isolated,
  notIsolated: { reason: 'unshare failed', hint: 'docker run --cap-add SYS_ADMIN IMAGE' },
};

const cases: [what: string, engine: EngineFacts | null, asked: AskedStage[], said: RegExp | null][] = [
  ['checks', shared, ['lint', 'test', 'build', 'sbom', 'scan', 'gate'], null],
  ['a look at what was delivered', shared, ['verify'], null],
  ['a push', shared, ['lint', 'gate', 'publish'], /\(publish\).*: unshare failed$/],
  ['a delivery', shared, ['publish', 'sign', 'smoke', 'promote'], /\(publish, sign, smoke, promote\)/],
  ['a way back', shared, ['rollback'], /rollback/],
  ['a deployment', shared, ['build', 'smoke'], /smoke/],
  ['a delivery of steps that are isolated', isolated, ['publish', 'smoke'], null],
  ['a delivery by the module', null, ['publish'], null],
];

test.each(cases)('%s', (_, engine, asked, said) => {
  const fault = isolationFault(engine, asked);
  if (said === null) expect(fault).toBeUndefined();
  else
    expect(fault).toMatchObject({
      code: 'NO_ENGINE',
      message: expect.stringMatching(said),
      hint: expect.stringMatching(/docker run --cap-add/),
    });
});
