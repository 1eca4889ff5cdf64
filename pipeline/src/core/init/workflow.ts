// The workflow of a repository, from the template that others copy by hand.

export const WORKFLOW_FILE = '.github/workflows/drydock.yml';

/** On the branch that a repository delivers from. */
export function workflowFrom(template: string, branch: string): string {
  const [first = '', ...rest] = template.split('\n');
  const purpose = first.replace(/^# Copy to \S+: c/, '# C');
  return [purpose, ...rest]
    .join('\n')
    .replaceAll('branches: [main]', () =>
      branch === 'main' ? 'branches: [main]' : `branches: [${JSON.stringify(branch)}]`,
    );
}
