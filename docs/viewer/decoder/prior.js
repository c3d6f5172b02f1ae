/* What a file of the latent model takes for granted, as far as it differs from that, and the step's numbers. */

import { crc32 } from './container.js';
import { FormatError, expect } from './errors.js';
import { FieldReader } from './fields.js';
import { LAYOUTS, ORDER } from './networks.js';
import { readNpz } from './npz.js';
import { SymbolReader } from './symbols.js';

export const LEVELS = 6; // with parameters of their own
const MAX_SHIFT = 20;
const SCALES = 64;
const LAYERS = {
  luma: ['w1', 'b1', 'w2', 'b2', 'w3', 'b3'],
  chroma: ['w1', 'b1', 'w2', 'b2', 'w3', 'b3'],
  cell: ['w1', 'b1', 'wm', 'bm', 'w2', 'b2'],
};
const LOOK = [ // of gains, in 2^-6: luma's bands, chroma's
  [134, 134, 168, 295, 295, 368],
  [70, 70, 88, 154, 154, 194],
  [41, 41, 41, 90, 90, 90],
  [32, 32, 32, 70, 70, 70],
  [29, 29, 29, 63, 63, 63],
];
const SUMS = 2 ** 24; // none reaches it

const CRCS = { 1: 0x61bd15a8, 2: 0x04efb3d9, 3: 0xd701d45b, 4: 0x83634bce, 5: 0xa7e1971a }; // of the values of each prior

/* The arrays of a prior, out of its .npz. Error: it is another one, or damaged. */
export async function readPrior(number, bytes) {
  const arrays = await readNpz(bytes).catch(() => ({}));
  const values = Object.keys(arrays).sort().map((name) => {
    const { buffer } = Int32Array.from(arrays[name].values);
    return new Uint8Array(buffer);
  });
  if (crc32(...values) !== CRCS[number]) throw new Error(`The networks of prior ${number} are damaged, or others than the format's`);
  return arrays;
}

/* Gains weighted for looks. */
export function looking(gains) {
  const values = gains.values.map((gain, k) => {
    const row = LOOK[Math.min(Math.floor(k / 9), LOOK.length - 1)];
    const band = k % 9;
    return Math.min(8191, Math.max(1, (gain * row[(band % 3) + (band > 2 ? 3 : 0)] + 32) >> 6));
  });
  return { shape: gains.shape, values };
}

/* The arrays with a file's differences; FormatError where sums could become inexact. */
export function changed(engine, arrays, tables, data) {
  const fields = new FieldReader(data);
  const found = [];
  for (const [part, names] of Object.entries(LAYERS)) {
    for (const name of names) {
      const scale = fields.byte(`differences, ${part}_${name}, scale`, 0, SCALES);
      const shift = scale ? fields.byte(`differences, ${part}_${name}, shift`, 0, MAX_SHIFT) : 0;
      if (scale) found.push({ name: `${part}_${name}`, part, scale: scale - 1, shift });
    }
  }
  for (const own of found) own.places = codedPlaces(own.name, own.part, arrays);
  const most = found.reduce((sum, own) => sum + own.places.length, 0);
  const reader = new SymbolReader(engine, fields.rest(), 'differences', most);
  const made = { ...arrays };
  for (const { name, scale, shift, places } of found) {
    const values = Float64Array.from(arrays[name].values);
    engine.within(() => {
      const at = engine.take(4 * places.length);
      const result = engine.calls.read_row(tables, 8 * scale + 4, places.length, at);
      engine.check(result, 'differences', 'symbols of a writer');
      engine.view(at, places.length, Int32Array).forEach((symbol, k) => (values[places[k]] += symbol * 2 ** shift));
    });
    made[name] = { shape: arrays[name].shape, values };
  }
  reader.finish();
  if (found.length) checkSums(made);
  return made;
}

