// What a service listens to, by the kernel's tables: /proc/net/tcp and tcp6, whose columns proc(5) describes.

const LISTENS = '0A';

/** Ports, those of one address alone with it: `3000`, `127.0.0.1:8000`. */
export function listening(tables: string): string[] {
  const places = tables.split('\n').flatMap((line) => {
    const [, local = '', , state] = line.trim().split(/\s+/);
    const [address = '', port = ''] = local.split(':');
    if (state !== LISTENS) return [];
    const number = String(Number.parseInt(port, 16));
    return [/^0+$/.test(address) ? number : `${phraseAddress(address)}:${number}`];
  });
  return [...new Set(places)];
}

/** Each four bytes are a number as the machine writes it: backwards on all that this runs on. */
function phraseAddress(hex: string): string {
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) => (word.match(/../g) ?? []).reverse());
  const last = bytes.slice(-4).map((byte) => Number.parseInt(byte, 16));
  const isMapped = bytes.length === 16 && /^0{20}f{4}$/i.test(bytes.slice(0, 12).join(''));
  if (bytes.length === 4 || isMapped) return last.join('.');
  const groups = Array.from({ length: 8 }, (_, index) => bytes.slice(2 * index, 2 * index + 2).join(''));
  return `[${new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)}]`;
}

/** For a sentence about a service that does not answer; empty where nothing is known. */
export function phraseListening(tables: string): string {
  if (tables.trim() === '') return '';
  const places = listening(tables);
  return places.length === 0 ? '; it listens to no port' : `; it listens to ${places.join(' and ')}`;
}
