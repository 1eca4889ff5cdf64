// What a Dockerfile comes to: stages, arguments, settings and steps, in the examples of Docker's reference and guides, and of bug reports.
import { expect, test } from 'vitest';
import { ignored } from '../../../engine/docker/context.ts';
import { type CopyStep, planStage, type RunStep, type StagePlan } from '../../../engine/docker/plan.ts';
import { type Stage, stageFor, stagesOf } from '../../../engine/docker/stages.ts';
import { type ImageSettings, NO_SETTINGS } from '../../../engine/values.ts';
import { readDockerfile } from '../../../src/dockerfile/read.ts';
import { Patterns } from '../../../src/oci/wildcards.ts';

interface Options {
  readonly args?: Record<string, string>;
  readonly target?: string;
  readonly platform?: string;
  readonly image?: Partial<ImageSettings>;
}

const stagesIn = (text: string, { args = {}, target = '', platform = 'linux/amd64' }: Options = {}) =>
  stagesOf(readDockerfile(text), {
    buildArguments: new Map(Object.entries(args)),
    target,
    platform,
    hostPlatform: 'linux/amd64',
  });

/** The plan of the stage that is asked for, on those that it starts from. */
function planOf(text: string, options: Options = {}): StagePlan {
  const stages = stagesIn(text, options);
  const settings = { ...NO_SETTINGS, env: new Map([['PATH', '/bin']]), ...options.image };
  const plan = (stage: Stage): StagePlan => {
    const parent = stageFor(stages.stages, stage, stage.base, { byNumber: false });
    return planStage(stage, parent === undefined ? { settings } : plan(parent), stages);
  };
  return plan(stages.target);
}

const runsOf = (plan: StagePlan) => plan.steps.filter((step): step is RunStep => step.kind === 'run');
const copiesOf = (plan: StagePlan) => plan.steps.filter((step): step is CopyStep => step.kind === 'copy');
const run = (text: string, options?: Options) => runsOf(planOf(text, options))[0] as RunStep;
const copy = (text: string, options?: Options) => copiesOf(planOf(`FROM a\n${text}`, options))[0] as CopyStep;
const settings = (text: string, options?: Options) => planOf(`FROM a\n${text}`, options).settings;

