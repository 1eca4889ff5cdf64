// Takes secrets out of a text, in the forms in which others show them: a registry's error may repeat what it was sent.

const MASK = '***';
/** A shorter one would be found in words that are none. */
export const SHORTEST = 6;

/** A secret as it is, and as it stands in headers, addresses and dumps. */
function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const base64 = bytes.toString('base64');
  const forms = [secret, secret.trim(), base64, base64.replace(/=+$/, ''), bytes.toString('base64url')];
  return [...forms, bytes.toString('hex'), bytes.toString('hex').toUpperCase(), encodeURIComponent(secret)];
}

/** The text without any of the secrets, the longest form first: one may be part of another. */
export function hideIn(text: string, secrets: readonly string[]): string {
  const forms = new Set(secrets.flatMap(formsOf).filter((form) => form.length >= SHORTEST));
  return [...forms].sort((a, b) => b.length - a.length).reduce((shown, form) => shown.replaceAll(form, MASK), text);
}
