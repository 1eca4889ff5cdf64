// Finds pins in texts and writes their successors there: images, actions and packages each have their form.

/** An image is written in full or as Docker knows it; its digest stands beside it or lines away. */
export type ImageMove = { image: string; digest: string; to: { image: string; digest: string } };
export type ActionMove = { repository: string; commit: string; to: { version: string; commit: string } };
export type PackageMove = { name: string; version: string; to: { version: string } };

export function moveImages(text: string, moves: readonly ImageMove[]): string {
  return moves.reduce((before, { image, digest, to }) => {
    const named = new RegExp(`(?<![\\w.-])${literally(familiar(image))}(?![\\w.-])`, 'g');
    return before.replaceAll(named, () => familiar(to.image)).replaceAll(digest, () => to.digest);
  }, text);
}

/** `docker.io/library/node:24` as `node:24`: the part that both ways of writing it have. */
function familiar(image: string): string {
  return image.replace(/^docker\.io\/(library\/)?/, '');
}

export type ActionPin = { repository: string; commit: string; version: string };

/** `uses: owner/name/path@COMMIT # v1.2.3`. */
const USES = /\buses: ([\w.-]+\/[\w.-]+)((?:\/[\w.-]+)*)@([0-9a-f]{40}) # (v[\w.]+)/g;

/** The actions of a workflow, each once. */
export function actionsIn(text: string): ActionPin[] {
  const found = [...text.matchAll(USES)].map(([, repository = '', , commit = '', version = '']) => ({
    repository,
    commit,
    version,
  }));
  return [...new Map(found.map((pin) => [`${pin.repository}@${pin.commit}`, pin])).values()];
}

export function moveActions(text: string, moves: readonly ActionMove[]): string {
  return text.replaceAll(USES, (whole, repository: string, path: string, commit: string) => {
    const move = moves.find((one) => one.repository === repository && one.commit === commit);
    return move === undefined ? whole : `uses: ${repository}${path}@${move.to.commit} # ${move.to.version}`;
  });
}

type Manifest = { dependencies?: Record<string, string>; devDependencies?: Record<string, string> };

/** What a package.json asks for by an exact version. */
export function packagesIn(text: string): { name: string; version: string }[] {
  const { dependencies, devDependencies } = JSON.parse(text) as Manifest;
  return Object.entries({ ...dependencies, ...devDependencies })
    .filter(([, version]) => /^\d+\.\d+\.\d+$/.test(version))
    .map(([name, version]) => ({ name, version }));
}

/** The text stays as it is written but for the versions. */
export function movePackages(text: string, moves: readonly PackageMove[]): string {
  return moves.reduce(
    (before, { name, version, to }) =>
      before.replaceAll(`${JSON.stringify(name)}: "${version}"`, () => `${JSON.stringify(name)}: "${to.version}"`),
    text,
  );
}

function literally(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
}
