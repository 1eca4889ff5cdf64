// Verify: that an image is whole, who signed it, and that what is stated of it is about this very image. From a registry, or from files.
import type { Directory, File } from '@dagger.io/dagger';
import { parseBundle, type Statement, statementFault } from '../core/delivery/bundle.ts';
import { SIGNING, type Signer, verifyArguments } from '../core/delivery/signing.ts';
import { STATEMENTS, type StatementName } from '../core/delivery/statements.ts';
import { nameOf } from '../core/delivery/target.ts';
import { PipelineError, reasonOf } from '../core/errors.ts';
import type { StepResult } from '../core/model.ts';
import { parseReference } from '../oci/registry.ts';
import { describeGiven } from './archive.ts';
import type { RunContext } from './context.ts';
import type { TargetOptions } from './delivery.ts';
import type { Keep } from './found.ts';
import { IMAGE_FILE } from './made.ts';
import { Registry } from './registry.ts';
import { type Asking, fetchImage, hasFailed, referrersOf, resolve } from './releases.ts';
import { ATTESTATIONS, type Cosign, obtainCosign, withManifest } from './sign.ts';
import { runStep } from './step.ts';
import { parseTarget } from './target.ts';
import { timedStage } from './timed.ts';

export type VerifyOptions = Pick<TargetOptions, 'service' | 'username' | 'token'> & {
  /** `ghcr.io/acme/app:main` or `…@sha256:…`; empty where files are given. */
  reference: string;
  /** The report of `cd`, or of an earlier `verify`: its image.tar and attestations. */
  files: Directory | undefined;
  key: File | undefined;
  /** Whose certificate it has to be, where there is no key: a regular expression, and who vouches for it. */
  identity: string;
  issuer: string;
};

/** The image, and every bundle beside it. */
type Found = { image: string; archive: File; digest: string; bundles: File[] };

export async function runVerify(context: RunContext, options: VerifyOptions, keep: Keep): Promise<void> {
  const signer = signerOf(options);
  const steps: StepResult[] = [];
  const stage = await timedStage(context, 'verify', async () => {
    const found =
      options.files === undefined ? await fromRegistry(context, options, steps) : await fromFiles(options.files);
    if (found === null) return { steps };
    const { image, digest } = found;
    keep({ files: new Map([[IMAGE_FILE, found.archive]]), delivery: { image, digest } });
    if (signer === null) return { steps, notEvaluated: `${digest} is intact, but no expected signer was given` };
    const cosign = await obtainCosign(context);
    if ('missing' in cosign) return { steps, notEvaluated: cosign.missing };
    keep({ standIns: cosign.standIns });
    const { verified, faults } = await verifyAll(context, cosign, { found, signer, key: options.key }, steps);
    const statements = [...verified.keys()];
    const bundles = statements.map(
      (name) => [`${ATTESTATIONS}/${name}.sigstore.json`, verified.get(name) as File] as const,
    );
    keep({ files: new Map(bundles), delivery: { statements } });
    const [first = null, ...more] = faults;
    return {
      steps,
      fault: first,
      details: more,
      remark: `${digest}: ${statements.join(', ')} verified`,
    };
  });
  keep({ stage });
}

/** Throws `BAD_OPTION`. Null where nobody is named. */
function signerOf({ key, identity, issuer, reference, files }: VerifyOptions): Signer | null {
  const wrong = (message: string, hint: string) => new PipelineError('BAD_OPTION', message, hint);
  if ((reference === '') === (files === undefined))
    throw wrong('verify takes an image of a registry or files, one of them', 'give --reference REF or --files DIR');
  if (key !== undefined && identity !== '') throw wrong('there are a key and an identity', 'name one of them');
  if ((identity === '') !== (issuer === ''))
    throw wrong('an identity counts with its issuer only', 'give --identity REGEXP and --issuer URL');
  if (key !== undefined) return { by: 'key' };
  return identity === '' ? null : { by: 'keyless', identity, issuer };
}

