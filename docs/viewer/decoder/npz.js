/* NumPy archives of whole numbers: what the networks of the latent model come in. */

const TYPES = { u1: Uint8Array, u2: Uint16Array, i2: Int16Array, i4: Int32Array };

/* Bytes → by name { shape, values }, values a typed array. */
export async function readNpz(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let end = bytes.length - 22;
  while (view.getUint32(end, true) !== 0x06054b50) end--; // RangeError: no archive
  let at = view.getUint32(end + 16, true);
  const arrays = {};
  for (let left = view.getUint16(end + 10, true); left; left--) {
    const name = text(bytes, at + 46, view.getUint16(at + 28, true));
    const local = view.getUint32(at + 42, true);
    const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    const stored = bytes.subarray(start, start + view.getUint32(at + 20, true));
    arrays[name.replace(/\.npy$/, '')] = readNpy(view.getUint16(at + 10, true) ? await inflated(stored) : stored.slice());
    at += 46 + view.getUint16(at + 28, true) + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
  }
  return arrays;
}

async function inflated(data) {
  const stream = new Blob([data]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function readNpy(data) {
  const view = new DataView(data.buffer, data.byteOffset);
  const [size, begin] = data[6] === 1 ? [view.getUint16(8, true), 10] : [view.getUint32(8, true), 12];
  const head = text(data, begin, size);
  const type = TYPES[/'descr': '[<|](\w\d)'/.exec(head)[1]];
  const shape = /'shape': \(([^)]*)\)/.exec(head)[1].split(',').filter((n) => n.trim()).map(Number);
  return { shape, values: new type(data.slice(begin + size).buffer) };
}

function text(data, at, size) {
  return String.fromCharCode(...data.subarray(at, at + size));
}
