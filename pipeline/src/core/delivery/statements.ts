// What is said and signed of an image: in-toto predicates, each by its type.
import type { SourceFacts } from '../model.ts';
import { VERSION } from '../version.ts';

/** The name of a statement in files and reports, and the type by which verifiers ask for it. */
export const STATEMENTS = {
  /** How current cosign says "I have signed this image". */
  signature: 'https://sigstore.dev/cosign/sign/v1',
  sbom: 'https://spdx.dev/Document',
  provenance: 'https://slsa.dev/provenance/v1',
  verdict: 'https://drydock.dev/verdict/v1',
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
  /** Who built it: an address, or the name of a person's machine. */
  builder: string;
};

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
      buildType: 'https://drydock.dev/build/v1',
      externalParameters: { function: facts.function, platforms: facts.platforms },
      internalParameters: { version: VERSION },
      resolvedDependencies: [...git, ...images],
    },
    runDetails: {
      builder: { id: facts.builder },
      metadata: { startedOn: facts.startedAt, finishedOn: facts.finishedAt },
    },
  };
}
