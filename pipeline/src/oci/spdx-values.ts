// Values of an SPDX document that scanners take over as packages write them, and that the specification (2.3) does not allow so.

type Json = Record<string, unknown>;

/** What it calls a place: a URL, with the tool of a repository before it. */
const LOCATION =
  /^(?:(?:git|hg|svn|bzr)\+)?(?:https?|ssh|git|svn|ftp|sftp):\/\/(?:[^\s/@]+@)?[a-z0-9.-]+(?::\d+)?(?:[/?#][^\s\\"<>^`{|}]*)?$/i;
const UNKNOWN = 'NOASSERTION';

/** npm's short names of places: https://docs.npmjs.com/cli/configuring-npm/package-json#repository */
const HOSTS: Readonly<Record<string, string>> = {
  github: 'https://github.com/',
  gitlab: 'https://gitlab.com/',
  bitbucket: 'https://bitbucket.org/',
  gist: 'https://gist.github.com/',
};

/** Where a package can be had, as the specification has it; a place that is none is not asserted. */
export function downloadLocation(given: unknown): string {
  const text = typeof given === 'string' ? given.trim() : '';
  if (text === 'NONE' || text === UNKNOWN || LOCATION.test(text)) return text;
  const [, host = 'github', path] =
    /^(?:(github|gitlab|bitbucket|gist):)?(\w[\w.-]*\/\w[\w.-]*|[\da-f]{20,})$/.exec(text) ?? [];
  if (path !== undefined && (path.includes('/') || host === 'gist'))
    return `git+${HOSTS[host]}${path.replace(/\.git$/, '')}.git`;
  const [, server, place] = /^(?:git\+)?(?:ssh:\/\/)?([\w.-]+@[\w.-]+):(?!\/\/)([\w./~-]+)$/.exec(text) ?? [];
  return server === undefined ? UNKNOWN : `git+ssh://${server}/${place}`;
}

/** Every licence that a document refers to is one that it holds, if only by its name: Syft keeps no texts. */
export function extractedLicences(document: Json): Json[] {
  const held = Array.isArray(document.hasExtractedLicensingInfos)
    ? (document.hasExtractedLicensingInfos as Json[])
    : [];
  const known = new Set(held.map(({ licenseId }) => licenseId));
  const { hasExtractedLicensingInfos: _held, ...rest } = document;
  const wanted = new Set(JSON.stringify(rest).match(/(?<![\w.:-])LicenseRef-[A-Za-z0-9.-]+/g) ?? []);
  const missing = [...wanted].filter((id) => !known.has(id)).map(named);
  return [...held, ...missing];
}

function named(licenseId: string): Json {
  return { licenseId, name: licenseId.replace('LicenseRef-', ''), extractedText: UNKNOWN };
}
