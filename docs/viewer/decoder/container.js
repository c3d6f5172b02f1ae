/* The file: signature, version, and chunks with a CRC each. Limits are checked before anything is made. */

import { FormatError, expect, require } from './errors.js';
import { FieldReader } from './fields.js';
import { PLANES, readHeader } from './header.js';

const SIGNATURE = [0x89, 0x49, 0x4e, 0x52, 0x0d, 0x0a, 0x1a, 0x0a];
const HEAD_SIZE = 17;
const MAX_CHUNKS = 64; // before the pixels, and as many again from there on
const MAX_METADATA = 2 ** 24;
const MAX_EXPANDED = 2 ** 20;
const MAX_TEXTS = 1024;
const MAX_KEY = 1024;
const BLOCKS = ['exif', 'iccp', 'xmpp', 'comm', 'text'];

const CRCS = new Uint32Array(256).map((_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
  return c;
});

/* The CRC-32 of parts, one behind the other. */
export function crc32(...parts) {
  let c = 0xffffffff;
  for (const part of parts) {
    for (let k = 0; k < part.length; k++) c = CRCS[(c ^ part[k]) & 255] ^ (c >>> 8);
  }
  return ~c >>> 0;
}

/* Bytes → { header, palette, metadata, plane: { kind, data } or null, payloads }. FormatError: a reader refuses them. */
export function readFile(engine, data) {
  const file = new FieldReader(data);
  const signature = file.take(SIGNATURE.length, 'signature');
  require(SIGNATURE.every((byte, k) => byte === signature[k]), 'signature: expected that of an .inr file, got another');
  const version = file.take(1, 'version')[0];
  require(version === 1, `version: expected 1, got ${version}; this file needs another version of the reader`);
  const first = chunkHead(file);
  require(first.kind === 'HEAD' && first.length === HEAD_SIZE, `first chunk: expected HEAD of ${HEAD_SIZE} bytes`);
  const header = readHeader(chunkData(file, first, HEAD_SIZE));
  const found = { header, palette: null, metadata: {}, plane: null, payloads: [] };
  readBefore(engine, file, found);
  readPixels(file, found);
  return found;
}

/* Chunks up to those with the pixels, at which the file is then. */
function readBefore(engine, file, found) {
  const { header, metadata } = found;
  const known = new Set(['HEAD']);
  for (let count = 0; ; count++) {
    const start = file.offset;
    const head = chunkHead(file);
    const { kind } = head;
    const plane = Object.hasOwn(PLANES, kind);
    if (plane || kind === header.row.chunk) {
      if (plane) {
        const tiles = kind === 'TILE';
        require(header.model !== 'exact' && PLANES[kind].includes(header.mode) && !(tiles && (header.model !== 'latent' || header.depth !== 8)),
          `chunk ${kind}: expected none with mode ${header.mode} and model ${header.model}, got one`);
        header.keepsAlpha = kind === 'ALPH' || (tiles && header.mode.endsWith('A')); // all of it stands beside the model
        header.coded -= header.keepsAlpha ? 1 : 0;
        header.plane = kind;
      }
      require((header.mode === 'P') === (found.palette !== null), `chunk PLTE: expected exactly in mode P, got mode ${header.mode}`);
      file.offset = start;
      return;
    }
    require(count < MAX_CHUNKS, `chunks: expected at most ${MAX_CHUNKS} before the pixels, got more`);
    const data = chunkData(file, head, MAX_METADATA);
    require(!known.has(kind), `chunk ${kind} at byte ${start}: expected once, got it again`);
    if (kind === 'PLTE') found.palette = readPalette(data, header);
    else if (kind === 'RANG') header.ranges = readRanges(data, header);
    else if (kind === 'dpis') require(data.length === 8, `chunk dpis: expected 8 bytes, got ${data.length}`);
    else if (BLOCKS.includes(kind)) metadata[kind] = readBlock(engine, data, kind);
    else if (critical(kind)) throw new FormatError(`chunk ${kind} at byte ${start}: unknown and critical`);
    else continue;
    known.add(kind);
  }
}

