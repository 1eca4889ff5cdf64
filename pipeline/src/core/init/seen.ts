// What a Dockerfile says of the service that it was written for, and where.
import { lineAt } from '../check/finding.ts';
import type { Text } from './facts.ts';

/** What was seen, and where; `from` is a file with its line. */
export type Seen<T> = { value: T; from: string };

export const placeIn = ({ file, text }: Text, at: number): string => `${file}:${lineAt(text, at)}`;

export const isPort = (port: number): boolean => port >= 1 && port <= 65_535;

export function exposedPort(dockerfile: Text): Seen<number> | null {
  const found = /^EXPOSE\s+(\d+)/im.exec(dockerfile.text);
  const port = Number(found?.[1]);
  return found === null || !isPort(port) ? null : { value: port, from: placeIn(dockerfile, found.index) };
}

/** The path that its HEALTHCHECK asks. */
export function checkedPath(dockerfile: Text): Seen<string> | null {
  const found = /^HEALTHCHECK[\s\S]*?https?:\/\/[^/\s'"]+(\/[\w./~%-]*)/im.exec(dockerfile.text);
  return found?.[1] === undefined ? null : { value: found[1], from: placeIn(dockerfile, found.index) };
}

/** How a drydock.yaml begins that was written for somebody. */
export const COMMENT = '# What drydock cannot see by itself: the service, and where it differs from what is usual.';
