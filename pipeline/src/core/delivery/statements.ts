// What is said and signed of an image: in-toto predicates, each by its type.
import type { SourceFacts } from '../model.ts';
import { VERSION } from '../version.ts';

/** Names of our own begin with the repository, which nobody else can claim. */
const OWN = 'https://github.com/drydock-ci/drydock';

/** The name of a statement in files and reports, and the type by which verifiers ask for it. */
export const STATEMENTS = {
  /** How current cosign says "I have signed this image". */
  signature: 'https://sigstore.dev/cosign/sign/v1',
  sbom: 'https://spdx.dev/Document',
  provenance: 'https://slsa.dev/provenance/v1',
  verdict: `${OWN}/verdict/v1`,
} as const;

export type StatementName = keyof typeof STATEMENTS;

export type ProvenanceFacts = {
  /** Where the repository lives, git does not say: a commit's hash names it anywhere. */
  source: SourceFacts;
  function: string;
  platforms: readonly string[];
  /** The images that went in, `name@sha256:…`. */
  materials: readonly string[];
  startedAt: string;
  finishedAt: string;
  /** Who built it: the address of a workflow, or of the kind of engine. */
  builder: string;
  /** The address of the run; null where it has none. */
  invocation: string | null;
};

/** Of a build that no workflow answers for: on whichever machine. */
export const engineUri = (kind = 'any') => `${OWN}/engine/${kind}`;

/** SLSA provenance, version 1: https://slsa.dev/spec/v1.0/provenance */
export function provenance(facts: ProvenanceFacts): object {
  const { source, materials } = facts;
  const git = source.commit === null ? [] : [{ name: 'source', digest: { gitCommit: source.commit } }];
  const images = materials.map((material) => {
    const [name = '', digest = ''] = material.split('@sha256:');
    return { uri: `docker://${name}`, digest: { sha256: digest } };
  });
  return {
    buildDefinition: {
      buildType: `${OWN}/build/v1`,
      externalParameters: { function: facts.function, platforms: facts.platforms },
      internalParameters: { version: VERSION },
      resolvedDependencies: [...git, ...images],
    },
    runDetails: {
      builder: { id: facts.builder },
      metadata: {
        ...(facts.invocation === null ? {} : { invocationId: facts.invocation }),
        startedOn: facts.startedAt,
        finishedOn: facts.finishedAt,
      },
    },
  };
}
