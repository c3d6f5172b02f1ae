/* The siren model: a network of the coordinates, out of its records and streams; evaluated a strip of rows at a time. */

import { FormatError, expect, require } from './errors.js';
import { FieldReader, splitBits } from './fields.js';
import { readStates } from './symbols.js';

const UNIFORM = 0;
const CODEBOOK = 1;
const HALF = 2;
const RAW = 0;
const ZSTANDARD = 1;
const RANGE = 2;
const NONE = 3;
const CODE_BITS = [[2, 16], [2, 10], [16, 16]];
const MAX_ALPHABET = 4096;
const MAX_NODES = 65;
const ROW_LIMIT = 2 ** 22;
const SLOTS = 2 ** 15;
const TILE_MAX = 96;
const DENSE = 0.7; // of a layer's pairs of weights: where more are used, multiplying by all of them is faster
const STRIP = 2 ** 15; // pixels at a time

/* A network's chunk → samples (height, width, channels that it makes). `onRows(share)`: called as rows are done. */
export function decodeSiren(engine, header, data, onRows) {
  const layers = readNetwork(engine, data, shapesOf(header));
  return evaluate(engine, header, layers, onRows);
}

function shapesOf({ hidden, layers, coded }) {
  return [[hidden, 2], ...Array(layers - 2).fill([hidden, hidden]), [coded, hidden]];
}

function readNetwork(engine, data, shapes) {
  const fields = new FieldReader(data);
  const lanes = 2 ** fields.byte('lanes', 0, 10);
  const records = shapes.map((shape, k) => readRecord(engine, fields, `layer ${k}`, shape, k === shapes.length - 1));
  const streams = records.flatMap(({ mask, codes }) => [mask, codes]).filter(({ table }) => table);
  const count = streams.reduce((sum, stream) => sum + stream.count, 0);
  expect('range coder, lanes', lanes, 1, Math.max(1, count));
  if (count) readStreams(fields.rest(), streams, lanes, count);
  else for (const stream of streams) stream.values = new Int32Array(0);
  require(!fields.left, `network: expected nothing after its last record, got ${fields.left} bytes`);
  return records.map(build);
}

/* A layer up to what the range coder holds. */
function readRecord(engine, fields, what, [out, into], last) {
  const head = fields.byte(`${what} kind and coders`, 0, 63);
  const kind = expect(`${what} kind`, head & 3, 0, HALF);
  const maskCoder = (head >> 2) & 3;
  const codeCoder = expect(`${what} symbol coder`, head >> 4, RAW, RANGE);
  const bits = fields.byte(`${what} bits`, ...CODE_BITS[kind]);
  const biasBits = fields.byte(`${what} bias bits`, ...(last ? [24, 24] : [1, 16]));
  const multiplier = fields.number(`${what} multiplier`, 1, 2 ** 32 - 1);
  const total = out * into;
  const nonzeros = fields.number(`${what} non-zeros`, 0, total);
  const dense = nonzeros === total;
  require((maskCoder === NONE) === dense, `${what} mask coder: expected none exactly where no weight is zero`);
  let codebook = null;
  if (kind === CODEBOOK) {
    const view = new DataView(fields.take(2 * 2 ** bits, `${what} codebook`).slice().buffer);
    codebook = Int32Array.from({ length: 2 ** bits }, (_, k) => view.getInt16(2 * k, true));
  }
  const mask = readMask(engine, fields, `${what} mask`, maskCoder, nonzeros, total);
  const codes = readCodes(engine, fields, `${what} symbols`, codeCoder, kind, bits, nonzeros, dense);
  const biases = fields.bits(out, biasBits, `${what} biases`);
  if (last) biases.forEach((bias, k) => (biases[k] = bias >= 2 ** 23 ? bias - 2 ** 24 : bias));
  return { what, out, into, kind, bits, dense, codebook, multiplier, mask, codes, biases, biasBits, nonzeros };
}

function readMask(engine, fields, what, coder, ones, total) {
  if (coder === RANGE) return { table: frequencies([total - ones, ones]), count: total, what };
  if (coder === NONE) return { values: new Int32Array(total).fill(1) };
  if (coder === RAW) return { values: fields.bits(total, 1, what) };
  return { values: splitBits(fields.squeezed(engine, Math.ceil(total / 8), what), total, 1, what) };
}

function readCodes(engine, fields, what, coder, kind, bits, count, dense) {
  const size = 2 ** bits - (kind === UNIFORM ? (dense ? 1 : 2) : 0);
  if (coder === RANGE) {
    const nodes = fields.take(fields.number(`${what} nodes`, 0, size), `${what} nodes`);
    return { table: density(nodes, size, what), count, what };
  }
  let values;
  if (coder === RAW) {
    values = fields.bits(count, bits, what);
  } else {
    const width = bits <= 8 ? 1 : 2;
    const data = fields.squeezed(engine, count * width, what);
    values = Int32Array.from({ length: count }, (_, k) => (width === 1 ? data[k] : data[2 * k] + 256 * data[2 * k + 1]));
  }
  for (const code of values) {
    if (kind === HALF) require(code !== 0x8000 && (code & 0x7fff) <= 0x3c00, `${what}: expected halves in −1 … 1, got others`);
    else expect(`${what}: largest`, code, 0, size - 1);
  }
  return { values };
}

