// Rules about the Node that a repository asks for: everything runs on the one that is pinned.
import { quoted } from '../../command.ts';
import { PINS } from '../../pins.ts';
import { recordOf } from '../record.ts';
import { blocked, type Finding, lineOfKey, note } from './finding.ts';
import { majorIn, takesMajor } from './node-version.ts';
import type { PackageView } from './package-view.ts';

/** The major of the pinned image. */
export const NODE_MAJOR = Number(/node:(\d+)/.exec(PINS.node.image)?.[1]);

export function enginesOtherNode(view: PackageView): Finding[] {
  const { fields, manifest, npmrc, at } = view;
  const asked = recordOf(fields.engines).node;
  if (typeof asked !== 'string' || takesMajor(asked, NODE_MAJOR) !== false) return [];
  const said = {
    file: at('package.json'),
    line: lineOfKey(manifest ?? '', 'node'),
    problem: `${at('package.json')} asks for Node ${asked} (engines.node), and everything runs on Node ${NODE_MAJOR}`,
    hint: `try it on Node ${NODE_MAJOR}, and say so: npm pkg set engines.node='>=${NODE_MAJOR}'${view.folder === '' ? '' : ` --prefix ${quoted(view.folder)}`}`,
  };
  const isStrict = /^[^\S\n]*engine-strict[^\S\n]*=[^\S\n]*true[^\S\n]*$/m.test(npmrc ?? '');
  return [
    isStrict
      ? blocked('BAD_MANIFEST', { ...said, problem: `${said.problem}: npm refuses that (engine-strict in .npmrc)` })
      : note(said),
  ];
}

export function fileOfOtherNode({ nodeFiles }: PackageView): Finding[] {
  return nodeFiles.flatMap(({ file, text }) => {
    const major = majorIn(text);
    if (major === null || major === NODE_MAJOR) return [];
    const problem = `${file} asks for Node ${major}, and everything runs on Node ${NODE_MAJOR}`;
    return [
      note({
        file,
        line: 1,
        problem,
        hint: `try it on Node ${NODE_MAJOR}, and say so: echo ${NODE_MAJOR} >${quoted(file)}`,
      }),
    ];
  });
}