/* The plane beside the model, and the model's payloads. */
function readPixels(file, found) {
  const { header } = found;
  const end = file.offset + header.payloadBytes;
  require(end <= file.data.length, `pixel chunks: expected ${header.payloadBytes} bytes, got ${file.left}: the file ends early`);
  const pixels = new FieldReader(file.data.subarray(file.offset, end));
  for (let count = 0; pixels.left; count++) {
    require(count < MAX_CHUNKS, `chunks: expected at most ${MAX_CHUNKS} from the pixels on, got more`);
    const head = chunkHead(pixels);
    const data = chunkData(pixels, head, header.row.most);
    if (header.plane && !found.plane && head.kind === header.plane) {
      found.plane = { kind: head.kind, data };
    } else if ((!header.plane || found.plane) && head.kind === header.row.chunk) {
      require(header.row.several || !found.payloads.length, `chunk ${head.kind}: expected once, got it again`);
      found.payloads.push(data);
    } else if (critical(head.kind)) {
      throw new FormatError(`chunk ${head.kind}: unknown and critical`);
    }
  }
  require(found.payloads.length && (!header.plane || found.plane), `chunk ${header.row.chunk}: expected one, got none`);
}

function chunkHead(file) {
  const offset = file.offset;
  const length = file.unsigned(4, `chunk at byte ${offset}`);
  const type = file.take(4, `chunk at byte ${offset}`);
  const kind = String.fromCharCode(...type);
  require(/^[A-Za-z]{4}$/.test(kind), `chunk at byte ${offset}: expected a type of four letters, got others`);
  return { kind, type, length };
}

function chunkData(file, { kind, type, length }, most) {
  expect(`chunk ${kind}: length`, length, 0, most);
  const data = file.take(length, `chunk ${kind}`);
  require(file.unsigned(4, `chunk ${kind}: CRC`) === crc32(type, data), `chunk ${kind}: expected another CRC: it is damaged`);
  return data;
}

function critical(kind) {
  return kind[0] < 'a';
}

function readPalette(data, header) {
  const n = header.channels;
  const colours = data.length / n;
  require(Number.isInteger(colours) && colours >= 1 && colours <= 256,
    `chunk PLTE: expected 1 to 256 colours of ${n} bytes, got ${data.length} bytes`);
  return data.slice();
}

/* By channel its six values. */
function readRanges(data, header) {
  require(header.depth === 16 && header.model !== 'exact', 'chunk RANG: expected with 16 bits of a lossy model only, got one');
  require(data.length === 12 * header.channels, `chunk RANG: expected ${12 * header.channels} bytes, got ${data.length}`);
  const fields = new FieldReader(data);
  return Array.from({ length: header.channels }, () => {
    const six = Array.from({ length: 6 }, () => fields.unsigned(2, 'chunk RANG'));
    require(six.every((value, k) => !k || six[k - 1] <= value), 'chunk RANG: expected six values in ascending order');
    return six;
  });
}

function readBlock(engine, data, kind) {
  require(data.length && data[0] <= 1, `chunk ${kind}: expected compression 0 or 1, got ${data[0] ?? 'nothing'}`);
  const block = data[0] ? engine.expand(data.subarray(1), 1, MAX_EXPANDED, `chunk ${kind}`) : data.slice(1);
  return kind === 'text' ? readTexts(block) : block;
}

/* Values by key. */
function readTexts(block) {
  let text;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(block);
  } catch {
    throw new FormatError('chunk text: expected UTF-8, got others');
  }
  const strings = text.split('\0');
  require(strings.pop() === '' && strings.length % 2 === 0, 'chunk text: expected keys and values, each ended by a zero');
  require(strings.length <= 2 * MAX_TEXTS, `chunk text: expected at most ${MAX_TEXTS} keys, got ${strings.length / 2}`);
  const found = new Map();
  for (let k = 0; k < strings.length; k += 2) {
    expect('chunk text: characters of a key', [...strings[k]].length, 1, MAX_KEY);
    require(!found.has(strings[k]), 'chunk text: expected different keys, got one twice');
    found.set(strings[k], strings[k + 1]);
  }
  return found;
}
