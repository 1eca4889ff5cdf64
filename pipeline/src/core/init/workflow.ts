// The workflow of a repository, from the template that others copy by hand.

export const WORKFLOW_FILE = '.github/workflows/drydock.yml';

const DELIVERY = /^\n {2}cd:\n(?: {4}.*\n)+/m;

/** Whether a workflow of this form has the job that delivers. */
export const delivers = (workflow: string): boolean => /^ {2}cd:\s*$/m.test(workflow);

/** On the branch that a repository delivers from; without a platform to try it on, nothing is delivered, and pushes are checked like pull requests. */
export function workflowFrom(
  template: string,
  { branch, hasPlatform }: { branch: string; hasPlatform: boolean },
): string {
  const [first = '', ...rest] = (hasPlatform ? template : withoutDelivery(template)).split('\n');
  const purpose = first.replace(/^# Copy to \S+: c/, '# C');
  return [purpose, ...rest]
    .join('\n')
    .replaceAll('branches: [main]', () =>
      branch === 'main' ? 'branches: [main]' : `branches: [${JSON.stringify(branch)}]`,
    );
}

const withoutDelivery = (template: string): string =>
  template
    .replace(
      ', and delivers main and release tags. What',
      ' and pushes. The job cd, which delivers, needs a platform: npx drydock add platform. What',
    )
    .replace(DELIVERY, '')
    .replace(/^ {4}tags: .*\n/m, '')
    .replace(/^ {4}if: .*'pull_request'.*\n/m, '');
