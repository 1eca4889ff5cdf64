// Parts of a run put together: order of arrival counts, nothing that was found is lost, and nothing is said that was not found.
import { expect, it } from 'vitest';
import type { StageResult, StandIn } from '../../src/core/model.ts';
import { together } from '../../src/stages/found.ts';

const stage = (name: StageResult['name'], status: StageResult['status']) => ({ name, status }) as StageResult;
const standIn = (image: string): StandIn => ({ image, pin: image, recipe: `${image}+recipe` });

it('knows nothing of a run in which nothing was found', () => {
  const { source, stages, delivery, image, standIns, files, texts } = together([]);
  expect(source).toMatchObject({ commit: null, reason: 'git was not asked' });
  expect({ delivery, image, standIns }).toEqual({ delivery: null, image: null, standIns: [] });
  expect([stages.size, files.size, texts.size]).toEqual([0, 0, 0]);
});

it('joins lists and maps, and takes the later of two answers', () => {
  const known = together([
    { stage: stage('build', 'passed'), standIns: [standIn('node')], texts: new Map([['a', '1']]) },
    { stage: stage('gate', 'passed'), standIns: [standIn('trivy')], texts: new Map([['b', '2']]) },
    { stage: stage('gate', 'failed'), texts: new Map([['b', '3']]) },
  ]);
  expect([...known.stages].map(([name, { status }]) => `${name} ${status}`)).toEqual(['build passed', 'gate failed']);
  expect(known.standIns.map(({ image }) => image)).toEqual(['node', 'trivy']);
  expect(Object.fromEntries(known.texts)).toEqual({ a: '1', b: '3' });
});

it('keeps an answer that a later part does not give', () => {
  const image = { digest: 'sha256:1' } as NonNullable<ReturnType<typeof together>['image']>;
  expect(together([{ image }, { image: null }, {}]).image).toBe(image);
});

it('makes one delivery of what publish, sign and promote say of it', () => {
  const pushed = { sent: { blobs: 1, bytes: 2 }, there: { blobs: 0, bytes: 0 } };
  const { delivery } = together([
    { delivery: { image: 'ghcr.io/acme/app', digest: 'sha256:1', rehearsal: true, pushed, previous: null } },
    { delivery: { statements: ['sbom'] } },
    { delivery: { tags: ['main'] } },
  ]);
  expect(delivery).toEqual({
    image: 'ghcr.io/acme/app',
    digest: 'sha256:1',
    rehearsal: true,
    pushed,
    previous: null,
    statements: ['sbom'],
    tags: ['main'],
  });
});
