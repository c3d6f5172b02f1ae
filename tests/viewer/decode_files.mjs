/* Decodes files without a browser: node decode_files.mjs VIEWER PRIORS < files, each behind its length of 32 bits.

   A line of JSON for each: { crc, bytes, type } of its pixels, { error, message } of what refuses it. */

import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const [viewer, priors] = process.argv.slice(2);
const { Decoder } = await import(pathToFileURL(path.resolve(viewer, 'decoder', 'decode.js')));
const { crc32 } = await import(pathToFileURL(path.resolve(viewer, 'decoder', 'container.js')));
const module = new WebAssembly.Module(fs.readFileSync(path.join(viewer, 'inr.wasm')));
const decoder = new Decoder(module, (number) => new Uint8Array(fs.readFileSync(path.join(priors, `${number}.npz`))));
const all = fs.readFileSync(0);
for (let at = 0; at < all.length; ) {
  const size = all.readUInt32LE(at);
  const data = new Uint8Array(all.subarray(at + 4, at + 4 + size));
  at += 4 + size;
  let line;
  try {
    const { pixels } = await decoder.decode(data);
    const bytes = new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.byteLength);
    line = { crc: crc32(bytes), bytes: bytes.length, type: pixels.constructor.name };
  } catch (error) {
    line = { error: error.constructor.name, message: error.message };
  }
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
