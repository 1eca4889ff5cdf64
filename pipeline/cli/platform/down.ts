// Stops what `up` has started. The data stays, unless it is to go as well.
import { EXIT, PipelineError } from '../../src/core/errors.ts';
import { asLines } from '../../src/core/safe-text.ts';
import type { DownInvocation } from '../arguments.ts';
import type { Terminal } from '../terminal.ts';
import { openDocker } from './docker.ts';
import { Project } from './project.ts';
import { PROJECT } from './up.ts';

export async function down({ volumes }: DownInvocation, root: string, terminal: Terminal): Promise<number> {
  const docker = await openDocker({ env: process.env });
  const project = new Project(docker, { name: PROJECT, folder: root, env: {} });
  const names = [...(await project.containers()).keys()];
  const before = await found(project);
  await project.down(...(volumes ? ['--volumes'] : []));
  const left = [...(await project.containers()).keys()];
  if (left.length > 0) {
    throw new PipelineError(
      'DEPLOY_FAILED',
      `${left.join(', ')} could not be stopped`,
      'see `docker compose ps --all`',
    );
  }
  const after = await found(project);
  const removed = before.filter((name) => !after.includes(name));
  const lines = [
    names.length === 0 ? 'nothing was there to be stopped' : `stopped: ${names.sort().join(', ')}`,
    ...(removed.length === 0 ? [] : [`removed: ${removed.join(', ')}`]),
    ...(await stays(project, volumes)),
  ];
  terminal.out.write(asLines(lines));
  return EXIT.ok;
}

async function found(project: Project): Promise<string[]> {
  const [networks, volumes] = [await project.have('network'), await project.have('volume')];
  return [...networks.map((name) => `network ${name}`), ...volumes.map((name) => `volume ${name}`)];
}

async function stays(project: Project, isAll: boolean): Promise<string[]> {
  const volumes = await project.have('volume');
  const networks = await Promise.all(
    (await project.have('network')).map(async (name) => {
      const attached = (await project.attachedTo(name)).join(', ');
      return `network ${name}${attached === '' ? '' : `, to which ${attached} is attached`}`;
    }),
  );
  const why = isAll ? 'others use them' : '--volumes removes them';
  return [
    ...networks.map((text) => `still there: ${text}`),
    ...(volumes.length === 0 ? [] : [`still there: volumes ${volumes.join(', ')}; ${why}`]),
  ];
}
