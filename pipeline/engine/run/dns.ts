// Reads DNS questions and writes answers to those about the session's own names (RFC 1035). Opens no socket.

const TYPE_A = 1;
const TYPE_PTR = 12;
const CLASS_IN = 1;
const HEADER_BYTES = 12;

export const RCODE = { noError: 0, serverFailure: 2, noSuchName: 3, notImplemented: 4 } as const;

/** What a name server knows for sure. Names are in lower case, without a dot at the end. */
export interface Zone {
  /** All names below this domain are the zone's, also those that don't exist. */
  readonly domain: string;
  /** The address of a name given without the domain. */
  readonly addressOf: (name: string) => string | undefined;
  readonly nameOf: (address: string) => string | undefined;
}

export interface Question {
  readonly name: string;
  readonly type: number;
  readonly class: number;
  /** Where the question ends in its message. */
  readonly end: number;
}

/** The one question of a query; undefined for anything else. */
export function readQuestion(message: Buffer): Question | undefined {
  if (message.length < HEADER_BYTES) return undefined;
  const isQuery = (message.readUInt16BE(2) & 0xf800) === 0;
  if (!isQuery || message.readUInt16BE(4) !== 1) return undefined;
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (;;) {
    const length = message[at];
    // A question has no compressed names: nothing stands before it that could be pointed to.
    if (length === undefined || length > 63) return undefined;
    at += 1;
    if (length === 0) break;
    labels.push(message.toString('latin1', at, at + length));
    at += length;
  }
  if (at + 4 > message.length) return undefined;
  const name = labels.join('.').toLowerCase();
  return { name, type: message.readUInt16BE(at), class: message.readUInt16BE(at + 2), end: at + 4 };
}

/** The answer, where the zone has one; undefined where another server is to be asked. */
export function answerFrom(zone: Zone, message: Buffer): Buffer | undefined {
  const question = readQuestion(message);
  if (question === undefined || question.class !== CLASS_IN) return undefined;
  const { name, type } = question;
  if (name.endsWith('.in-addr.arpa')) return answerReverse(zone, message, question);
  const isBelow = name === zone.domain || name.endsWith(`.${zone.domain}`);
  const relative = isBelow ? name.slice(0, -zone.domain.length - 1) : name;
  // A bare name is resolved through the search domain only, as a real engine has it; no other server would know it either.
  const isBare = !isBelow && !name.includes('.') && name !== '';
  const address = isBare ? undefined : zone.addressOf(relative);
  if (address !== undefined) {
    const data = Buffer.from(address.split('.').map(Number));
    return respond(message, question, RCODE.noError, type === TYPE_A ? { type, data } : undefined);
  }
  if (name === zone.domain) return respond(message, question, RCODE.noError);
  return isBelow || isBare ? respond(message, question, RCODE.noSuchName) : undefined;
}

/** Who has an address: asked by servers that log their clients by name, and slow to be answered elsewhere. */
function answerReverse(zone: Zone, message: Buffer, question: Question): Buffer | undefined {
  const address = question.name.replace('.in-addr.arpa', '').split('.').reverse().join('.');
  if (!address.startsWith('10.87.')) return undefined;
  const name = zone.nameOf(address);
  if (name === undefined) return respond(message, question, RCODE.noSuchName);
  const data = writeName(`${name}.${zone.domain}`);
  return respond(message, question, RCODE.noError, question.type === TYPE_PTR ? { type: TYPE_PTR, data } : undefined);
}

/** An answer that says only how a query failed; undefined when it can't be told what was asked. */
export function failure(message: Buffer, code: number): Buffer | undefined {
  const question = readQuestion(message);
  return question === undefined ? undefined : respond(message, question, code);
}

function respond(query: Buffer, question: Question, code: number, answer?: { type: number; data: Buffer }): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  query.copy(header, 0, 0, 2);
  const recursionDesired = query.readUInt16BE(2) & 0x0100;
  const response = 0x8000;
  const authoritative = 0x0400;
  const recursionAvailable = 0x0080;
  header.writeUInt16BE(response | authoritative | recursionDesired | recursionAvailable | code, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(answer === undefined ? 0 : 1, 6);
  const asked = query.subarray(HEADER_BYTES, question.end);
  if (answer === undefined) return Buffer.concat([header, asked]);
  const record = Buffer.alloc(12);
  record.writeUInt16BE(0xc000 | HEADER_BYTES, 0); // the name that was asked for
  record.writeUInt16BE(answer.type, 2);
  record.writeUInt16BE(CLASS_IN, 4);
  record.writeUInt32BE(0, 6); // not to be remembered: services come and go
  record.writeUInt16BE(answer.data.length, 10);
  return Buffer.concat([header, asked, record, answer.data]);
}

function writeName(name: string): Buffer {
  const labels = name.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
  return Buffer.concat([...labels, Buffer.from([0])]);
}
