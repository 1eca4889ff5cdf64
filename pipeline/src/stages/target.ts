// Reads where an image is to be delivered, before anything runs.
import type { Target } from '../core/delivery/target.ts';
import { PipelineError, reasonOf } from '../core/errors.ts';
import { isLoopback, parseReference } from '../oci/registry.ts';

/** Where a rehearsal goes when no name was given. */
const REHEARSED = 'rehearsal/service';

/** Throws `BAD_OPTION`. A name may be left out on loopback only: elsewhere it is somebody's. */
export function parseTarget(registry: string, repository: string): Target {
  const onLoopback = isLoopback(registry);
  if (repository === '' && !onLoopback) {
    throw new PipelineError(
      'BAD_OPTION',
      `it is not said which repository of ${registry} is meant`,
      'name it: --repository OWNER/NAME',
    );
  }
  const text = `${registry}/${repository === '' ? REHEARSED : repository.toLowerCase()}`;
  try {
    const found = parseReference(text);
    if (found.registry !== registry || found.tag !== undefined || found.digest !== undefined)
      throw new Error(`${text} is not a registry and a repository`);
    return { registry, repository: found.repository, isLoopback: onLoopback };
  } catch (cause) {
    throw new PipelineError(
      'BAD_OPTION',
      reasonOf(cause),
      'write --registry ghcr.io --repository OWNER/NAME, without a tag',
      { cause },
    );
  }
}
