/* The exact model: strips of planes, coded in parts. */

import { FormatError, expect, require } from './errors.js';
import { FieldReader } from './fields.js';

const LISTED = 4;
const FROM_SECOND = 8;
const MIXED = 64;
const LARGEST_HEAD = MIXED | (3 << 4) | 1;
const STRIP_PIXELS = 2 ** 20;
const MAX_STRIPS = 64;
const MAX_MIXED = 2 ** 32;

const bitsOf = (size) => 32 - Math.clz32(size - 1); // the fewest that hold 0 … size − 1
const storedBits = (size) => [0, 1, 2, 4, 8, 16].find((bits) => bits >= bitsOf(size));
const valuesOf = (size, count) => (size > 256 ? new Uint16Array(count) : new Uint8Array(count));

/* First row and rows of each strip of a picture. */
export function stripRows(width, height) {
  const rows = Math.max(Math.floor(STRIP_PIXELS / width), Math.ceil(height / MAX_STRIPS));
  const strips = [];
  for (let top = 0; top < height; top += rows) strips.push({ top, rows: Math.min(rows, height - top) });
  return strips;
}

/* Payloads → samples (height, width, planes): of mode 1 0 and 1, of mode P places in the palette. */
export function decodeExact(engine, header, payloads, palette, onStrip) {
  const { width, height } = header;
  const strips = stripRows(width, height);
  require(payloads.length === strips.length, `strips: expected ${strips.length}, got ${payloads.length}`);
  const planes = header.mode === 'P' ? 1 : header.channels;
  const size = 2 ** header.depth;
  const mayMix = width * height * planes * header.depth <= MAX_MIXED;
  const out = valuesOf(size, width * height * planes);
  strips.forEach(({ top, rows }, k) => {
    const what = `strip ${k}`;
    const fields = new FieldReader(payloads[k]);
    const parts = readParts(fields, { planes, rows, width, size }, what);
    require(mayMix || !parts.some((part) => part.mixed), `${what}: expected no part of the mixing coder in a picture of this size`);
    require(!fields.left, `${what}: expected nothing after its parts, got ${fields.left} bytes`);
    const found = unpackParts(engine, parts, { rows, width, size }, what);
    if (palette) {
      const colours = palette.length / header.channels;
      for (const plane of found) checkBelow(plane, colours, `${what}, places in the palette`);
    }
    for (let plane = 0; plane < planes; plane++) {
      const from = found[plane];
      for (let i = 0, at = top * width * planes + plane; i < from.length; i++, at += planes) out[at] = from[i];
    }
    if (onStrip) onStrip((k + 1) / strips.length);
  });
  return out;
}

/* Planes (count) of a picture off the front of a chunk, all strips one behind the other: a function that expands them. */
export function readWhole(engine, fields, count, { width, height, size }, what) {
  const strips = stripRows(width, height);
  const parts = strips.map(({ rows }, k) => readParts(fields, { planes: count, rows, width, size }, `${what}, strip ${k}`));
  return () => {
    const planes = Array.from({ length: count }, () => valuesOf(size, width * height));
    strips.forEach(({ top, rows }, k) => {
      const found = unpackParts(engine, parts[k], { rows, width, size }, `${what}, strip ${k}`);
      planes.forEach((plane, at) => plane.set(found[at], top * width));
    });
    return planes;
  };
}

/* One strip of one plane, likewise. */
export function readStrip(engine, fields, { rows, width, size }, what) {
  const parts = readParts(fields, { planes: 1, rows, width, size }, what);
  return () => unpackParts(engine, parts, { rows, width, size }, what)[0];
}

/* The parts of a strip, not expanded. */
function readParts(fields, { planes: all, rows, width, size }, what) {
  const parts = [];
  for (let left = all; left; ) {
    const where = `${what}, part ${parts.length}`;
    const head = fields.byte(where, 0, LARGEST_HEAD);
    const planes = ((head >> 4) & 3) + 1;
    expect(`${where}: planes`, planes, 1, left);
    left -= planes;
    const fromSecond = (head & FROM_SECOND) !== 0;
    require(!fromSecond || (planes >= 3 && !(head & LISTED)),
      `${where}: expected differences from the second of three or four planes, got ${head}`);
    if (head & MIXED) {
      require(!(head & 14), `${where}: expected no predictor and no list with the mixing coder, got ${head}`);
      const data = fields.take(fields.number(`${where}, length`, 0, fields.data.length), where);
      parts.push({ planes, mixed: true, asks: head & 1, data });
      continue;
    }
    const colours = head & LISTED ? fields.byte(`${where}, colours`, 0, 255) + 1 : 0;
    const length = fields.number(`${where}, length`, 0, fields.data.length);
    const listed = colours * planes * (size > 256 ? 2 : 1);
    const line = Math.ceil((width * storedBits(colours || size)) / 8);
    const bytes = listed + (colours ? 1 : planes) * rows * line;
    const data = fields.take(length || bytes, where);
    parts.push({ planes, predictor: head & 3, colours, listed, fromSecond, bytes, squeezed: length > 0, data });
  }
  return parts;
}

/* Parts → planes, each (rows · width,). */
function unpackParts(engine, parts, shape, what) {
  return parts.flatMap((part, k) => {
    const where = `${what}, part ${k}`;
    return part.mixed ? unpackMixed(engine, part, shape, where) : unpackPlain(engine, part, shape, where);
  });
}