// ── arguments ───────────────────────────────────────────────────────────────────────────
const values: [name: string, text: string, variable: string, value: string | undefined, options?: Options][] = [
  // https://docs.docker.com/reference/dockerfile/#using-arg-variables
  ['ENV wins over an ARG above', 'FROM u\nARG V\nENV V=v1.0.0\nRUN x', 'V', 'v1.0.0', { args: { V: 'v2.0.1' } }],
  ['ENV takes an ARG', 'FROM u\nARG V\nENV V=${V:-v1.0.0}\nRUN x', 'V', 'v2.0.1', { args: { V: 'v2.0.1' } }],
  ['ENV takes the default', 'FROM u\nARG V\nENV V=${V:-v1.0.0}\nRUN x', 'V', 'v1.0.0'],
  ['an ARG with a default', 'FROM busybox\nARG user1=someuser\nRUN x', 'user1', 'someuser'],
  ['what is given wins over a default', 'FROM b\nARG u=someuser\nRUN x', 'u', 'what', { args: { u: 'what' } }],
  ['what is given but not declared is not seen', 'FROM b\nRUN x', 'u', undefined, { args: { u: 'what' } }],
  ['an ARG of another', 'FROM b\nARG A=1\nARG B=${A}2\nRUN x', 'B', '12'],
  ['one ARG again, with another default', 'FROM b\nARG A=1\nARG A=2\nRUN x', 'A', '2'],
  // https://docs.docker.com/reference/dockerfile/#understand-how-arg-and-from-interact
  ['an ARG above FROM is not seen below', 'ARG V=latest\nFROM b:$V\nRUN x', 'V', undefined],
  ['unless it is declared there', 'ARG V=latest\nFROM b:$V\nARG V\nRUN x', 'V', 'latest'],
  ['a default there is another', 'ARG V=latest\nFROM b:$V\nARG V=mine\nRUN x', 'V', 'mine'],
  // https://docs.docker.com/build/building/variables/#scoping
  ['a stage sees what its base declared', 'FROM a AS base\nARG N=1\nFROM base\nRUN x', 'N', '1'],
  ['not what another stage declared', 'FROM a AS base\nARG N=1\nFROM a\nRUN x', 'N', undefined],
  // https://docs.docker.com/reference/dockerfile/#environment-replacement
  ['ENV sees what was before the line', 'FROM a\nENV abc=hello\nENV abc=bye def=$abc\nRUN x', 'def', 'hello'],
  ['ENV in its old form', 'FROM a\nENV ONE TWO= THREE=world\nRUN x', 'ONE', 'TWO= THREE=world'],
  ['the old form with quotes', 'FROM a\nENV MSG "it is  so"\nRUN x', 'MSG', 'it is  so'],
  ['blanks that are escaped', 'FROM a\nENV MY_DOG=Rex\\ The\\ Dog MY_CAT=fluffy\nRUN x', 'MY_DOG', 'Rex The Dog'],
  ['a variable of the image', 'FROM a\nENV PATH=/x:$PATH\nRUN x', 'PATH', '/x:/bin'],
  [
    'an image without a PATH',
    'FROM a\nRUN x',
    'PATH',
    expect.stringContaining('/usr/bin') as never,
    { image: NO_SETTINGS },
  ],
  // https://docs.docker.com/reference/dockerfile/#automatic-platform-args-in-the-global-scope
  ['the platform', 'FROM a\nARG TARGETPLATFORM\nRUN x', 'TARGETPLATFORM', 'linux/arm/v7', { platform: 'linux/arm/v7' }],
  ['its variant', 'FROM a\nARG TARGETVARIANT\nRUN x', 'TARGETVARIANT', 'v7', { platform: 'linux/arm/v7' }],
  ['of the machine that builds', 'FROM a\nARG BUILDARCH\nRUN x', 'BUILDARCH', 'amd64', { platform: 'linux/arm/v7' }],
  ['not seen unless it is declared', 'FROM a\nRUN x', 'TARGETARCH', undefined],
];
for (const [name, text, variable, value, options] of values)
  test(`argument: ${name}`, () => expect(run(text, options).env.get(variable)).toEqual(value));

test('arguments are not in the image, and its variables are', () => {
  expect([...settings('ARG A=1\nENV B=$A').env]).toEqual([
    ['PATH', '/bin'],
    ['B', '1'],
  ]);
});

// ── stages ──────────────────────────────────────────────────────────────────────────────
/** https://docs.docker.com/build/building/multi-stage/ and the guide for Go. */
const GO = `# syntax=docker/dockerfile:1
ARG GO_VERSION=1.24
FROM --platform=$BUILDPLATFORM golang:\${GO_VERSION}-alpine AS Build
WORKDIR /src
RUN --mount=type=cache,target=/go/pkg/mod/ \\
    --mount=type=bind,source=go.sum,target=go.sum \\
    --mount=type=bind,source=go.mod,target=go.mod \\
    go mod download -x
ARG TARGETARCH
RUN --mount=type=cache,target=/go/pkg/mod/ \\
    --mount=type=bind,target=. \\
    CGO_ENABLED=0 GOARCH=$TARGETARCH go build -o /bin/server .

FROM alpine:latest AS final
RUN --mount=type=cache,target=/var/cache/apk \\
    apk --update add ca-certificates
ARG UID=10001
RUN adduser --disabled-password --uid "\${UID}" appuser
USER appuser
COPY --from=build /bin/server /bin/
EXPOSE 8080
ENTRYPOINT [ "/bin/server" ]
`;

