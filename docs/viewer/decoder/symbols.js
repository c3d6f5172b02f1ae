/* Range-coded symbols: the tables of the latent model's, and what stands before the words of any range coder. */

import { FormatError, expect, require } from './errors.js';
import { FieldReader } from './fields.js';

const ROWS = 512;
const MEANS = 8;
const TAIL_WIDTHS = [1, 3, 5, 8, 24];
const TAIL_STARTS = [0, 2, 10, 42, 298];
const MOST_WIDTH = 24;
const FIRST_BITS = 7; // of the slots for which there is an entry to look at first
const MAX_LANES_EXPONENT = 10;

/* The tables of a prior, as the module takes them: where they are in its memory. */
export function putTables(engine, arrays) {
  const largest = arrays.table_largest.values;
  const rawBits = arrays.table_raw_bits.values;
  const freqs = arrays.table_freqs.values;
  const skipped = arrays.table_skipped.values;
  const rows = new DataView(new ArrayBuffer(8 * ROWS));
  const entries = new DataView(new ArrayBuffer(12 * freqs.length));
  const first = new Uint16Array(ROWS << FIRST_BITS);
  let offset = 0;
  for (let row = 0; row < ROWS; row++) {
    const most = largest[row];
    const width = rawBits[row >> 3];
    const count = 2 * most + 1 + TAIL_WIDTHS.length;
    rows.setInt32(8 * row, offset, true);
    rows.setInt16(8 * row + 4, most, true);
    rows.setUint8(8 * row + 6, width);
    rows.setUint8(8 * row + 7, skipped[row]);
    let start = 0;
    let slot = 0;
    for (let place = 0; place < count; place++) {
      const at = 12 * (offset + place);
      const tail = place - 2 * most - 1;
      const negative = (place % 2 === 1) === (row % MEANS < MEANS / 2);
      const bucket = tail < 0 ? (negative ? -1 : 1) * ((place + 1) >> 1) : most + 1 + TAIL_STARTS[tail] / 2;
      entries.setUint16(at, start, true);
      entries.setUint16(at + 2, freqs[offset + place], true);
      entries.setInt32(at + 4, bucket * 2 ** width - (2 ** width >> 1), true);
      entries.setUint8(at + 8, Math.min(width + (tail < 0 ? 0 : TAIL_WIDTHS[tail]), MOST_WIDTH));
      entries.setUint8(at + 9, tail < 0 ? 0 : 1);
      start += freqs[offset + place];
      for (; slot << 8 < start && slot < 1 << FIRST_BITS; slot++) first[(row << FIRST_BITS) + slot] = offset + place;
    }
    offset += count;
  }
  const places = [rows, entries].map((view) => engine.put(new Uint8Array(view.buffer)));
  return engine.put(Uint32Array.of(places[0], places[1], freqs.length, engine.put(first)));
}

/* The states (lanes,) that a range coder's bytes begin with, and the words behind them. */
export function readStates(data, lanes, what) {
  const states = [];
  let at = 0;
  const bit = (k) => (data[k >> 3] >> (7 - (k & 7))) & 1;
  const take = (n) => {
    require(at + n <= 8 * data.length, `${what}, states: expected more bytes, got ${data.length}`);
    let value = 0;
    for (let k = 0; k < n; k++) value = 2 * value + bit(at++);
    return value;
  };
  for (let lane = 0; lane < lanes; lane++) {
    const more = 16 + take(4);
    states.push(2 ** more + take(more));
  }
  while (at % 8) require(!bit(at++), `${what}: expected zero bits after the states, got others`);
  const words = data.subarray(at / 8);
  require(words.length % 2 === 0, `${what}: expected 16-bit words after the states, got ${words.length} bytes`);
  return { states, words };
}

/* Symbols of the latent model: opened in the module, which reads them. FormatError: more than `most`. */
export class SymbolReader {
  constructor(engine, data, what, most) {
    this.engine = engine;
    this.what = what;
    const fields = new FieldReader(data);
    this.count = fields.number(`${what}, symbols`, 0, most);
    const exponent = this.count ? fields.byte(`${what}, log2 lanes`, 0, MAX_LANES_EXPONENT) : 0;
    const size = this.count ? fields.number(`${what}, bytes of raw bits`, 0, data.length) : 0;
    this.raw = fields.take(size, `${what}, raw bits`);
    const lanes = 2 ** exponent;
    expect(`${what}, lanes`, lanes, 1, Math.max(1, this.count));
    const { states, words } = this.count ? readStates(fields.rest(), lanes, what) : { states: [], words: fields.rest() };
    require(this.count || !words.length, `${what}: expected nothing after no symbols, got ${words.length} bytes`);
    const wide = new Uint32Array(2 * lanes);
    states.forEach((state, lane) => (wide[2 * lane] = state));
    engine.calls.open_symbols(engine.put(wide), lanes, this.count, engine.put(words), words.length / 2,
      engine.put(this.raw), this.raw.length);
  }

  /* FormatError if anything was not read. */
  finish() {
    const { calls } = this.engine;
    const read = calls.symbols_read();
    require(read === this.count, `${this.what}: expected ${read} symbols, got ${this.count}`);
    const bits = calls.raw_bits_read();
    const used = Math.ceil(bits / 8);
    require(used === this.raw.length, `${this.what}, raw bits: expected ${used} bytes, got ${this.raw.length}`);
    const rest = bits % 8 ? this.raw[used - 1] & (255 >> (bits % 8)) : 0;
    if (rest) throw new FormatError(`${this.what}, raw bits: expected zero bits after bit ${bits}, got others`);
  }
}
