// What a check says of a machine.

/** `blocked` ends a run before it begins; a `warning` is a wall that not every run meets; `unasked` does not matter here. */
export type Status = 'ok' | 'warning' | 'blocked' | 'unasked';

export type Finding = { status: Status; found: string; fix?: string };

export const NOT_YET: Finding = { status: 'unasked', found: 'skipped: fix the above first' };
