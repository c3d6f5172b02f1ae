/* Expands Zstandard frames: node expand_frames.mjs VIEWER < frames, each behind its length of 32 bits.

   A line of JSON for each: { crc, bytes }, or { error } of what refuses it. */

import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const viewer = process.argv[2];
const { Engine } = await import(pathToFileURL(path.resolve(viewer, 'decoder', 'engine.js')));
const { crc32 } = await import(pathToFileURL(path.resolve(viewer, 'decoder', 'container.js')));
const engine = new Engine(new WebAssembly.Module(fs.readFileSync(path.join(viewer, 'inr.wasm'))));
const all = fs.readFileSync(0);
for (let at = 0; at < all.length; ) {
  const size = all.readUInt32LE(at);
  let line;
  try {
    const made = engine.expand(new Uint8Array(all.subarray(at + 4, at + 4 + size)), 1, 2 ** 24, 'frame');
    line = { crc: crc32(made), bytes: made.length };
  } catch (error) {
    line = { error: error.constructor.name };
  }
  at += 4 + size;
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
