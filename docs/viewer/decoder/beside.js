/* What stands beside a model: all of the alpha, the ends of the last channel, or the pixels of some tiles. */

import { require } from './errors.js';
import { readStrip, readWhole } from './exact.js';
import { FieldReader } from './fields.js';

/* What the chunk holds: a function of samples (count, coded) that gives those of all channels (count, channels). */
export function readBeside(engine, header, { kind, data }) {
  const fields = new FieldReader(data);
  const completing = kind === 'TILE' ? readTiles(engine, header, fields) : readPlane(engine, header, kind, fields);
  require(!fields.left, `${kind}: expected nothing after the last strip, got ${fields.left} bytes`);
  return completing();
}

/* Of ALPH or ENDS. */
function readPlane(engine, header, kind, fields) {
  const { width, height, channels } = header;
  const peak = 2 ** header.bits - 1;
  const ends = kind === 'ENDS';
  const low = ends ? fields.number('ends, low', 0, peak - 2) : 0;
  const high = ends ? fields.number('ends, high', low + 2, peak) : peak;
  const expanded = readWhole(engine, fields, 1, { width, height, size: ends ? 3 : peak + 1 }, kind);
  return () => {
    const [values] = expanded();
    return (samples) => withChannels(samples, header, (out, i) => {
      const last = i * channels + channels - 1;
      if (!ends) out[last] = values[i];
      else if (values[i] === 1) out[last] = Math.max(low + 1, Math.min(high - 1, out[last]));
      else out[last] = values[i] ? high : low;
    });
  };
}

function readTiles(engine, header, fields) {
  const { width, height, channels, coded } = header;
  const bits = fields.byte('tiles, side', 3, 8);
  const [rows, columns] = [height, width].map((side) => Math.ceil(side / 2 ** bits));
  const map = readStrip(engine, fields, { rows, width: columns, size: 2 }, 'tiles, map');
  const expanded = readWhole(engine, fields, channels, { width, height, size: 256 }, 'tiles');
  return () => {
    const tiles = map();
    const planes = expanded();
    return (samples) => withChannels(samples, header, (out, i) => {
      const tiled = tiles[((i / width) >> bits) * columns + ((i % width) >> bits)];
      for (let c = tiled ? 0 : coded; c < channels; c++) out[i * channels + c] = planes[c][i];
    });
  };
}

/* Samples (count, coded) → (count, channels), each pixel finished by `finish(out, i)`. */
function withChannels(samples, { width, height, channels, coded }, finish) {
  const out = new samples.constructor(width * height * channels);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < coded; c++) out[i * channels + c] = samples[i * coded + c];
    finish(out, i);
  }
  return out;
}