test('the guide for Go: stages, their images and platforms', () => {
  const { stages, target } = stagesIn(GO, { platform: 'linux/arm64', args: { GO_VERSION: '1.25' } });
  expect(stages.map(({ name, base, platform }) => [name, base, platform])).toEqual([
    ['build', 'golang:1.25-alpine', 'linux/amd64'],
    ['final', 'alpine:latest', 'linux/arm64'],
  ]);
  expect(target.name).toBe('final');
});

test('the guide for Go: mounts of the build', () => {
  const plan = planOf(GO, { target: 'build', platform: 'linux/arm64' });
  const [download, build] = runsOf(plan) as [RunStep, RunStep];
  const cache = { type: 'cache', target: '/go/pkg/mod', id: '/go/pkg/mod', sharing: 'SHARED', from: '', source: '' };
  const bind = (source: string, target: string) => ({ type: 'bind', from: '', source, target, isReadOnly: true });
  expect(download.args).toEqual(['/bin/sh', '-c', 'go mod download -x']);
  expect(download.mounts).toEqual([
    { ...cache, owner: '', mode: undefined },
    bind('go.sum', '/src/go.sum'),
    bind('go.mod', '/src/go.mod'),
  ]);
  expect(build.mounts[1]).toEqual(bind('', '/src'));
  expect(build.env.get('TARGETARCH')).toBe('arm64');
});

test('the guide for Go: the image', () => {
  const plan = planOf(GO);
  const { user, entrypoint, cmd, ports } = plan.settings;
  expect({ user, entrypoint, cmd }).toEqual({ user: 'appuser', entrypoint: ['/bin/server'], cmd: [] });
  expect(ports.map(({ port, protocol }) => `${port}/${protocol}`)).toEqual(['8080/TCP']);
  expect(copiesOf(plan)).toMatchObject([{ from: 'build', sources: ['/bin/server'], target: '/bin/', owner: '' }]);
});

/** https://docs.docker.com/guides/nodejs/containerize/ */
const NODE = `ARG NODE_VERSION=22
FROM node:\${NODE_VERSION}-alpine
ENV NODE_ENV=production
WORKDIR /usr/src/app
RUN --mount=type=bind,source=package.json,target=package.json \\
    --mount=type=bind,source=package-lock.json,target=package-lock.json \\
    --mount=type=cache,target=/root/.npm \\
    npm ci --omit=dev
USER node
COPY . .
EXPOSE 3000
CMD node src/index.js
`;

test('the guide for Node', () => {
  const plan = planOf(NODE);
  expect(plan.steps.map(({ kind, asked }) => `${asked.line} ${asked.keyword} ${kind}`)).toEqual([
    '4 WORKDIR folder',
    '5 RUN run',
    '10 COPY copy',
  ]);
  expect(plan.steps[2]).toMatchObject({ sources: ['.'], target: '/usr/src/app/', from: undefined });
  expect(plan.settings.cmd).toEqual(['/bin/sh', '-c', 'node src/index.js']);
});

/** https://docs.docker.com/guides/python/containerize/ */
const PYTHON = `ARG PYTHON_VERSION=3.12
FROM python:\${PYTHON_VERSION}-slim
# Prevents Python from writing pyc files.
ENV PYTHONDONTWRITEBYTECODE=1
ENV PYTHONUNBUFFERED=1
WORKDIR /app
ARG UID=10001
RUN adduser \\
    --disabled-password \\
    --gecos "" \\
    --uid "\${UID}" \\
    appuser
USER appuser
COPY . .
CMD ["python3", "-m", "uvicorn", "app:app", "--host=0.0.0.0", "--port=8000"]
`;

test('the guide for Python: variables are left to the shell', () => {
  const plan = planOf(PYTHON);
  const [adduser] = runsOf(plan) as [RunStep];
  expect(adduser.args[2]).toBe('adduser     --disabled-password     --gecos ""     --uid "${UID}"     appuser');
  expect(adduser.env.get('UID')).toBe('10001');
  expect(plan.settings.env.has('UID')).toBe(false);
  expect(plan.settings.cmd.slice(0, 3)).toEqual(['python3', '-m', 'uvicorn']);
});