/* Which values of an array a network can use. */
function codedPlaces(name, part, arrays) {
  const { shape, values } = arrays[name];
  const places = Array.from(values.keys());
  if (part === 'cell' || !name.endsWith('_w1')) return places;
  const { context } = LAYOUTS[part];
  const hidden = shape[0] / 4;
  return places.filter((k) => {
    const neuron = Math.floor(k / (9 * shape[1]));
    const input = Math.floor(k / 9) % shape[1];
    return input < context || ORDER.indexOf((input - context) % 4) < ORDER.indexOf(Math.floor(neuron / hidden));
  });
}

function checkSums(arrays) {
  const get = (name) => arrays[name].values;
  const highest = (name) => { // of each column
    const n = arrays[name].shape[1];
    const most = new Float64Array(n);
    get(name).forEach((value, k) => (most[k % n] = Math.max(most[k % n], Math.abs(value))));
    return most;
  };
  const first = (part) => {
    const q = get(`${part}_q1`);
    const most = highest(`${part}_b1`);
    return most.map((bias, k) =>
      bias + Math.floor((Math.abs(q[k]) * 1280 + Math.abs(q[most.length + k]) * 1600) / 1024) + 1);
  };
  const check = (name, most, biases, shift) => {
    const weights = get(name);
    const inputs = weights.length / biases.length;
    const half = 2 ** get(shift)[0] >> 1;
    for (let n = 0; n < biases.length; n++) {
      let sum = biases[n] + half;
      for (let k = n * inputs; k < (n + 1) * inputs; k++) sum += Math.abs(weights[k]) * most;
      if (sum >= SUMS) throw new FormatError(`differences, ${name}, row ${n}: expected sums below ${SUMS}, got up to ${sum}`);
    }
  };
  const absolute = (name) => Float64Array.from(get(name), Math.abs);
  for (const part of ['luma', 'chroma']) {
    check(`${part}_w1`, 128, first(part), `${part}_s1`);
    check(`${part}_w2`, 1023, absolute(`${part}_b2`), `${part}_s2`);
    const means = 256 * 2 ** get(`${part}_s3`)[0];
    check(`${part}_w3`, 1023, highest(`${part}_b3`).map((bias) => bias + means), `${part}_s3`);
  }
  check('cell_w1', 256, first('cell'), 'cell_s1');
  check('cell_wm', 511, absolute('cell_bm'), 'cell_sm');
  check('cell_w2', 511, absolute('cell_b2'), 'cell_s2');
}

const power = (k, bits) => Math.round(2 ** (k / 16 + bits));

/* The quantisation step: what it makes of planes and values at a level. */
export class Step {
  constructor(index, bits) {
    this.t = Math.max(-40, Math.min(40, index - 160));
    this.octave = Math.floor(index / 16) + (bits === 8 ? 6 : 8);
    this.k = index % 16;
    this.mantissa = power(this.k, 16);
  }

  /* Step of the coarsest low-pass. */
  low(levels) {
    const shift = 22 + levels - this.octave;
    const unit = shift > 0 ? Math.floor((this.mantissa + 2 ** (shift - 1)) / 2 ** shift) : this.mantissa * 2 ** -shift;
    return Math.max(1, unit);
  }

  highpass(level) {
    return power(-this.k, 16) * 2 ** (level - 13 - this.octave);
  }

  /* From values to lifting coefficients, for the gains of some bands, and what rounds them exactly. */
  coefficients(level, gains) {
    const bands = [-16384, -16384, 21653];
    const shift = 27 + level - this.octave;
    const factors = Float64Array.from(gains, (gain, c) =>
      Math.floor((this.mantissa * gain * bands[c % 3] + 2 ** 26) / 2 ** 27) * 2 ** -shift);
    return { factors, offsets: new Float64Array(gains.length).fill(2 ** Math.min(21, Math.max(0, 48 - shift))) };
  }

  /* From the cell's 1/64 steps to plane units: an integer, and by how much it is to be shifted. */
  residual(level) {
    return { factor: power(this.k, 8), shift: 20 + level - this.octave };
  }
}

/* The number of a prior's level that has the parameters of a level. */
export function own(level) {
  return expect('level', Math.min(level, LEVELS - 1), 0, LEVELS - 1);
}
