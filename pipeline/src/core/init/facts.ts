// What a look at a repository finds there, as the command line reads it from the disk.

/** A folder with a package.json; '' is the root. */
export type Candidate = { folder: string; manifest: string };

export type Text = { file: string; text: string };

export type InitFacts = {
  candidates: readonly Candidate[];
  /** The names in the root. */
  entries: readonly string[];
  /** Patterns of workspaces, of npm or pnpm. */
  workspaces: readonly string[];
  /** Of the service's folder: its programs, the names in it, and a Dockerfile of its own or of the root. */
  sources: readonly Text[];
  names: readonly string[];
  dockerfile: Text | null;
  /** Of the service's folder or the root. */
  compose: Text | null;
  /** Files that name a Node version. */
  nodeFiles: readonly Text[];
};
