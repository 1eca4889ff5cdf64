// `drydock add platform`: writes what a service is deployed with, where it is not there yet, and says what comes next.
import { COMMAND } from '../../src/command.ts';
import { COMPOSE_FILE } from '../../src/core/compose/read.ts';
import { EXIT } from '../../src/core/errors.ts';
import { delivers, WORKFLOW_FILE } from '../../src/core/init/workflow.ts';
import { asLines } from '../../src/core/safe-text.ts';
import { isPlatform } from '../../src/core/smoke/alone.ts';
import { PACKAGE } from '../../src/core/update.ts';
import type { AddInvocation } from '../arguments.ts';
import { textIn } from '../plain-files.ts';
import { repositoryAt } from '../subject.ts';
import type { Terminal } from '../terminal.ts';
import { platformFiles } from './platform.ts';
import { isThere, writeNew } from './write.ts';

export async function add({ dryRun }: AddInvocation, root: string, { out }: Terminal): Promise<number> {
  const say = (...lines: string[]) => out.write(asLines(lines));
  // What drydock.yaml is at fault for is said before anything is written.
  await repositoryAt(root);
  const all = await platformFiles(root);
  const files = all.filter(({ path }) => !isThere(root, path));
  const left = all.filter((file) => !files.includes(file));
  if (!dryRun) writeNew(root, files);
  if (files.length > 0) say(dryRun ? 'would be written:' : 'written:', ...files.map(({ path }) => `  ${path}`));
  if (left.length > 0) say('there already, and left as it is:', ...left.map(({ path }) => `  ${path}`));
  if (files.length === 0) say('nothing has to be written');
  else if (dryRun) say(`nothing was written; to write ${files.length === 1 ? 'it' : 'them'}: ${COMMAND} add platform`);
  say('', 'next:', ...nextSteps(root).map((step) => `- ${step}`));
  return EXIT.ok;
}

function nextSteps(root: string): string[] {
  const compose = textIn(root, COMPOSE_FILE);
  const isOwn = compose !== null && !isPlatform(compose);
  const workflow = textIn(root, WORKFLOW_FILE);
  return [
    ...(isOwn
      ? [
          `move app, nginx, prometheus, alertmanager and grafana of node_modules/${PACKAGE}/templates/platform/${COMPOSE_FILE} into your ${COMPOSE_FILE}`,
        ]
      : []),
    'let the service answer /version and count http_requests_total at /metrics, as docs/configuration.md of drydock says',
    'monitoring/alertmanager/config.yml: who is notified, and where; credentials are files in monitoring/alertmanager/secrets',
    `git add and commit, then ${COMMAND} smoke, which deploys all of it and verifies it; with Docker, ${COMMAND} up starts it`,
    'for Kubernetes: hosts in deploy/overlays, and the image that cd has pushed: (cd deploy/overlays/staging && kustomize edit set image app=IMAGE@DIGEST)',
    ...(workflow !== null && !delivers(workflow)
      ? [`to deliver: copy the job cd of node_modules/${PACKAGE}/templates/github.yml into ${WORKFLOW_FILE}`]
      : []),
  ];
}