const THREE = 'FROM a AS one\nFROM b AS two\nCOPY --from=0 /x /\nCOPY --from=ONE /x /\nFROM c\n';
test('a stage is meant by its name, its number, or is an image', () => {
  const { stages } = stagesIn(THREE);
  const [one, two] = stages as [Stage, Stage, Stage];
  expect(stageFor(stages, two, '0')).toBe(one);
  expect(stageFor(stages, two, 'ONE')).toBe(one);
  expect(stageFor(stages, two, 'nginx:latest')).toBeUndefined();
  expect(() => stageFor(stages, one, 'two')).toThrow('stage two is defined later');
  expect(() => stageFor(stages, two, '7')).toThrow('stage 7 not found');
});
test('a target by its name, in any letters', () => expect(stagesIn(THREE, { target: 'Two' }).target.index).toBe(1));

// ── steps ───────────────────────────────────────────────────────────────────────────────
const commands: [name: string, text: string, args: string[]][] = [
  ['an array', 'RUN ["/bin/bash", "-c", "echo $HOME"]', ['/bin/bash', '-c', 'echo $HOME']],
  ['an array over lines', 'RUN [ \\\n "echo", \\\n "a  b" \\\n]', ['echo', 'a  b']],
  ['what only looks like one', "RUN [ -f /x ] || echo 'a'", ['/bin/sh', '-c', "[ -f /x ] || echo 'a'"]],
  ['single quotes make none', "RUN ['echo', 'a']", ['/bin/sh', '-c', "['echo', 'a']"]],
  [
    'another shell',
    'SHELL ["/bin/bash", "-o", "pipefail", "-c"]\nRUN a | b',
    ['/bin/bash', '-o', 'pipefail', '-c', 'a | b'],
  ],
  ['a heredoc is the script', 'RUN <<EOF\na\nb\nEOF', ['/bin/sh', '-c', 'a\nb\n']],
  ['one for another program', 'RUN <<EOF python3\nprint(1)\nEOF', ['/bin/sh', '-c', '<<EOF python3\nprint(1)\nEOF']],
  ['one with an interpreter', 'RUN <<EOF\n#!/usr/bin/env python\nprint(1)\nEOF', ['/bin/sh', '-c', '/dev/pipes/EOF']],
];
for (const [name, text, args] of commands)
  test(`RUN: ${name}`, () => expect(run(`FROM a\n${text}`).args).toEqual(args));

const copies: [text: string, step: Partial<CopyStep>][] = [
  ['COPY test relativeDir/', { sources: ['test'], target: '/relativeDir/' }],
  ['WORKDIR /w\nCOPY a b ./x/../y/', { sources: ['a', 'b'], target: '/w/y/' }],
  ['COPY . /', { target: '/' }],
  ['WORKDIR /w\nCOPY a .', { target: '/w/' }],
  ['COPY ["a file", "/x y/"]', { sources: ['a file'], target: '/x y/' }],
  ['ENV D=/d\nCOPY $D/a ${D}/', { sources: ['/d/a'], target: '/d/' }],
  ['ARG U=app\nCOPY --chown=$U:$U --chmod=0640 a /a', { owner: 'app:app', mode: 0o640 }],
  ['COPY --from=nginx:latest /etc/nginx/nginx.conf /nginx.conf', { from: 'nginx:latest' }],
  ['COPY --parents ./x/a.txt ./y/a.txt /parents/', { keepsParents: true }],
  ['COPY --exclude=*.txt --exclude=*.md . /x/', { exclude: ['*.txt', '*.md'], unpacks: false }],
  ['ADD a.tar /x', { unpacks: true }],
  ['ADD --unpack=false a.tar /x', { unpacks: false }],
  ['ENV N=you\nCOPY <<E /h\nhi $N \\$N\nE', { sources: [], files: [{ name: 'E', content: 'hi you $N\n' }] }],
  ['ENV N=you\nCOPY <<"E" /h\nhi $N\nE', { files: [{ name: 'E', content: 'hi $N\n' }] }],
];
for (const [text, step] of copies) test(`copy: ${text}`, () => expect(copy(text)).toMatchObject(step));

