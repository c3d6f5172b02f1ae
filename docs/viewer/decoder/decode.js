/* Bytes of a file → its pixels, to the bit those of inr_core. Nothing here knows of a page. */

import { readBeside } from './beside.js';
import { readFile } from './container.js';
import { Engine } from './engine.js';
import { decodeExact } from './exact.js';
import { decodeLatent } from './latent.js';
import { fromSamples, withColours } from './pixels.js';
import { readPrior } from './prior.js';
import { decodeSiren } from './siren.js';

export { FormatError } from './errors.js';

export class Decoder {
  /* `module`: the compiled inr.wasm. `fetchPrior(number)`: the bytes of that prior's .npz, or a promise of them. */
  constructor(module, fetchPrior) {
    this.module = module;
    this.fetchPrior = fetchPrior;
    this.priors = new Map();
  }

  prior(number) {
    if (!this.priors.has(number)) {
      const reading = Promise.resolve(this.fetchPrior(number)).then((bytes) => readPrior(number, bytes));
      reading.catch(() => this.priors.delete(number)); // the next picture tries again
      this.priors.set(number, reading);
    }
    return this.priors.get(number);
  }

  /* Bytes (Uint8Array) → a promise of { header, palette, metadata, pixels }. FormatError: no encoder wrote them.
     `header.channels` are those of the pixels, also where one sample of the file stands for three.

     `pixels`: in the file's mode, (height, width) or (height, width, channels), a Uint8Array or Uint16Array: of mode 1
     0 and 255, of mode P places in the palette. `on.head(header)`, `on.share(0 … 1)` and, of coarser grids of
     the latent model, `on.level(level, pixels, width, height)` (without what stands beside) are called on the
     way. */
  async decode(data, on = {}) {
    const engine = new Engine(this.module);
    const file = readFile(engine, data);
    const { header, palette, metadata, payloads } = file;
    on.head?.(header);
    if (header.model === 'exact') {
      const pixels = decodeExact(engine, header, payloads, palette, on.share);
      const shown = header.mode === '1' ? pixels.map((white) => 255 * white) : pixels;
      return { ...withColours(shown, header), palette, metadata };
    }
    const completed = file.plane && readBeside(engine, header, file.plane);
    const samples = header.model === 'siren'
      ? decodeSiren(engine, header, payloads[0], on.share)
      : decodeLatent(engine, header, payloads, await this.prior(header.prior), on.level);
    const all = completed ? completed(samples) : samples;
    return { ...withColours(fromSamples(all, header, palette), header), palette, metadata };
  }
}
