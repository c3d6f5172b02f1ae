/* Says which sources inr.wasm is compiled from: node module_sources.mjs VIEWER. */

import fs from 'node:fs';
import path from 'node:path';

const module = new WebAssembly.Module(fs.readFileSync(path.join(process.argv[2], 'inr.wasm')));
console.log(JSON.stringify({ sources: new WebAssembly.Instance(module).exports.sources() >>> 0 }));
