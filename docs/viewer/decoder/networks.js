/* The networks of the latent model as the module takes them: weights of a file in their places, biases of a level. */

export const ORDER = [0, 3, 1, 2]; // parities, as they are coded
const NONE = -1; // a place that no input has
const MEAN_HALF = 256;
const INT16 = 2 ** 15;
const LAYER_WORDS = 6;

/* In which places the inputs of a network stand, by the numbers that FORMAT.md gives them; see
   inr_core/latent/maps.py. `shown`: of what a parity shows, k for the input context + 4 · k + parity. */
const range = (from, to) => Array.from({ length: to - from }, (_, k) => from + k);
export const LAYOUTS = {
  luma: { bands: 3, context: 13, known: [0, 3, 1, 4, 2, 5, 6, 7, 8, NONE, 9, 10, 11, 12], shown: [0, 3, 1, 4, 2, 5] },
  chroma: { bands: 6, context: 32, known: range(0, 32), shown: range(0, 6) },
};

const fours = (n) => 4 * Math.ceil(n / 4);
const pair = (low, high) => (low & 0xffff) | (high << 16);

/* One layer's weights: of neuron n and input pair p, at(n, p, half). Packed by fours of neurons where they fit int16. */
function pack(engine, neurons, pairs, at) {
  const out = fours(neurons);
  const packed = new Int32Array(out * pairs);
  let wide = null;
  for (let n = 0; n < neurons; n++) {
    for (let p = 0; p < pairs; p++) {
      const low = at(n, p, 0);
      const high = at(n, p, 1);
      if (low < -INT16 || low >= INT16 || high < -INT16 || high >= INT16) {
        wide ??= new Int32Array(2 * out * pairs);
      }
      packed[((n >> 2) * pairs + p) * 4 + (n & 3)] = pair(low, high);
    }
  }
  if (wide) {
    for (let n = 0; n < neurons; n++) {
      for (let p = 0; p < pairs; p++) {
        wide[2 * (n * pairs + p)] = at(n, p, 0);
        wide[2 * (n * pairs + p) + 1] = at(n, p, 1);
      }
    }
  }
  return { neurons: out, pairs, packed, wide, at, engine };
}

/* 3×3 weights: channel c of so many, by pair of channels, then neighbour. `of(n, c, k)`: neuron, channel, neighbour. */
function pack3x3(engine, neurons, channels, of) {
  return pack(engine, neurons, (channels / 2) * 9, (n, p, half) => of(n, 2 * Math.floor(p / 9) + half, p % 9));
}

/* The networks of 3 or 6 bands. */
export class ParityNetwork {
  constructor(engine, arrays, part) {
    this.engine = engine;
    this.arrays = arrays;
    this.part = part;
    this.layout = LAYOUTS[part];
    const { context, known, shown, bands } = this.layout;
    const [w1, w2, w3] = ['w1', 'w2', 'w3'].map((name) => arrays[`${part}_${name}`]);
    const inputs = w1.shape[1];
    this.hidden = w2.shape[1];
    const n = this.hidden;
    this.layers = ORDER.map((parity, rank) => {
      const places = [...known, ...ORDER.slice(0, rank).flatMap((other) => shown.map((k) => context + 4 * k + other))];
      const first = pack3x3(engine, n, places.length, (i, c, k) =>
        places[c] === NONE ? 0 : w1.values[((parity * n + i) * inputs + places[c]) * 9 + k]);
      const second = pack(engine, n, fours(n) / 2, (i, p, half) =>
        2 * p + half < n ? w2.values[(parity * n + i) * n + 2 * p + half] : 0);
      const third = pack(engine, 2 * bands, fours(n) / 2, (i, p, half) =>
        2 * p + half < n ? w3.values[(parity * 2 * bands + (i % 2) * bands + (i >> 1)) * n + 2 * p + half] : 0);
      return [first, second, third];
    });
    const all = this.layers.flat();
    this.wide = all.some((layer) => layer.wide);
    all.forEach((layer) => place(engine, layer, this.wide));
  }