let tables = null;

/* What the mixing coder knows: SQUASH, STRETCH and the rates of its counters. */
function mixingTables() {
  const clip = (value, low, high) => Math.max(low, Math.min(high, value));
  tables ??= [
    Uint16Array.from({ length: 4095 }, (_, k) => clip(Math.round(65536 / (1 + Math.exp((2047 - k) / 256))), 16, 65520)),
    Int16Array.from({ length: 4096 }, (_, k) => clip(Math.round(256 * Math.log((k + 0.5) / (4095.5 - k))), -2047, 2047)),
    Uint32Array.from({ length: 1024 }, (_, k) => Math.floor(131072 / (2 * k + 3))),
  ];
  return tables;
}

function unpackMixed(engine, { planes, asks, data }, { rows, width, size }, where) {
  const area = rows * width;
  return engine.within(() => {
    const out = engine.take(2 * area * planes);
    const places = mixingTables().map((table) => engine.put(table));
    const result = engine.calls.mix(rows, width, planes, bitsOf(size), asks, ...places, engine.put(data), data.length, out);
    engine.check(result, where, 'bytes of the mixing coder');
    return Array.from({ length: planes }, (_, plane) => {
      const values = valuesOf(size, area);
      values.set(engine.view(out + 2 * area * plane, area, Uint16Array));
      if (size < 2 ** bitsOf(size)) checkBelow(engine.view(out + 2 * area * plane, area, Uint16Array), size, where);
      return values;
    });
  });
}

function unpackPlain(engine, part, { rows, width, size }, where) {
  const { planes, predictor, colours, listed, fromSecond, bytes } = part;
  const body = part.squeezed ? engine.expand(part.data, bytes, bytes, where) : part.data;
  const area = rows * width;
  if (!colours) {
    const found = symbolsOf(body, planes, rows, width, size, predictor, where);
    if (fromSecond) {
      for (const plane of [found[0], found[2]]) {
        for (let i = 0; i < area; i++) plane[i] = (plane[i] + found[1][i] + size / 2) % size; // as − size / 2
      }
    }
    return found;
  }
  const list = Array.from({ length: planes }, (_, plane) => Uint16Array.from({ length: colours }, (_, k) => {
    const at = plane * colours + k;
    return size > 256 ? body[at] * 256 + body[planes * colours + at] : body[at];
  }));
  for (const plane of list) checkBelow(plane, size, `${where}, colours`);
  const [places] = symbolsOf(body.subarray(listed), 1, rows, width, colours, predictor, where);
  return list.map((plane) => {
    const values = valuesOf(size, area);
    for (let i = 0; i < area; i++) values[i] = plane[places[i]];
    return values;
  });
}

/* Symbols of planes, less than size, of what is stored. */
function symbolsOf(data, planes, rows, width, size, predictor, where) {
  const stored = predictor ? spread(data, planes * rows, width, size, where) : spread(data, rows, width * planes, size, where);
  const area = rows * width;
  if (!predictor) {
    if (planes === 1) return [stored];
    return Array.from({ length: planes }, (_, plane) => {
      const values = valuesOf(size, area);
      for (let i = 0; i < area; i++) values[i] = stored[i * planes + plane];
      return values;
    });
  }
  return Array.from({ length: planes }, (_, plane) =>
    predicted(stored.subarray(plane * area, (plane + 1) * area), width, size, predictor));
}

/* Values (rows · line,) less than size; each row is a bit string of its own, of 16 bits all high bytes come first. */
function spread(data, rows, line, size, where) {
  const bits = storedBits(size);
  const count = rows * line;
  const values = valuesOf(size, count);
  if (bits === 16) {
    for (let i = 0; i < count; i++) values[i] = data[i] * 256 + data[count + i];
  } else if (bits === 8) {
    values.set(data.subarray(0, count));
  } else if (bits) {
    const bytes = Math.ceil((line * bits) / 8);
    const each = 8 / bits;
    const mask = 2 ** bits - 1;
    for (let y = 0; y < rows; y++) {
      for (let x = 0; x < bytes * each; x++) {
        const value = (data[y * bytes + Math.floor(x / each)] >> (8 - bits - bits * (x % each))) & mask;
        if (x < line) values[y * line + x] = value;
        else require(!value, `${where}: expected zero bits at the ends of rows, got others`);
      }
    }
  }
  checkBelow(values, size, where);
  return values;
}

/* In place: symbols of what stands for how they differ from their neighbours. */
function predicted(values, width, size, predictor) {
  for (let i = 0; i < values.length; i++) {
    const first = i % width === 0;
    const left = first ? 0 : values[i - 1];
    const above = i < width ? 0 : values[i - width];
    let expected = predictor === 1 ? left : above;
    if (predictor === 3) {
      const corner = first || i < width ? 0 : values[i - width - 1];
      const slope = left + above - corner;
      expected = Math.max(Math.min(left, above), Math.min(Math.max(left, above), slope));
    }
    const f = values[i];
    const symbol = (expected + (f & 1 ? -((f + 1) >> 1) : f >> 1)) % size;
    values[i] = symbol < 0 ? symbol + size : symbol;
  }
  return values;
}

function checkBelow(values, size, what) {
  let largest = 0;
  for (let i = 0; i < values.length; i++) largest = Math.max(largest, values[i]);
  if (largest >= size) throw new FormatError(`${what}: expected 0 to ${size - 1}, got ${largest}`);
}
