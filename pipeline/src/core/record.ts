// JSON that others wrote, by its fields: nothing is taken to be there.

export type Fields = Record<string, unknown>;

export const isRecord = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Empty for what is no object. */
export const recordOf = (value: unknown): Fields => (isRecord(value) ? value : {});

/** The fields of a JSON file, which may begin with a byte order mark; undefined where it cannot be read. */
export function fieldsIn(text: string | null): Fields | undefined {
  try {
    const value: unknown = JSON.parse((text ?? '').replace(/^\uFEFF/, ''));
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
