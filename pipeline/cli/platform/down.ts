// Stops what `up` has started. The data stays, unless it is to go as well.
import { EXIT, PipelineError } from '../../src/core/errors.ts';
import type { DownInvocation } from '../arguments.ts';
import type { Terminal } from '../terminal.ts';
import { openDocker } from './docker.ts';
import { Project } from './project.ts';
import { PROJECT } from './up.ts';

export async function down({ volumes }: DownInvocation, root: string, terminal: Terminal): Promise<number> {
  const docker = await openDocker({ env: process.env });
  // The file wants an image, though none is needed to stop.
  const project = new Project(docker, { name: PROJECT, folder: root, env: { APP_IMAGE: 'none' } });
  const names = [...(await project.containers()).keys()];
  await project.down(...(volumes ? ['--volumes'] : []));
  const left = [...(await project.containers()).keys()];
  if (left.length > 0) {
    throw new PipelineError(
      'DEPLOY_FAILED',
      `${left.join(', ')} could not be stopped`,
      'see `docker compose ps --all`',
    );
  }
  terminal.out.write(
    names.length === 0 ? 'nothing was there to be stopped\n' : `stopped: ${names.sort().join(', ')}\n`,
  );
  return EXIT.ok;
}
