/* The latent model: a pyramid of grids, from coarse to fine, level by level. */

import { FormatError, expect } from './errors.js';
import { FieldReader } from './fields.js';
import { Cell, ParityNetwork } from './networks.js';
import { Step, changed, looking, own } from './prior.js';
import { SymbolReader, putTables } from './symbols.js';

const ALL_CODED = 0x80;
const DIFFERENT = 0x40;
const LOOK = 0x20;
const MAX_LEVELS = 16;
const LOW_MAX = 2 ** 23;
const PLANE_LIMIT = 2 ** 20;
const LINE = 16; // positions of a cache line
const BEYOND = 64; // positions after the last map, which the module may read

/* Payloads → samples (height, width, channels that the model makes), a Uint8Array or Uint16Array.

   `arrays`: of the header's prior. `onLevel(level, samples, width, height)`: called with the samples of coarser grids,
   as they are there. */
export function decodeLatent(engine, header, payloads, arrays, onLevel) {
  const groups = levelsOf(payloads, header.levels);
  const pyramid = new Pyramid(engine, header, arrays);
  let level = header.levels;
  payloads.forEach((payload, number) => {
    const what = `latents ${number}`;
    const fields = new FieldReader(payload);
    const flags = fields.byte(what, 0, 255);
    if (!number) pyramid.start(fields, flags);
    let most = 0;
    for (let l = level - groups[number]; l < level; l++) most += pyramid.symbols(l);
    const reader = new SymbolReader(engine, fields.rest(), what, most);
    for (let left = groups[number]; left; left--) {
      level--;
      for (const component of pyramid.components) component.refine(level, (flags & ALL_CODED) !== 0, what);
      if (level && onLevel) onLevel(level, ...pyramid.samples(level));
    }
    reader.finish();
  });
  return pyramid.samples(0)[0];
}

/* How many levels each payload holds. */
function levelsOf(payloads, levels) {
  let left = levels;
  const groups = payloads.map((payload, k) => {
    const flags = k ? ALL_CODED : ALL_CODED | DIFFERENT | LOOK;
    const group = new FieldReader(payload).byte(`latents ${k}, levels`, 0, 255) & ~flags;
    expect(`latents ${k}, levels`, group, 1, MAX_LEVELS);
    expect(`latents ${k}, levels`, group, 1, left);
    left -= group;
    return group;
  });
  if (left) throw new FormatError(`latents: expected payloads down to level 0, got down to ${left}`);
  return groups;
}

class Pyramid {
  constructor(engine, header, arrays) {
    this.engine = engine;
    this.header = header;
    this.arrays = arrays;
    this.step = new Step(header.step, header.bits);
    this.components = [];
    this.tables = putTables(engine, arrays);
    this.recon = engine.put(Int32Array.from(arrays.recon.values));
    this.magnitudes = engine.put(Int16Array.from(arrays.mag.values));
    this.planes = header.components.reduce((sum, count) => sum + count, 0) - (header.keepsAlpha ? 1 : 0);
  }

  /* Width and height of a grid. */
  grid(level) {
    return [Math.ceil(this.header.width / 2 ** level), Math.ceil(this.header.height / 2 ** level)];
  }

  /* Details of a level. */
  symbols(level) {
    const [w, h] = this.grid(level + 1);
    return 3 * this.planes * w * h;
  }

  /* The low-pass, and which networks it goes on with. */
  start(fields, flags) {
    const { engine, header } = this;
    const [w, h] = this.grid(header.levels);
    const unit = this.step.low(header.levels);
    const counts = header.keepsAlpha ? header.components.slice(0, -1) : header.components;
    const lows = counts.map((count, component) => {
      const low = engine.take(4 * count * w * h);
      for (let plane = 0; plane < count; plane++) {
        const what = `low-pass, component ${component}, plane ${plane}`;
        const least = fields.number(`${what}, least`, 0, 2 * LOW_MAX) - LOW_MAX;
        const bits = fields.byte(`${what}, bits`, 0, 24);
        const values = bits ? fields.bits(w * h, bits, what) : new Int32Array(w * h);
        const to = engine.view(low + 4 * plane * w * h, w * h, Int32Array);
        for (let k = 0; k < w * h; k++) {
          to[k] = Math.max(-PLANE_LIMIT, Math.min(PLANE_LIMIT, (least + values[k]) * unit));
        }
      }
      return low;
    });
    if (flags & LOOK) this.arrays = { ...this.arrays, gains: looking(this.arrays.gains) };
    if (flags & DIFFERENT) {
      const size = fields.number('differences, bytes', 1, fields.data.length);
      this.arrays = changed(engine, this.arrays, this.tables, fields.take(size, 'differences'));
    }
    const networks = { luma: new ParityNetwork(engine, this.arrays, 'luma'), cells: {} };
    if (counts.includes(3)) networks.chroma = new ParityNetwork(engine, this.arrays, 'chroma');
    for (const count of counts) networks.cells[count] ??= new Cell(engine, this.arrays, count);
    this.components = counts.map((count, k) => new Component(this, networks, count, lows[k]));
  }