/* Frequencies of weights, which sum to 2^15. Products are below 2^59: BigInt. */
function frequencies(weights) {
  const size = BigInt(weights.length);
  const total = weights.reduce((sum, weight) => sum + BigInt(weight), 0n);
  let sum = 0n;
  let before = 0;
  return Int32Array.from(weights, (weight) => {
    sum += BigInt(weight);
    const end = Number((sum * (BigInt(SLOTS) - size)) / total);
    const freq = 1 + end - before;
    before = end;
    return freq;
  });
}

function density(nodes, size, what) {
  const n = nodes.length;
  const sparse = n !== 1 && n <= Math.min(size, MAX_NODES);
  require(size >= 1 && size <= MAX_ALPHABET && (sparse || (n === size && size > 1)),
    `${what}: expected 0, 2 … ${MAX_NODES} or as many nodes as symbols, got ${n} for ${size}`);
  if (!n) return frequencies(Array(size).fill(1));
  require(nodes.some((node) => node), `${what}: expected a node that is not zero, got ${n} zeros`);
  const height = (v) => (v ? (16 + (v & 15)) * 2 ** (v >> 4) : 0);
  return frequencies(Array.from({ length: size }, (_, i) => {
    const k = Math.floor((i * (n - 1)) / (size - 1));
    const d = (i * (n - 1)) % (size - 1);
    return height(nodes[k]) * (size - 1 - d) + (d ? height(nodes[k + 1]) * d : 0);
  }));
}

/* The range coder's streams, one after the other. */
function readStreams(data, streams, lanes, count) {
  const what = 'range coder';
  const { states, words } = readStates(data, lanes, what);
  const ends = count - lanes;
  let t = 0;
  let word = 0;
  for (const stream of streams) {
    const { table } = stream;
    const symbolOf = new Uint16Array(SLOTS);
    const starts = new Int32Array(table.length);
    let start = 0;
    table.forEach((freq, s) => {
      starts[s] = start;
      symbolOf.fill(s, start, start + freq);
      start += freq;
    });
    stream.values = new Int32Array(stream.count);
    for (let k = 0; k < stream.count; k++, t++) {
      const x = states[t % lanes];
      const slot = x % SLOTS;
      const s = symbolOf[slot];
      let next = table[s] * Math.floor(x / SLOTS) + slot - starts[s];
      if (t >= ends) {
        require(next === 2 * table[s], `${what}, symbol ${t}: expected the lane to end in its first state, got another`);
      } else if (next < 2 ** 16) {
        require(word < words.length, `${what}: expected more words, got ${words.length / 2}`);
        next = next * 2 ** 16 + words[word] + 256 * words[word + 1];
        word += 2;
      }
      states[t % lanes] = next;
      stream.values[k] = s;
    }
  }
  require(word === words.length, `${what}: expected ${word / 2} words, got ${words.length / 2}`);
}

/* A record that has been read whole → { out, into, weights (out · into,), multiplier, biases, biasBits }. */
function build({ what, out, into, kind, bits, dense, codebook, multiplier, mask, codes, biases, biasBits, nonzeros }) {
  const ones = mask.values.reduce((sum, one) => sum + one, 0);
  require(ones === nonzeros, `${what} mask: expected ${nonzeros} non-zeros, got ${ones}`);
  const weights = new Int32Array(out * into);
  let at = 0;
  for (let k = 0; k < weights.length; k++) {
    if (!mask.values[k]) continue;
    const code = codes.values[at++];
    if (kind === UNIFORM) {
      const value = code - (2 ** (bits - 1) - 1);
      weights[k] = value + (!dense && value >= 0 ? 1 : 0);
    } else weights[k] = kind === CODEBOOK ? codebook[code] : halfValue(code);
  }
  for (let n = 0; n < out; n++) {
    let sum = 0;
    for (let k = 0; k < into; k++) sum += Math.abs(weights[n * into + k]);
    if (sum > ROW_LIMIT) throw new FormatError(`${what}: expected rows of Σ|w| up to ${ROW_LIMIT}, got ${sum}`);
  }
  return { out, into, weights, multiplier, biases, biasBits };
}

/* binary16 in −1 … 1 → its value times 2^14, towards 0. */
function halfValue(code) {
  const exponent = (code >> 10) & 31;
  const magnitude = Math.floor(((code & 1023) + (exponent ? 1024 : 0)) * 2 ** (Math.max(exponent, 1) - 11));
  return code & 0x8000 ? -magnitude : magnitude;
}