const mounts: [mount: string, expected: object][] = [
  [
    'type=cache,id=apt,target=/var/cache/apt,sharing=locked',
    { type: 'cache', id: 'apt', target: '/var/cache/apt', sharing: 'LOCKED' },
  ],
  ['type=cache,dst=c,uid=1000,mode=0700', { type: 'cache', target: '/w/c', owner: '1000:0', mode: 0o700 }],
  ['type=bind,rw,src=d,from=build,dst=/d', { type: 'bind', source: 'd', from: 'build', isReadOnly: false }],
  ['source=d,target=/d', { type: 'bind', isReadOnly: true }],
  ['type=tmpfs,target=/t,size=64m', { type: 'tmpfs', target: '/t', size: 67_108_864 }],
  ['type=secret,id=aws,target=/root/.aws/credentials', { type: 'secret', id: 'aws', target: '/root/.aws/credentials' }],
  ['type=secret,id=a/tok,required', { type: 'secret', target: '/run/secrets/tok', isRequired: true, mode: 0o400 }],
  ['type=secret,id=API_KEY,env=API_KEY', { type: 'secret', target: undefined, variable: 'API_KEY' }],
  ['type=cache,target=$D/c', { type: 'cache', target: '/d/c' }],
];
for (const [mount, expected] of mounts)
  test(`mount: ${mount}`, () =>
    expect(run(`FROM a\nENV D=/d\nWORKDIR /w\nRUN --mount=${mount} x`).mounts).toMatchObject([expected]));

test('--network=none', () => expect(run('FROM a\nRUN --network=none x').hasNetwork).toBe(false));

// ── settings ────────────────────────────────────────────────────────────────────────────
const images: [text: string, expected: object, image?: Partial<ImageSettings>][] = [
  ['ENTRYPOINT ["e"]', { entrypoint: ['e'], cmd: [] }, { cmd: ['of', 'the', 'image'] }],
  ['CMD ["c"]\nENTRYPOINT ["e"]', { entrypoint: ['e'], cmd: ['c'] }],
  ['CMD echo "This is a test." | wc -', { cmd: ['/bin/sh', '-c', 'echo "This is a test." | wc -'] }],
  ['WORKDIR /a\nWORKDIR b\nWORKDIR c', { workdir: '/a/b/c' }],
  ['ENV DIRPATH=/path\nWORKDIR $DIRPATH/$DIRNAME', { workdir: '/path' }],
  ['WORKDIR x', { workdir: '/of/x' }, { workdir: '/of' }],
  ['STOPSIGNAL SIGKILL', { other: { StopSignal: 'SIGKILL' } }],
  ['VOLUME ["/data"]\nVOLUME /a /b', { other: { Volumes: { '/data': {}, '/a': {}, '/b': {} } } }],
  ['HEALTHCHECK NONE', { other: { Healthcheck: { Test: ['NONE'] } } }],
  [
    'HEALTHCHECK --interval=5m --timeout=3s --retries=2 \\\n  CMD curl -f http://localhost/ || exit 1',
    {
      other: {
        Healthcheck: {
          Test: ['CMD-SHELL', 'curl -f http://localhost/ || exit 1'],
          Interval: 300e9,
          Timeout: 3e9,
          Retries: 2,
        },
      },
    },
  ],
  ['HEALTHCHECK CMD ["true"]', { other: { Healthcheck: { Test: ['CMD', 'true'] } } }],
  ['MAINTAINER me', {}],
  ['ONBUILD ADD . /app/src\nonbuild run x', { other: { OnBuild: ['ADD . /app/src', 'run x'] } }],
];
for (const [text, expected, image] of images)
  test(`image: ${text}`, () => expect(settings(text, image && { image })).toMatchObject(expected));

