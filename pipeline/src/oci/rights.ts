// Which right is missing: registries answer a wrong token and a missing right alike, but whether reading is allowed tells them apart.
import { OciError } from './errors.ts';
import type { Reference, RegistryClient } from './registry.ts';

/** Whether nobody is in the way of reading: a repository that is said not to be there is no refusal. */
export async function mayRead(client: RegistryClient, repository: Reference): Promise<boolean> {
  try {
    await client.document(repository, 'tags/list');
    return true;
  } catch (error) {
    if (error instanceof OciError) return error.code === 'NOT_FOUND';
    throw error;
  }
}

/** Do what writes; a refusal says what the credentials may do, and what they lack. */
export async function withRights<T>(
  client: RegistryClient,
  repository: Reference,
  write: () => Promise<T>,
): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (!(error instanceof OciError) || !['UNAUTHORIZED', 'FORBIDDEN'].includes(error.code)) throw error;
    const [message, hint] = await toldApart(client, repository);
    throw new OciError(error.code, `${message} (${error.message})`, hint, { cause: error });
  }
}

async function toldApart(client: RegistryClient, repository: Reference): Promise<[message: string, hint: string]> {
  const { registry, repository: name } = repository;
  const inActions = 'in GitHub Actions: `permissions: packages: write`, and the package has to allow this repository';
  try {
    await client.document(repository, 'tags/list');
    return [`the token may read ${name} at ${registry}, but not write it`, `give it write:packages; ${inActions}`];
  } catch (error) {
    if (!(error instanceof OciError)) throw error;
    if (error.code === 'NOT_FOUND')
      return [
        `the token may not create ${name} at ${registry}, which is not there yet`,
        `give it write:packages; ${inActions}`,
      ];
    return [
      `the token may neither read nor write ${name} at ${registry}`,
      'it is wrong, has expired or belongs to someone else; the name of the repository may be wrong as well',
    ];
  }
}