  /* Where the layers of a level at step offset t are: [4][3], and of their wide weights, or 0. */
  put(level, t) {
    const { arrays, part, hidden: n } = this;
    const { bands } = this.layout;
    const first = conditioned(arrays, part, level, t);
    const b2 = arrays[`${part}_b2`].values;
    const b3 = arrays[`${part}_b3`].values.subarray(8 * bands * level);
    const shifts = ['s1', 's2', 's3'].map((name) => arrays[`${part}_${name}`].values[0]);
    const rows = ORDER.map((parity) => [
      first.subarray(parity * n, parity * n + n),
      b2.subarray(parity * n, parity * n + n),
      Float64Array.from({ length: 2 * bands }, (_, i) =>
        b3[parity * 2 * bands + (i % 2) * bands + (i >> 1)] + (i % 2 ? MEAN_HALF * 2 ** shifts[2] : 0)),
    ]);
    return putLayers(this.engine, this.layers.flat(), rows.flat(), [...shifts, ...shifts, ...shifts, ...shifts]);
  }
}

/* The cell of 3 planes, or of 1. */
export class Cell {
  constructor(engine, arrays, planes) {
    this.engine = engine;
    this.arrays = arrays;
    this.planes = planes;
    const [w1, wm, w2] = ['w1', 'wm', 'w2'].map((name) => arrays[`cell_${name}`]);
    const n = wm.shape[0];
    const places = [...range(0, planes), ...range(3, 3 + 3 * planes)];
    this.layers = [
      pack3x3(engine, n, places.length, (i, c, k) => w1.values[(i * 12 + places[c]) * 9 + k]),
      pack(engine, n, fours(n) / 2, (i, p, half) => (2 * p + half < n ? wm.values[i * n + 2 * p + half] : 0)),
      pack3x3(engine, 4 * planes, fours(n), (i, c, k) => (c < n ? w2.values[(i * n + c) * 9 + k] : 0)),
    ];
    this.wide = this.layers.some((layer) => layer.wide);
    this.layers.forEach((layer) => place(engine, layer, this.wide));
  }

  put(level, t) {
    const { arrays } = this;
    const biases = [conditioned(arrays, 'cell', level, t), arrays.cell_bm.values,
      arrays.cell_b2.values.subarray(0, 4 * this.planes)];
    return putLayers(this.engine, this.layers, biases, ['s1', 'sm', 's2'].map((name) => arrays[`cell_${name}`].values[0]));
  }
}

/* Put the weights of a layer where they stay; `wide`: of 32 bits, because another layer's need them. */
function place(engine, layer, wide) {
  const { neurons, pairs, at } = layer;
  layer.weights = engine.put(layer.packed);
  if (wide) {
    layer.wideWeights = engine.put(layer.wide ?? Int32Array.from({ length: 2 * neurons * pairs }, (_, k) => {
      const n = Math.floor(k / (2 * pairs));
      return at(n, (k >> 1) % pairs, k & 1) || 0;
    }));
  }
  layer.packed = layer.wide = layer.at = null;
}

/* Layers with their biases, in which half of 2^shift is. */
function putLayers(engine, layers, biases, shifts) {
  const words = new Int32Array(LAYER_WORDS * layers.length);
  layers.forEach((layer, k) => {
    const bias = new Int32Array(layer.neurons);
    biases[k].forEach((value, n) => (bias[n] = value + (2 ** shifts[k] >> 1)));
    words.set([layer.weights, engine.put(bias), layer.neurons, layer.pairs, shifts[k], 0], LAYER_WORDS * k);
  });
  const wide = layers[0].wideWeights ? engine.put(Uint32Array.from(layers, (layer) => layer.wideWeights)) : 0;
  return { layers: engine.put(words), words, wide };
}

/* The bias of a first layer at a level and step offset t. */
function conditioned(arrays, part, level, t) {
  const b1 = arrays[`${part}_b1`];
  const q1 = arrays[`${part}_q1`].values;
  const n = b1.shape[1];
  return Float64Array.from({ length: n }, (_, k) =>
    b1.values[level * n + k] + Math.floor((q1[k] * 32 * t + q1[n + k] * t * t) / 1024));
}