test('labels as the reference has them', () => {
  const text =
    'LABEL "com.example.vendor"="ACME Incorporated"\nLABEL version="1.0" description="a \\\nb" multi.label1="v1"\nLABEL "x"="it\'s"';
  expect(Object.fromEntries(settings(text).labels)).toEqual({
    'com.example.vendor': 'ACME Incorporated',
    version: '1.0',
    description: 'a b',
    'multi.label1': 'v1',
    x: "it's",
  });
});

test('ports: of the image, with a protocol, a range, a variable', () => {
  const image = settings('EXPOSE 80').ports;
  const { ports } = settings('ENV P="443 80"\nEXPOSE 53/udp $P 7000-7001', { image: { ports: image } });
  expect(ports.map(({ port, protocol }) => `${port}/${protocol}`)).toEqual(
    ['80/TCP', '53/UDP', '7000/TCP', '7001/TCP', '443/TCP'].sort((a, b) => order(a) - order(b)),
  );
});
/** Those of the image first, the others as texts are sorted. */
const order = (port: string) => ['80/TCP', '443/TCP', '53/UDP', '7000/TCP', '7001/TCP'].indexOf(port);

test('triggers of the image run first, and are gone', () => {
  const image = { other: { OnBuild: ['COPY . /app/src', 'RUN make'], StopSignal: 'SIGINT' } };
  const plan = planOf('FROM a\nRUN x\n', { image });
  expect(plan.steps.map(({ asked }) => `${asked.line} ${asked.keyword}`)).toEqual(['1 COPY', '1 RUN', '2 RUN']);
  expect(plan.settings.other).toEqual({ StopSignal: 'SIGINT' });
});

// ── faults ──────────────────────────────────────────────────────────────────────────────
const faults: [text: string, said: string][] = [
  ['', 'the file has no FROM'],
  ['RUN x\nFROM a', 'line 1: RUN: only ARG may come before the first FROM'],
  ['FROM a\nFETCH x', 'line 2: FETCH: unknown instruction'],
  ['FROM a\nCOYP a b', 'line 2: COYP: unknown instruction; did you mean COPY?'],
  ['FROM $NOPE', 'line 1: FROM: the image is empty: $NOPE has no value'],
  ['FROM a b', 'line 1: FROM: write it as in FROM image AS name'],
  ['FROM a AS 1x', 'line 1: FROM: 1x cannot be the name of a stage'],
  ['FROM a\n\nCOPY a', 'line 3: COPY: a source and a destination are required'],
  ['FROM a\nCOPY --form=x a b', 'line 2: COPY: unknown flag --form; did you mean --from?'],
  ['FROM a\nCOPY --from=$X a b', 'line 2: COPY: --from does not expand variables'],
  ['FROM a\nCOPY --chmod=rwx a b', 'line 2: COPY: --chmod=rwx is not an octal number'],
  ['FROM a\nADD https://example.com/a.tar.gz /', 'line 2: ADD: https://example.com/a.tar.gz cannot be fetched'],
  ['FROM a\nADD git@github.com:a/b.git /', 'line 2: ADD: git@github.com:a/b.git cannot be fetched'],
  ['FROM a\nRUN --mount=type=ssh x', 'line 2: RUN: --mount=type=ssh is not in the embedded engine'],
  ['FROM a\nRUN --mount=type=cahce,target=/x x', 'line 2: RUN: unknown mount type cahce; did you mean cache?'],
  ['FROM a\nRUN --mount=type=cache,tagret=/x x', 'did you mean target?'],
  ['FROM a\nRUN --mount=type=cache x', "line 2: RUN: a mount's target is missing"],
  ['FROM a\nRUN --mount=type=toString,constructor=1 x', 'line 2: RUN: unknown mount type tostring'],
  ['FROM a\nRUN --constructor=1 x', 'line 2: RUN: unknown flag --constructor'],
  ['FROM a\nRUN --network=host x', 'line 2: RUN: --network=host is not in the embedded engine'],
  ['FROM a\nRUN', 'line 2: RUN: its arguments are missing'],
  ['FROM a\nENV A', 'line 2: ENV: A has no value'],
  ['FROM a\nENV A=1 B', 'line 2: ENV: B is not a name and a value'],
  ['FROM a\nENV A="${B:?is needed}"', 'line 2: ENV: B: is needed'],
  ['FROM a\nEXPOSE http', 'line 2: EXPOSE: http is not a port'],
  ['FROM a\nSHELL /bin/bash', 'line 2: SHELL: an array is required'],
  ['FROM a\nCMD ["a", 1]', 'line 2: CMD: only strings in double quotes are allowed in the array'],
  ['FROM a\nONBUILD FROM b', 'line 2: ONBUILD: FROM cannot be a trigger'],
  ['FROM a\nHEALTHCHECK curl x', 'line 2: HEALTHCHECK: CMD with a command, or NONE, is required'],
];
// "Billion laughs" (CVE-2003-1564), in the words of a Dockerfile
const doubled = (keyword: string, last = '') =>
  `FROM scratch\n${keyword} A=0123456789abcdef\n${`${keyword} A=$A$A\n`.repeat(16)}${last || `${keyword} A=$A$A`}`;