const fours = (n) => 4 * Math.ceil(n / 4);

/* Weights as the module takes them: packed by fours of neurons, or entries of those pairs of inputs that are used. */
function form({ out, into, weights }) {
  const pairs = fours(into) / 2;
  const neurons = fours(out);
  const packed = new Int32Array(neurons * pairs);
  let used = 0;
  for (let n = 0; n < out; n++) {
    for (let p = 0; p < pairs; p++) {
      const low = 2 * p < into ? weights[n * into + 2 * p] : 0;
      const high = 2 * p + 1 < into ? weights[n * into + 2 * p + 1] : 0;
      const value = (low & 0xffff) | (high << 16);
      packed[((n >> 2) * pairs + p) * 4 + (n & 3)] = value;
      used += value ? 1 : 0;
    }
  }
  if (used > DENSE * packed.length) return { dense: 1, counts: [], words: packed };
  const words = new Int32Array(2 * used);
  const counts = [];
  let at = 0;
  for (let n = 0; n < neurons; n++) {
    const begin = at;
    for (let p = 0; p < pairs; p++) {
      const value = packed[((n >> 2) * pairs + p) * 4 + (n & 3)];
      if (value) {
        words[at++] = p;
        words[at++] = value;
      }
    }
    counts.push((at - begin) / 2);
  }
  return { dense: 0, counts, words };
}

/* Coordinates of the centres of the columns, or rows, of a side. */
function coordinates(side, longest) {
  return Int32Array.from({ length: side }, (_, i) =>
    Math.floor(((2 * i + 1 - side) * 2 ** 25 + longest) / (2 * longest)));
}

const joined = (arrays, type) => {
  const out = new type(arrays.reduce((sum, array) => sum + array.length, 0));
  let at = 0;
  for (const array of arrays) {
    out.set(array, at);
    at += array.length;
  }
  return out;
};

function evaluate(engine, header, network, onRows) {
  const { width, height, coded: channels, bits } = header;
  const [first, ...layers] = network;
  const last = layers[layers.length - 1];
  const longest = Math.max(width, height);
  const stride = Math.max(width, TILE_MAX);
  const forms = layers.map(form);
  const neurons = Int32Array.from(network.slice(0, -1), ({ out }) => fours(out));
  const widest = neurons.reduce((a, b) => Math.max(a, b), 0);
  const phaseBias = ({ out, biases, biasBits }) => {
    const phases = new Uint32Array(fours(out));
    for (let n = 0; n < out; n++) phases[n] = biases[n] * 2 ** (32 - biasBits);
    return phases;
  };
  const unit = 2 ** 10 * (bits === 16 ? 257 : 1);
  const lastBias = BigInt64Array.from(last.biases, (bias) => BigInt(bias * unit + 2 ** 23));
  const put = (array) => engine.put(array.length ? array : new Int32Array(1));
  const columns = engine.take(4 * neurons[0] * stride, true);
  const weights = engine.put(first.weights);
  engine.calls.first_phases(weights, first.out, first.multiplier, engine.put(coordinates(width, longest)), width, 0,
    columns, stride);
  const ys = coordinates(height, longest);
  const strip = Math.max(1, Math.min(height, Math.floor(STRIP / width)));
  const rows = engine.take(4 * neurons[0] * strip, true);
  const places = [
    neurons, Int32Array.from(forms, ({ dense }) => dense), joined(forms.map(({ counts }) => counts), Int32Array),
    joined(forms.map(({ words }) => words), Int32Array), Uint32Array.from(layers.slice(0, -1), (own) => own.multiplier),
    joined(layers.slice(0, -1).map(phaseBias), Uint32Array),
  ].map(put);
  const bias = engine.put(phaseBias(first));
  const lasts = engine.put(lastBias);
  const peak = 2 ** bits - 1;
  const result = engine.take(4 * strip * width * channels);
  const out = bits === 16 ? new Uint16Array(width * height * channels) : new Uint8Array(width * height * channels);
  for (let top = 0; top < height; top += strip) {
    const count = Math.min(strip, height - top);
    engine.within(() => {
      const at = engine.put(ys.subarray(top, top + count));
      engine.calls.first_phases(weights + 4, first.out, first.multiplier, at, count, bias, rows, count);
      const call = engine.take(88);
      engine.view(call, 16, Uint32Array).set([columns, rows, stride, width, count, 0, count, layers.length, channels,
        widest, ...places]);
      engine.view(call + 64, 1, BigInt64Array)[0] = BigInt(last.multiplier);
      engine.view(call + 72, 3, Uint32Array).set([lasts, peak, result]);
      engine.check(engine.calls.siren(call), 'siren', 'a network');
      out.set(engine.view(result, count * width * channels, Int32Array), top * width * channels);
    });
    if (onRows) onRows((top + count) / height);
  }
  return out;
}