  /* Samples of all components' planes, which are those of a grid, and its size. */
  samples(level) {
    const { engine, header } = this;
    const [w, h] = this.grid(level);
    const bytes = header.bits / 8;
    return engine.within(() => {
      const out = engine.take(w * h * this.planes * bytes);
      let channel = 0;
      for (const { count, low } of this.components) {
        engine.calls.colour(low, count, w * h, this.planes, bytes - 1, out + channel * bytes);
        channel += count;
      }
      return [engine.view(out, w * h * this.planes, bytes === 2 ? Uint16Array : Uint8Array).slice(), w, h];
    });
  }
}

/* Planes (3 or 1) of one component, at `low`, refined a level at a time. */
class Component {
  constructor(pyramid, networks, count, low) {
    Object.assign(this, { pyramid, networks, count, low, parent: 0, grand: 0 });
  }

  refine(level, all, what) {
    const { pyramid, count } = this;
    const { engine, step } = pyramid;
    const [w, h] = pyramid.grid(level + 1);
    const [outWidth, outHeight] = pyramid.grid(level);
    const out = engine.take(4 * count * outWidth * outHeight);
    const features = engine.take(4 * (count === 3 ? 6 : 3) * w * h);
    engine.within(() => {
      const high = engine.take(2 * count * w * h);
      const values = engine.take(4 * 3 * count * w * h);
      engine.check(engine.calls.highpass(this.low, count, h, w, step.highpass(level), high), what, 'planes');
      const size = { w, h, high, level, all, what };
      this.read('luma', size, values, features, (maps) =>
        engine.calls.luma_maps(maps, high, h, w, this.parent, this.grand));
      if (count === 3) {
        this.read('chroma', size, values + 4 * 3 * w * h, features + 4 * 3 * w * h, (maps) =>
          engine.calls.chroma_maps(maps, high, h, w, features, this.parent, this.grand));
      }
      this.finer(size, values, out, outWidth, outHeight);
    });
    [this.parent, this.grand, this.low] = [features, this.parent, out];
  }

  /* The symbols of luma's bands or of chroma's. */
  read(part, { w, h, level, all, what }, values, features, write) {
    const { engine, step, tables, recon, magnitudes } = this.pyramid;
    const network = this.networks[part];
    const { known, bands } = network.layout;
    const pairs = known.length / 2;
    engine.within(() => {
      const [width, height] = [Math.ceil(w / 2), Math.ceil(h / 2)];
      const stride = width + 2;
      const plane = LINE * (Math.ceil(((height + 2) * stride) / LINE) | 1);
      const flat = engine.take(4 * ((pairs + 9) * plane + BEYOND), true);
      write(engine.put(Uint32Array.of(flat, plane, stride, height, width)));
      const { layers, wide } = network.put(own(level), step.t);
      const call = engine.put(Uint32Array.of(layers, wide, flat, pairs, plane, stride, tables, recon, magnitudes, values,
        features, bands, h, w, all ? 1 : 0));
      engine.check(engine.calls.read_bands(call), what, 'symbols of a writer');
    });
  }

  /* The planes of the finer grid. */
  finer({ w, h, high, level }, values, out, outWidth, outHeight) {
    const { engine, step, arrays } = this.pyramid;
    const gains = arrays.gains.values.subarray(9 * own(level), 9 * own(level) + 3 * this.count);
    const { factors, offsets } = step.coefficients(level, gains);
    const { factor, shift } = step.residual(level);
    const { words, wide } = this.networks.cells[this.count].put(own(level), step.t);
    const call = engine.put(Int32Array.of(...words, wide, this.low, values, high, engine.put(Int32Array.from(gains)),
      engine.put(factors), engine.put(offsets), this.count, h, w, outHeight, outWidth, factor, shift, out));
    engine.check(engine.calls.finer(call), 'latents', 'planes');
  }
}