for (const [text, said] of [
  [doubled('ENV'), 'line 19: ENV: a value grows to more than 1 MiB by its variables'],
  [doubled('ARG'), 'line 19: ARG: a value grows to more than 1 MiB by its variables'],
  [doubled('ENV', 'LABEL a="${A:+$A$A}"'), 'line 19: LABEL: a value grows to more than 1 MiB by its variables'],
  [
    `${doubled('ARG', 'RUN true')}\n${'LABEL a=$A\n'.repeat(20)}`,
    ': LABEL: the variables of this file grow to more than 16 MiB',
  ],
] as const)
  test(`fault: ${text.slice(13, 40)}… ${said}`, () => expect(() => planOf(text)).toThrow(said));

for (const [text, said] of faults)
  test(`fault: ${JSON.stringify(text)}`, () => expect(() => planOf(text)).toThrow(said));
test('fault: a target that is not there', () =>
  expect(() => stagesIn(THREE, { target: 'three' })).toThrow('stage three not found; the stages are one, two'));

// ── .dockerignore: https://docs.docker.com/build/concepts/context/#dockerignore-files ────
const ignores: [lines: string, ignoredPaths: string[], kept: string[]][] = [
  ['# comment\n*/temp*\n', ['a/temporary.txt', 'a/temp/x'], ['temp', 'a/b/temporary.txt']],
  ['*/*/temp*', ['a/sub/temporary.txt'], ['a/temporary.txt']],
  ['temp?', ['tempa', 'tempb'], ['temp', 'tempab']],
  ['**/*.go', ['a.go', 'x/y/a.go'], ['a.gox']],
  ['/foo/bar\n', ['foo/bar', 'foo/bar/x'], ['a/foo/bar']],
  ['*.md\n!README.md', ['a.md'], ['README.md', 'x/a.md']],
  ['*.md\n!README*.md\nREADME-secret.md', ['README-secret.md'], ['README-a.md']],
  ['*.md\nREADME-secret.md\n!README*.md', ['a.md'], ['README-secret.md']],
  ['.\n./\n/', [], ['a', '.x']],
  ['*\n!src\nsrc/x', ['a', 'src/x'], ['src/y/z']],
  ['\uFEFFnode_modules/\r\n  dist  \r\n', ['node_modules/x', 'dist'], ['a/node_modules']],
];
for (const [lines, gone, kept] of ignores)
  test(`.dockerignore: ${JSON.stringify(lines)}`, () => {
    const rules = new Patterns(ignored(lines));
    expect(gone.filter((path) => !rules.matches(path))).toEqual([]);
    expect(kept.filter((path) => rules.matches(path))).toEqual([]);
  });
