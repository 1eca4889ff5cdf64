// Sign: cosign states, without a network where it has a key, what is true of the image; the bundles are put beside it in the registry.
import { type Container, dag, type File, type Secret } from '@dagger.io/dagger';
import { EMPTY_ROOT, SIGNING, type SigningMode, signArguments, signingMode } from '../core/delivery/signing.ts';
import { STATEMENTS, type StatementName } from '../core/delivery/statements.ts';
import { PipelineError } from '../core/errors.ts';
import { scannerVersion } from '../core/gate/scanners.ts';
import type { StageResult, StandIn, StepResult } from '../core/model.ts';
import { PINS } from '../pins.ts';
import type { RunContext } from './context.ts';
import { notToBeHad } from './engine.ts';
import { nodeContainer } from './install.ts';
import { outOf, plaintextOf, type Registry } from './registry.ts';
import { runStep, stepFolder } from './step.ts';
import { timedStage } from './timed.ts';

export type SigningOptions = {
  key: Secret | undefined;
  password: Secret | undefined;
  oidcUrl: Secret | undefined;
  oidcToken: Secret | undefined;
};

export const NO_SIGNING: SigningOptions = {
  key: undefined,
  password: undefined,
  oidcUrl: undefined,
  oidcToken: undefined,
};

/** Throws `BAD_OPTION` for half a configuration. */
export async function modeOf({ key, password, oidcUrl, oidcToken }: SigningOptions): Promise<SigningMode> {
  const [hasKey, hasPassword, hasUrl, hasToken] = await Promise.all(
    [key, password, oidcUrl, oidcToken].map(async (secret) => (await plaintextOf(secret)) !== ''),
  );
  return signingMode({ key: !!hasKey, password: !!hasPassword, oidcUrl: !!hasUrl, oidcToken: !!hasToken });
}

export type Cosign = { container: Container; version: string; standIns: StandIn[] };

/** cosign's program, out of its image by digest, in our own container: the image has no shell. */
export async function obtainCosign(context: RunContext): Promise<Cosign | { missing: string }> {
  try {
    await context.images.obtain('cosign');
  } catch (error) {
    const reason = notToBeHad(error);
    if (reason === undefined) throw error;
    return { missing: `cosign is not available here: ${reason}` };
  }
  const standIns = await context.images.standIns('cosign');
  const program = context.images.container('cosign').file('/ko-app/cosign');
  const container = nodeContainer(context)
    .withMountedFile('/usr/local/bin/cosign', program)
    .withNewFile(SIGNING.trustedRoot, EMPTY_ROOT);
  return { container, standIns, version: scannerVersion(PINS.cosign.image, standIns[0]?.recipe ?? null) };
}

export type SignInputs = {
  registry: Registry;
  archive: File;
  digest: string;
  mode: SigningMode;
  secrets: SigningOptions;
  /** What is stated, as JSON, by name. */
  predicates: ReadonlyMap<StatementName, File | string>;
};

export type Signed = {
  stage: StageResult;
  /** The bundles, for the report, in the folder of this name. */
  files: Map<string, File>;
  delivery: { statements: StatementName[] };
  standIns: StandIn[];
};

export const ATTESTATIONS = 'attestations';

export async function sign(context: RunContext, inputs: SignInputs): Promise<Signed> {
  const { registry, archive, digest, mode, secrets, predicates } = inputs;
  const output: Omit<Signed, 'stage'> = { files: new Map(), delivery: { statements: [] }, standIns: [] };
  const stage = await timedStage(context, 'sign', async () => {
    if (mode === null) return { steps: [], remark: 'not asked for: there is no key, and no identity' };
    const cosign = await obtainCosign(context);
    if ('missing' in cosign) return { steps: [], notEvaluated: cosign.missing };
    output.standIns = cosign.standIns;
    const steps: StepResult[] = [];
    const signer = withSigner(await withManifest(context, cosign.container, archive, steps), mode, secrets);
    let bundles = dag.directory();
    for (const [name, predicate] of predicates) {
      const step = `statement-${name}`;
      const file = `${SIGNING.predicates}/${name}.json`;
      const { result, container } = await runStep(context, {
        stage: 'sign',
        step,
        container:
          typeof predicate === 'string' ? signer.withNewFile(file, predicate) : signer.withMountedFile(file, predicate),
        always: true,
        hidden: await Promise.all([secrets.password, secrets.oidcToken].map(plaintextOf)),
        secretVariables: Object.values(SECRET_VARIABLES),
        args: ['cosign', ...signArguments(cosign.version, mode, name, stepFolder(step))],
        shown: `cosign attest-blob --type ${STATEMENTS[name]}`,
      });
      steps.push(result);
      if (result.exitCode !== 0) return { steps };
      const bundle = `${name}.sigstore.json`;
      bundles = bundles.withFile(bundle, container.file(`${stepFolder(step)}/${bundle}`));
    }
    const attached = await registry.do({
      stage: 'sign',
      step: 'attach',
      command: 'attach',
      args: ['--digest', digest, '--bundles', SIGNING.bundles],
      files: new Map([[SIGNING.bundles, bundles]]),
    });
    steps.push(attached.result);
    output.delivery.statements = [...predicates.keys()];
    for (const name of predicates.keys())
      output.files.set(`${ATTESTATIONS}/${name}.sigstore.json`, bundles.file(`${name}.sigstore.json`));
    return { steps, remark: `${mode === 'key' ? 'with a key' : 'by identity'}: ${[...predicates.keys()].join(', ')}` };
  });
  return { stage, ...output };
}

/** The document whose hash is the image's digest, out of the archive. */
export async function withManifest(
  context: RunContext,
  container: Container,
  archive: File,
  steps: StepResult[],
  stage: 'sign' | 'verify' = 'sign',
): Promise<Container> {
  const file = outOf('manifest', 'manifest.json');
  const { result, container: after } = await runStep(context, {
    stage,
    step: 'manifest',
    container: nodeContainer(context)
      .withMountedDirectory('/programs/oci', context.programs.directory('oci'))
      .withMountedFile('/delivery/image.tar', archive),
    args: ['node', '/programs/oci/manifest.ts', '--archive', '/delivery/image.tar', '--out', file],
    shown: 'node oci/manifest.ts --archive image.tar',
  });
  steps.push(result);
  if (result.exitCode !== 0)
    throw new PipelineError(
      'BAD_ARCHIVE',
      'the archive has no manifest that can be read',
      'see the log of the step manifest',
    );
  return container.withMountedFile(SIGNING.manifest, after.file(file));
}

const SECRET_VARIABLES = { password: 'COSIGN_PASSWORD', oidcToken: 'ACTIONS_ID_TOKEN_REQUEST_TOKEN' } as const;

function withSigner(container: Container, mode: 'key' | 'keyless', secrets: SigningOptions): Container {
  if (mode === 'key') {
    return container
      .withMountedSecret(SIGNING.key, secrets.key as Secret)
      .withSecretVariable(SECRET_VARIABLES.password, secrets.password as Secret);
  }
  return container
    .withSecretVariable('ACTIONS_ID_TOKEN_REQUEST_URL', secrets.oidcUrl as Secret)
    .withSecretVariable(SECRET_VARIABLES.oidcToken, secrets.oidcToken as Secret);
}