async function fromRegistry(context: RunContext, options: VerifyOptions, steps: StepResult[]): Promise<Found | null> {
  const { registry: host, repository, tag = 'latest', digest: pinned } = referenceOf(options.reference);
  const target = parseTarget(host, repository);
  const registry = new Registry(context, { ...options, target });
  const asking: Asking = { registry, stage: 'verify', steps };
  const digest = pinned ?? (await resolve(asking, tag));
  if (digest === null) {
    if (hasFailed(asking)) return null;
    throw new PipelineError('BAD_OPTION', `${nameOf(target)} has no tag ${tag}`, 'name one that it has, or a digest');
  }
  const archive = await fetchImage(asking, digest);
  const beside = archive === null ? null : await referrersOf(asking, digest);
  if (archive === null || beside === null) return null;
  return { image: nameOf(target), archive, digest, bundles: await bundlesIn(beside) };
}

function referenceOf(text: string) {
  try {
    return parseReference(text);
  } catch (cause) {
    throw new PipelineError('BAD_OPTION', reasonOf(cause), 'write ghcr.io/OWNER/NAME:TAG', { cause });
  }
}

async function fromFiles(files: Directory): Promise<Found> {
  const entries = (await files.entries()).map((name) => name.replace(/\/$/, ''));
  if (!entries.includes(IMAGE_FILE))
    throw new PipelineError(
      'BAD_OPTION',
      `the folder of --files has no ${IMAGE_FILE}`,
      'give the report of `cd` or of `verify`',
    );
  const archive = files.file(IMAGE_FILE);
  const { image: given } = await describeGiven(archive, `${IMAGE_FILE} in the folder of --files`);
  const bundles = entries.includes(ATTESTATIONS) ? await bundlesIn(files.directory(ATTESTATIONS)) : [];
  return { image: 'files', archive, digest: given.digest, bundles };
}

/** The newest first. */
async function bundlesIn(folder: Directory): Promise<File[]> {
  const names = (await folder.entries()).filter((name) => name.endsWith('.sigstore.json'));
  const byNumber = (a: string, b: string) => Number.parseInt(b, 10) - Number.parseInt(a, 10);
  return names.sort(byNumber).map((name) => folder.file(name));
}

type Verification = { found: Found; signer: Signer; key: File | undefined };

async function verifyAll(
  context: RunContext,
  cosign: Cosign,
  { found, signer, key }: Verification,
  steps: StepResult[],
): Promise<{ verified: Map<StatementName, File>; faults: string[] }> {
  const read = await Promise.all(
    found.bundles.map(async (file) => ({ file, statement: parseBundle(await file.contents()) })),
  );
  const base = await withManifest(context, cosign.container, found.archive, steps, 'verify');
  const container = key === undefined ? base : base.withMountedFile(SIGNING.publicKey, key);
  const verified = new Map<StatementName, File>();
  const faults: string[] = [];
  for (const name of Object.keys(STATEMENTS) as StatementName[]) {
    const candidates = read.filter((one): one is { file: File; statement: Statement } => one.statement?.name === name);
    const tried: { file: File; result: StepResult; fault: string | null }[] = [];
    for (const { file, statement } of candidates) {
      const bundle = `${SIGNING.bundles}/${name}.sigstore.json`;
      const { result, log } = await runStep(context, {
        stage: 'verify',
        step: tried.length === 0 ? name : `${name}-${tried.length + 1}`,
        container: container.withMountedFile(bundle, file),
        args: ['cosign', ...verifyArguments(cosign.version, signer, name, bundle)],
        shown: `cosign verify-blob-attestation --type ${STATEMENTS[name]}`,
      });
      tried.push({
        file,
        result,
        fault: result.exitCode === 0 ? statementFault(statement, found.digest) : lastLine(log),
      });
      if (tried.at(-1)?.fault === null) break;
    }
    // Those before it may be somebody else's, which is no fault of the image.
    const last = tried.at(-1);
    if (last !== undefined) steps.push(last.result);
    if (last?.fault === null) verified.set(name, last.file);
    else faults.push(last === undefined ? `there is no ${name}` : `${name}: ${last.fault}`);
  }
  return { verified, faults };
}

const lastLine = (log: string) =>
  log
    .trim()
    .split('\n')
    .at(-1)
    ?.replace(/^[Ee]rror:? ?/, '')
    .slice(0, 300) ?? '';
